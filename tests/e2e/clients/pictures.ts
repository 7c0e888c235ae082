import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const [base, key, picture, archive] = process.argv.slice(2);
const basic = "Basic " + Buffer.from(`api:${key}`).toString("base64");
const tinify = createClient<paths>({ baseUrl: base, headers: { Authorization: basic } });
const native = createClient<paths>({ baseUrl: base, headers: { "X-API-KEY": key } });

const sent = new Blob([readFileSync(picture)]);
const upload = await tinify.POST("/shrink", {
  body: sent as unknown as string,
  bodySerializer: (body) => body,
  headers: { "Content-Type": "application/octet-stream" },
});
if (upload.error) throw new Error(`${upload.error.error}: ${upload.error.message}`);
const name = upload.response.headers.get("location")!.replace("/output/", "");
const made = await tinify.POST("/output/{name}", {
  params: { path: { name } },
  body: { resize: { method: "cover", width: 20, height: 20 }, convert: { type: ["image/webp"] } },
  parseAs: "arrayBuffer",
});
const wrong = await tinify.POST("/shrink", { body: { source: { url: "http://127.0.0.1:1/" } } });
const batch = await native.POST("/v1/batches", {
  body: { archive, quality: 50 },
  bodySerializer: () => {
    const form = new FormData();
    form.append("archive", new Blob([readFileSync(archive)]), "pictures.zip");
    form.append("quality", "50");
    return form;
  },
});
if (batch.error) throw new Error(batch.error.message);
console.log(made.response.headers.get("content-type"), upload.data.output?.width, wrong.error?.error);
console.log(batch.data.data.batch_id);
