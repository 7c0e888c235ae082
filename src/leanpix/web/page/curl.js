// A row's work as a command line.

import { parameters } from "./settings.js";

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

/** curl's own quoting: a form's file name may hold `;`, `,` and quotes. */
function formFile(name) {
  if (!/[;,"\\]/.test(name)) return `image_file=@${name}`;
  return `image_file=@"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The command; the key is left to the environment, so that it does not end up in chats and tickets. */
export function curlCommand(source, settings) {
  const url = new URL("api/tasks/visual/imgcompress", document.baseURI).href;
  const fields = Object.entries(parameters(settings)).map(([name, value]) => `-F ${quoted(`${name}=${value}`)}`);
  const from = source.file ? formFile(source.name) : `image_url=${source.url}`;
  const option = source.file ? "-F" : "--form-string";
  const lines = [
    `curl ${quoted(url)}`,
    `-H "X-API-KEY: $LEANPIX_API_KEY"`,
    `-F 'sync=1'`,
    ...fields,
    `${option} ${quoted(from)}`,
  ];
  return lines.join(" \\\n  ");
}
