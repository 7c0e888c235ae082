// Sets: several widths and formats of one picture, which come as one ZIP that is not packed.

import { $, copyText, save, setText, stamp } from "./dom.js";
import { t } from "./language.js";
import { bytes, counted, tenths } from "./numbers.js";
import { thumbHashToRGBA } from "./vendor/thumbhash.js";

const LOCAL_HEAD_BYTES = 30;
const LOCAL_HEAD = 0x04034b50;
const SHOWN_EVERYWHERE = new Set(["jpg", "png", "webp"]);

/** Whether an item's result is several pictures. */
export const isSet = (item) => Boolean(item.blob && item.images?.length);

/** The score of an item's result, of a set the lowest; null where there is none. */
export function scoreOf(item) {
  if (!item.blob) return null;
  if (!isSet(item)) return item.report?.score ?? null;
  const scores = item.images.map((image) => image.score).filter((score) => score != null);
  return scores.length ? Math.min(...scores) : null;
}

/** How many pictures there are, and in which formats. */
export const described = ({ images }) => [
  counted("pictures", images.length),
  [...new Set(images.map((image) => image.format.toUpperCase()))].join(t("joint")),
];

/** The files of a ZIP that is not packed, as { name, blob } in their order: each has a head of its own before it. */
export async function members(zip) {
  const found = [];
  for (let at = 0; ; ) {
    const head = new DataView(await zip.slice(at, at + LOCAL_HEAD_BYTES).arrayBuffer());
    if (head.byteLength < LOCAL_HEAD_BYTES || head.getUint32(0, true) !== LOCAL_HEAD) return found;
    const [size, nameBytes, extraBytes] = [head.getUint32(18, true), head.getUint16(26, true), head.getUint16(28, true)];
    const name = await zip.slice(at + LOCAL_HEAD_BYTES, at + LOCAL_HEAD_BYTES + nameBytes).text();
    const start = at + LOCAL_HEAD_BYTES + nameBytes + extraBytes;
    at = start + size;
    found.push({ name, blob: zip.slice(start, at) });
  }
}

/** The smallest of a set's pictures that every browser shows. */
export async function exampleOf({ images, blob }) {
  const place = images.findIndex((image) => SHOWN_EVERYWHERE.has(image.format));
  return (await members(blob))[Math.max(0, place)].blob;
}

/** A file's name without its ending. */
export const stem = (path) => path.replace(/\.[^./]+$/, "");

/** The dialog that lists a set's pictures, with what a web page needs to show them. */
export class SetDialog {
  #dialog = $("#set");
  #item = null;

  /** download(item) saves the whole ZIP. */
  constructor({ download }) {
    $("[data-close]", this.#dialog).addEventListener("click", () => this.#dialog.close());
    $("#set-download").addEventListener("click", () => download(this.#item));
    $("#set-copy").addEventListener("click", async () => {
      await copyText(this.#item.html);
      setText($("#set-copy span"), t("set.copied")); // what is said in passing lies behind a dialog
    });
  }

  open(item) {
    this.#item = item;
    const { report, html } = item;
    setText($("#set-title"), item.name);
    const sides = `${report.source_width_px} × ${report.source_height_px}`;
    setText($("#set-facts"), [sides, ...described(item), bytes(item.blob.size)].join(" · "));
    $("#set-pictures").replaceChildren(...item.images.map((image, place) => this.#row(image, place)));
    $("#set-html").value = html;
    setText($("#set-copy span"), t("set.copy"));
    this.#placeholder(report.placeholder);
    this.#dialog.showModal();
  }

  #row(image, place) {
    const row = stamp("set-row");
    const part = (name) => $(`[data-part=${name}]`, row);
    setText(part("sides"), `${image.width} × ${image.height}`);
    setText(part("format"), image.format.toUpperCase());
    setText(part("bytes"), bytes(image.bytes));
    setText(part("score"), image.score == null ? "–" : tenths(image.score));
    const button = part("download");
    button.setAttribute("aria-label", `${button.title}: ${image.width} × ${image.height} ${image.format.toUpperCase()}`);
    const item = this.#item;
    button.addEventListener("click", async () => {
      const { name, blob } = (await members(item.blob))[place];
      save(blob, `${stem(item.name)}-${name}`);
    });
    return row;
  }

  #placeholder(placeholder) {
    const { thumbhash, colour } = placeholder;
    setText($("#set-colour"), `#${colour}`);
    setText($("#set-hash"), thumbhash);
    $("#set-swatch").style.background = `#${colour}`;
    const { w: width, h: height, rgba } = thumbHashToRGBA(Uint8Array.from(atob(thumbhash), (letter) => letter.charCodeAt(0)));
    const canvas = Object.assign($("#set-thumbhash"), { width, height });
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
  }
}
