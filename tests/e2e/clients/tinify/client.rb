# The official client: one of everything, the results into the folder that the test looks at. Argument: its sources.
require "json"

$LOAD_PATH.unshift("#{ARGV[0]}/lib")
require "tinify"

scene = JSON.parse(ENV.fetch("TINIFY_SCENE"))
out = scene["out"]
Tinify.key = scene["key"]
Tinify.validate!
source = Tinify.from_file("#{scene['in']}/a.jpg")
source.to_file("#{out}/a.jpg")
source.resize(method: "fit", width: 60, height: 60).to_file("#{out}/fit.jpg")
source.convert(type: ["image/webp"]).to_file("#{out}/converted.webp")
source.preserve("copyright").to_file("#{out}/kept.jpg")
Tinify.from_buffer(File.binread("#{scene['in']}/b.png")).to_file("#{out}/b.png")
result = source.result
told = { width: result.width, height: result.height, size: result.size, type: result.media_type,
         count: Tinify.compression_count }
begin
  Tinify.from_buffer("no picture")
rescue Tinify::ClientError => error
  told["no picture"] = error.status
end
Tinify.key = "lp_wrong"
begin
  Tinify.validate!
rescue Tinify::AccountError => error
  told["wrong key"] = error.status
end
puts JSON.generate(told)
