<?php
// One of the WordPress plugin's two classes compresses the pictures where they are, with a size and what is kept, as the
// plugin does after an upload. Arguments: the plugin's sources, the class. WordPress itself is not here: what little the
// classes take of it stands below.
$scene = json_decode(getenv("TINIFY_SCENE"), true);

class WP_HTTP_Proxy { public function is_enabled() { return false; } }
class Tiny_Plugin { static function wp_version() { return "6.8"; } static function version() { return "0"; } }
class Tiny_Logger { static function debug(...$words) {} static function error(...$words) {} }
function esc_html($text) { return $text; }

foreach (["config/class-tiny-config", "class-tiny-exception", "class-tiny-helpers", "class-tiny-php",
    "class-tiny-compress", "class-tiny-compress-client", "class-tiny-compress-fopen"] as $name) {
    require "$argv[1]/src/$name.php";
}

/** An instance of the class: only Tiny_Compress::create may make one, and takes the first class that can work. */
function compressor(string $class, string $key): Tiny_Compress {
    return Closure::bind(fn() => new $class($key, null), null, $class)();
}

$compressor = compressor($argv[2], $scene["key"]);
$status = $compressor->get_status();
$told = ["ok" => $status->ok];
foreach (["a.jpg" => ["method" => "fit", "width" => 60, "height" => 60], "b.png" => []] as $name => $resize) {
    copy("$scene[in]/$name", "$scene[out]/$name");
    $told[$name] = $compressor->compress_file("$scene[out]/$name", $resize, $resize ? ["copyright"] : []);
}
$told["count"] = $compressor->get_compression_count();
$told["remaining"] = $compressor->get_remaining_credits();
$refused = compressor($argv[2], "lp_wrong")->get_status();
$told["refused"] = ["ok" => $refused->ok, "message" => $refused->message];
file_put_contents("$scene[out]/no.jpg", "no picture");
$compressor = compressor($argv[2], $scene["key"]);
try {
    $compressor->compress_file("$scene[out]/no.jpg");
} catch (Tiny_Exception $error) {
    $told["no picture"] = $error->get_status();
}
echo json_encode($told);
