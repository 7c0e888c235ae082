// The official client of npm with forty uploads at once. Arguments as of node.mjs; prints the sizes of what came back.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, sceneText] = process.argv.slice(2);
const scene = JSON.parse(sceneText);
const require = createRequire(`${modules}/`);
const tinify = require("tinify");
const { default: Client } = require("tinify/lib/tinify/Client.js");
Client.API_ENDPOINT = scene.endpoint;
Client.CA_BUNDLE = readFileSync(scene.ca);
tinify.key = scene.key;

const picture = readFileSync(scene.picture);
const results = await Promise.all(Array.from({ length: 40 }, () => tinify.fromBuffer(picture).toBuffer()));
console.log(JSON.stringify(results.map((result) => result.length)));
