// Files and addresses on their way in: dropped, pasted, picked, or typed.

import { $, $$ } from "./dom.js";

const PICTURE = new RegExp(
  "\\.(jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|sgi|rgb|rgba|bw|raw|dng|cr2|cr3|nef|nrw|arw|srf|sr2|orf|rw2|raf|pef" +
    "|srw|x3f|3fr|erf|kdc|dcr|mrw|mos|iiq|rwl|lzw|bitmap)$",
  "i",
);

const source = (file, path) => ({ file, url: null, name: file.name, path: path.replace(/^\/+/, "") });

/** Which of a folder's files to take: pictures by name or type; hidden files never. */
function isPicture({ file }) {
  return !file.name.startsWith(".") && (PICTURE.test(file.name) || file.type.startsWith("image/"));
}

/** The http(s) addresses in a text, one each word. */
export function addresses(text) {
  const found = text.split(/\s+/).filter((word) => /^https?:\/\/\S+$/i.test(word) && URL.canParse(word));
  return [...new Set(found)].map((url) => ({ file: null, url, ...named(url) }));
}

function named(url) {
  const last = new URL(url).pathname.split("/").filter(Boolean).pop() ?? new URL(url).hostname;
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // a percent sign that escapes nothing: the name stays as it is written
  }
  name = name.replaceAll("/", "_");
  return { name, path: name };
}

async function read(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [source(file, entry.fullPath)];
  }
  const reader = entry.createReader();
  const found = [];
  // A reader gives at most a hundred entries at a time, and none when it is through.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const one of some) found.push(...(await read(one)));
  }
}

async function dropped(transfer) {
  // Entries have to be taken before the first await: the browser empties the transfer after the event.
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files];
  if (entries.length && entries.every(Boolean)) {
    const lists = await Promise.all(entries.map(async (entry) => [entry.isDirectory, await read(entry)]));
    return lists.map(([fromFolder, sources]) => chosen(sources, fromFolder));
  }
  return [chosen(files.map((file) => source(file, file.name)), false)];
}

/** What was named one by one is taken as it is, and judged by the server; out of folders only pictures are. */
function chosen(sources, fromFolder) {
  const taken = fromFolder ? sources.filter(isPicture) : sources;
  return { taken, skipped: sources.length - taken.length };
}

/** Listen everywhere; `add(sources, skipped)` is called with what came. */
export function startIntake(add) {
  const give = (lists) => add(lists.flatMap((list) => list.taken), lists.reduce((sum, list) => sum + list.skipped, 0));
  listenForDrops(give);
  document.addEventListener("paste", (event) => {
    if (event.target.closest("input, textarea, select")) return;
    const files = [...event.clipboardData.files].map((file) => source(file, file.name));
    const found = files.length ? files : addresses(event.clipboardData.getData("text"));
    if (found.length) give([chosen(found, false)]);
  });
  for (const input of $$("input[type=file]")) {
    input.addEventListener("change", () => {
      const folder = input.webkitdirectory;
      give([chosen([...input.files].map((file) => source(file, file.webkitRelativePath || file.name)), folder)]);
      input.value = "";
    });
  }
  for (const button of $$("[data-pick]")) button.addEventListener("click", () => $(button.dataset.pick).click());
  listenForAddresses(give);
}

function listenForDrops(give) {
  const body = document.body;
  let depth = 0;
  const over = (event) => event.dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
  body.addEventListener("dragenter", (event) => {
    if (over(event) && (depth += 1)) body.classList.add("dragging");
  });
  body.addEventListener("dragleave", (event) => {
    if (over(event) && (depth -= 1) <= 0) body.classList.remove("dragging");
  });
  body.addEventListener("dragover", (event) => over(event) && event.preventDefault());
  body.addEventListener("drop", async (event) => {
    if (!over(event)) return;
    event.preventDefault();
    depth = 0;
    body.classList.remove("dragging");
    const links = addresses(event.dataTransfer.getData("text/uri-list"));
    give(event.dataTransfer.files.length ? await dropped(event.dataTransfer) : [chosen(links, false)]);
  });
}

function listenForAddresses(give) {
  const dialog = $("#urls");
  const [area, note] = [$("textarea", dialog), $(".form-note", dialog)];
  $("[data-close-dialog]", dialog).addEventListener("click", () => dialog.close());
  for (const button of $$("[data-urls]")) {
    button.addEventListener("click", () => {
      area.value = note.textContent = "";
      dialog.showModal();
    });
  }
  $("form", dialog).addEventListener("submit", (event) => {
    event.preventDefault();
    const found = addresses(area.value);
    if (!found.length) {
      note.textContent = "No address that starts with http:// or https:// was found.";
      return;
    }
    dialog.close();
    give([chosen(found, false)]);
  });
}
