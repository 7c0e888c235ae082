// The official client of npm, as it is but for its endpoint and the authority it trusts: does one of everything and
// prints what came of it. Arguments: the folder of node_modules, the scene as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, sceneText] = process.argv.slice(2);
const scene = JSON.parse(sceneText);
const require = createRequire(`${modules}/`);
const tinify = require("tinify");
const { default: Client } = require("tinify/lib/tinify/Client.js");
Client.API_ENDPOINT = scene.endpoint;
Client.CA_BUNDLE = readFileSync(scene.ca);

const told = {};

async function shown(name, source) {
  const result = source.result();
  const [data, width, height, type, size] = await Promise.all([
    result.toBuffer(), result.width(), result.height(), result.mediaType(), result.size(),
  ]);
  told[name] = { bytes: data.length, size, width, height, type, picture: Buffer.from(data).toString("base64") };
}

async function failed(name, work) {
  try {
    await work();
    told[name] = "no error";
  } catch (error) {
    told[name] = { kind: error.constructor.name, status: error.status ?? null, message: error.message };
  }
}

tinify.key = scene.key;
await tinify.validate();
const picture = readFileSync(scene.picture);
await shown("file", tinify.fromFile(scene.picture));
await shown("buffer", tinify.fromBuffer(picture));
await shown("url", tinify.fromUrl(scene.url));
const source = tinify.fromBuffer(picture);
await shown("scale", source.resize({ method: "scale", width: 60 }));
await shown("cover", source.resize({ method: "cover", width: 40, height: 40 }));
await shown("convert", source.convert({ type: ["image/webp", "image/png"] }));
await shown("filled", tinify.fromFile(scene.transparent).convert({ type: "image/jpeg" }).transform({ background: "white" }));
await shown("preserve", source.preserve("copyright", "creation", "location"));
await source.resize({ method: "fit", width: 50, height: 50 }).toFile(scene.written);
told.count = tinify.compressionCount;
const stored = source.resize({ method: "scale", width: 30 }).store(scene.store);
told.stored = { location: await stored.location(), width: await stored.width() };
await failed("text", () => tinify.fromBuffer(Buffer.from("no picture")).toBuffer());
await failed("wrong command", () => source.resize({ method: "fit", width: 50 }).toBuffer());
await failed("lost url", () => tinify.fromUrl("http://127.0.0.1:1/lost.jpg").toBuffer());
tinify.key = scene.emptyKey;
await tinify.validate();
await failed("no credits", () => tinify.fromBuffer(picture).toBuffer());
tinify.key = "lp_wrong_key";
await failed("wrong key", () => tinify.fromBuffer(picture).toBuffer());
await failed("wrong key validated", () => tinify.validate());
console.log(JSON.stringify(told));
