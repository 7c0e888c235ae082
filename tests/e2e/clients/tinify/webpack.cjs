// Builds a page's assets with one plugin. Arguments: the plugin's name. Its options are those of its README.
const { readdirSync, writeFileSync } = require("node:fs");

const webpack = require("webpack");
const scene = JSON.parse(process.env.TINIFY_SCENE);
const Plugin = require(process.argv[2]);

const entry = `${scene.work}/entry.js`;
writeFileSync(entry, readdirSync(scene.in).map((name) => `require(${JSON.stringify(`${scene.in}/${name}`)});`).join("\n"));
const loader = require.resolve("file-loader");
webpack({
  mode: "development",
  entry,
  output: { path: scene.out, filename: "page.js" },
  module: { rules: [{ test: /\.(jpg|png)$/, use: [{ loader, options: { name: "[name].[ext]" } }] }] },
  plugins: [new Plugin({ key: scene.key })],
}, (error, stats) => {
  if (error || stats.hasErrors()) {
    console.error(error ?? stats.toString());
    process.exit(1);
  }
});
