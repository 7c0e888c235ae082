// Encode pictures with sharp: node sharp_peer.mjs '{"jobs":[{"source","target","format","options"}]}'; run in the folder it is
// installed in. Prints one JSON line a job with the CPU time of decoding and encoding, in milliseconds.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const sharp = createRequire(`${process.cwd()}/`)("sharp");
sharp.concurrency(1);
sharp.cache(false);
for (const { source, target, format, options } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const before = process.cpuUsage();
  await sharp(source)[format](options).toFile(target);
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ target, cpu_ms: (user + system) / 1000 }));
}
