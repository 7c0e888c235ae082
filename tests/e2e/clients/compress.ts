import createClient from "openapi-fetch";
import type { paths, components } from "./api.js";

const client = createClient<paths>({ baseUrl: "https://img.example", headers: { "X-API-KEY": "key" } });

export async function compress(image_url: string): Promise<components["schemas"]["TaskAnswer"]> {
  const made = await client.POST("/api/tasks/visual/imgcompress", { body: { image_url, quality: 80, format: "webp" } });
  if (made.error) throw new Error(made.error.message);
  const path = { task_id: made.data.data.task_id };
  const found = await client.GET("/api/tasks/visual/imgcompress/{task_id}", { params: { path } });
  if (found.error) throw new Error(`${found.error.status}`);
  const task = found.data.data;
  if (task.state === 1) console.log(task.image, task.report.saved_share);
  return found.data;
}
