// What people write with Fastify and sharp: POST a picture to /?format=jpg&quality=80&width=1200, get the result.
// node sharp_server.mjs PORT [mozjpeg], in the folder that both are installed in.
import { createRequire } from "node:module";

const require = createRequire(`${process.cwd()}/`);
const sharp = require("sharp");
const app = require("fastify")({ bodyLimit: 64 * 1024 * 1024 });
const mozjpeg = process.argv[3] === "mozjpeg";

app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.get("/", async () => ({ sharp: sharp.versions.sharp, libvips: sharp.versions.vips, fastify: app.version, node: process.version }));
app.post("/", async (request, reply) => {
  const { format, quality, width, height } = request.query;
  let picture = sharp(request.body).rotate();
  if (width) picture = picture.resize(Number(width), height ? Number(height) : undefined, { fit: "cover" });
  const options = format === "png" ? {} : { quality: Number(quality) };
  if (format === "jpg" && mozjpeg) options.mozjpeg = true;
  reply.type(`image/${format === "jpg" ? "jpeg" : format}`);
  return picture.toFormat(format === "jpg" ? "jpeg" : format, options).toBuffer();
});
await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
