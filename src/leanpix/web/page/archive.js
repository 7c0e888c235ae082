// Every result in one ZIP, in the folders the files came in.

import { isSet, members, stem } from "./sets.js";
import { downloadZip } from "./vendor/client-zip.js";

/** "shop/red shoe.png" as a result in webp: "shop/red shoe.png.webp", so that no sibling changes a name. */
export function resultName(item) {
  if (isSet(item)) return `${stem(item.path)}.zip`;
  const format = item.report?.format;
  if (!format || !item.blob) return item.path;
  const extension = /\.([^./]+)$/.exec(item.path)?.[1] ?? "";
  const same = extension.toLowerCase().replace("jpeg", "jpg").replace("jpe", "jpg") === format;
  return same ? item.path : `${item.path}.${format}`;
}

/**
 * What goes into the ZIP: results, each set in a folder of its own; and files that failed, as they were, so that no folder
 * loses one. What is still under way is in the next one.
 */
export async function entries(items) {
  const taken = new Set();
  const found = [];
  for (const item of items) {
    if (isSet(item)) {
      const folder = free(stem(item.path), taken);
      const files = await members(item.blob);
      found.push(...files.map(({ name, blob }) => ({ name: `${folder}/${name}`, input: blob, lastModified: modified(item) })));
      continue;
    }
    const input = item.blob ?? (item.phase === "failed" ? item.file : null);
    if (input) found.push({ name: free(resultName(item), taken), input, lastModified: modified(item) });
  }
  return found;
}

/** One blob; the archive only stores, as pictures do not get smaller by packing. */
export const zip = async (items) => downloadZip(await entries(items)).blob();

const modified = (item) => (item.blob || !item.file ? new Date() : new Date(item.file.lastModified));

function free(path, taken) {
  const [, stem, extension] = /^(.*?)(\.[^./]*)?$/.exec(path);
  let name = path;
  for (let n = 2; taken.has(name.toLowerCase()); n += 1) name = `${stem} (${n})${extension ?? ""}`;
  taken.add(name.toLowerCase());
  return name;
}
