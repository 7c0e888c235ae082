const { readdirSync, writeFileSync } = require("node:fs");

const { TinyPNG } = require("tinypng");
const scene = JSON.parse(process.env.TINIFY_SCENE);
const client = new TinyPNG(scene.key);

(async () => {
  for (const name of readdirSync(scene.in)) {
    const { data } = await client.compress(`${scene.in}/${name}`);
    writeFileSync(`${scene.out}/${name}`, data);
  }
})();
