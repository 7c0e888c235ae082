// What can be said of a file before it is sent: that it is too large, or no picture that this server reads.

import { bytes } from "./numbers.js";

const HEAD_BYTES = 512;
const HEIC = /^(hei[cxms]|hev[cxms]|mif1|msf1)$/;
const VIDEO = /^(qt|mp4|isom|iso\d|avc1|m4v|3g|dash)/i;
const BY_START = [
  ["%PDF", "judge.pdf", "PDF"],
  ["8BPS", "judge.layers", "PSD"],
  ["gimp xcf", "judge.layers", "XCF"],
  ["PK\x03\x04", "judge.archive", "ZIP"],
  ["Rar!", "judge.archive", "RAR"],
  ["7z\xbc\xaf", "judge.archive", "7Z"],
  ["\x1f\x8b", "judge.archive", "GZ"],
  ["\x1aE\xdf\xa3", "judge.video", "WebM"],
  ["\0\0\x01\0", "judge.icon", "ICO"],
  ["ID3", "judge.other", "MP3"],
  ["OggS", "judge.other", "OGG"],
];
const DOCUMENT = /\.(docx?|xlsx?|pptx?|od[tsp]|pages|numbers|key|epub)$/i;

/** Why a file is not sent, as { key, values }; null where the server is to judge. read: the formats that it reads. */
export async function objection(file, { mostBytes, read }) {
  if (file.size === 0) return { key: "judge.empty" };
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer()));
  const kind = kindOf(head, file.name);
  if (kind && !read.has(kind.values.kind.toLowerCase())) return kind;
  if (mostBytes && file.size > mostBytes) {
    return { key: "judge.size", values: { size: bytes(file.size), most: bytes(mostBytes) } };
  }
  return null;
}

/** What the first bytes say, where that is no picture that everybody reads. */
export function kindOf(head, name) {
  const found = (key, kind) => ({ key, values: { kind } });
  if (head.slice(4, 8) === "ftyp") {
    const brand = head.slice(8, 12);
    if (HEIC.test(brand)) return found("judge.heic", "HEIC");
    if (brand === "avif" || brand === "avis") return found("judge.modern", "AVIF");
    if (VIDEO.test(brand)) return found("judge.video", "MP4");
    return null;
  }
  if (head.startsWith("\xff\x0a") || head.startsWith("\0\0\0\x0cJXL ")) return found("judge.modern", "JXL");
  if (head.startsWith("RIFF") && head.slice(8, 11) === "AVI") return found("judge.video", "AVI");
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i.test(head)) return found("judge.drawing", "SVG");
  if (/^\s*<(!doctype html|html|head)[\s>]/i.test(head)) return found("judge.other", "HTML");
  const [, key, kind] = BY_START.find(([start]) => head.startsWith(start)) ?? [];
  if (key === "judge.archive" && DOCUMENT.test(name)) return found("judge.other", DOCUMENT.exec(name)[1].toUpperCase());
  return key ? found(key, kind) : null;
}
