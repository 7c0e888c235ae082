// Files and addresses on their way in: dropped, pasted, picked, or typed.

import { $, $$ } from "./dom.js";
import { t } from "./language.js";
import { counted } from "./numbers.js";

const PICTURE = new RegExp(
  "\\.(jpe?g|jpe|jfif|png|webp|avif|jxl|hei[cf]|hif|gif|bmp|dib|tiff?|sgi|rgb|rgba|bw|raw|dng|cr2|cr3|nef|nrw|arw|srf|sr2|orf|rw2|raf|pef" +
    "|srw|x3f|3fr|erf|kdc|dcr|mrw|mos|iiq|rwl|lzw|bitmap)$",
  "i",
);

/** Files from elsewhere than a picker, as sources. */
export const fileSources = (files) => files.map((file) => source(file, file.name));

const source = (file, path) => ({ file, url: null, name: file.name, path: path.replace(/^\/+/, "") });

/** Which of a folder's files to take: pictures by name or type; hidden files never. */
function isPicture({ file }) {
  return !file.name.startsWith(".") && (PICTURE.test(file.name) || file.type.startsWith("image/"));
}

/** The lines of a text that hold no address, each with its number and why: { line, text, key, values }. */
export function badLines(text) {
  return text.split("\n").flatMap((line, index) => {
    const word = line.trim();
    if (!word || addresses(word).length) return [];
    const values = { line: index + 1, text: word.length > 60 ? `${word.slice(0, 59)}…` : word, scheme: "" };
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(word)?.[1];
    if (scheme && !/^https?$/i.test(scheme) && !/^\S+:\d+(\/|$)/.test(word)) return [{ key: "urls.scheme", values: { ...values, scheme } }];
    const isBare = /^[\w-]+(\.[\w-]+)+(:\d+)?(\/\S*)?$/.test(word);
    return [{ key: isBare ? "urls.bare" : "urls.none", values }];
  });
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

/** The pictures in a piece of another page, as it is copied or dragged: where they lie, or what they are. */
async function picturesIn(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const found = [...page.images].map((image) => image.getAttribute("src") ?? "");
  const inline = found.filter((src) => src.startsWith("data:image/"));
  const files = await Promise.all(inline.map(async (src, number) => pictureOf(src, number)));
  return [...files.map((file) => source(file, file.name)), ...addresses(found.join(" "))];
}

/** A data URI as a file. By hand: fetch() of one is no connection to our own server, which is all that is allowed. */
function pictureOf(src, number) {
  const [, type, encoding, data] = /^data:([^;,]*)[^,]*?(;base64)?,(.*)$/s.exec(src);
  const text = encoding ? atob(data) : decodeURIComponent(data);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new File([bytes], `picture-${number + 1}.${type.slice(6).replace(/\W.*/, "").replace("jpeg", "jpg")}`, { type });
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
  document.addEventListener("paste", async (event) => {
    if (event.target.closest("input, textarea, select")) return;
    const files = [...event.clipboardData.files].map((file) => source(file, file.name));
    // Taken before the first await: the browser empties the clipboard's data after the event.
    const [html, text] = [event.clipboardData.getData("text/html"), event.clipboardData.getData("text")];
    const pictures = files.length || !html ? [] : await picturesIn(html);
    const found = [files, pictures, addresses(text)].find((some) => some.length);
    if (found) give([chosen(found, false)]);
  });
  for (const input of $$("input[type=file]")) {
    const take = () => {
      const folder = input.webkitdirectory;
      give([chosen([...input.files].map((file) => source(file, file.webkitRelativePath || file.name)), folder)]);
      input.value = "";
    };
    input.addEventListener("change", take);
    if (input.files.length) take(); // chosen while the page was still loading
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
    if (event.dataTransfer.files.length) return give(await dropped(event.dataTransfer));
    const links = addresses(event.dataTransfer.getData("text/uri-list"));
    // Of a picture that is a link the list has only where it leads to; the piece of its page has the picture.
    const pictures = await picturesIn(event.dataTransfer.getData("text/html"));
    return give([chosen(pictures.length ? pictures : links, false)]);
  });
}

function listenForAddresses(give) {
  const dialog = $("#urls");
  const [area, note] = [$("textarea", dialog), $(".form-note", dialog)];
  const say = (lines) => note.replaceChildren(...lines.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  $("[data-close-dialog]", dialog).addEventListener("click", () => dialog.close());
  for (const button of $$("[data-urls]")) {
    button.addEventListener("click", () => {
      area.value = "";
      say([]);
      dialog.showModal();
    });
  }
  $("form", dialog).addEventListener("submit", (event) => {
    event.preventDefault();
    const [found, bad] = [addresses(area.value), badLines(area.value)];
    if (found.length) give([chosen(found, false)]);
    if (found.length && !bad.length) return dialog.close();
    // The good ones are on their way: what is left in the field is what is to be mended.
    const added = found.length ? [counted("urls.added", found.length)] : [];
    say(bad.length ? [...added, ...bad.map(({ key, values }) => t(key, values))] : [t("urls.empty")]);
    if (found.length) area.value = area.value.split("\n").filter((line) => line.trim() && !addresses(line).length).join("\n");
    return area.focus();
  });
}
