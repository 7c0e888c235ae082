<?php
// The official client: one of everything, the results into the folder that the test looks at. Argument: its sources.
$scene = json_decode(getenv("TINIFY_SCENE"), true);
foreach (["Exception", "ResultMeta", "Result", "Source", "Client"] as $name) require "$argv[1]/lib/Tinify/$name.php";
require "$argv[1]/lib/Tinify.php";

\Tinify\setKey($scene["key"]);
\Tinify\validate();
$source = \Tinify\fromFile("$scene[in]/a.jpg");
$source->toFile("$scene[out]/a.jpg");
$source->resize(["method" => "fit", "width" => 60, "height" => 60])->toFile("$scene[out]/fit.jpg");
$source->convert(["type" => ["image/webp"]])->toFile("$scene[out]/converted.webp");
$source->preserve("copyright")->toFile("$scene[out]/kept.jpg");
\Tinify\fromBuffer(file_get_contents("$scene[in]/b.png"))->toFile("$scene[out]/b.png");
$result = $source->result();
$told = ["width" => $result->width(), "height" => $result->height(), "size" => $result->size(),
    "type" => $result->mediaType(), "count" => \Tinify\compressionCount()];
try {
    \Tinify\fromBuffer("no picture");
} catch (\Tinify\ClientException $error) {
    $told["no picture"] = $error->status;
}
\Tinify\setKey("lp_wrong");
try {
    \Tinify\validate();
} catch (\Tinify\AccountException $error) {
    $told["wrong key"] = $error->status;
}
echo json_encode($told);
