// A file's row in the table.

import { $, setText, stamp } from "./dom.js";
import { addedWords, has, language, t, told, translate } from "./language.js";
import { bytes, change, tenths } from "./numbers.js";
import { described, exampleOf, isSet, scoreOf } from "./sets.js";
import { thumbnail } from "./thumbnails.js";

const BUSY = new Set(["queued", "waiting", "uploading", "working", "fetching"]);

export const isBusy = (item) => BUSY.has(item.phase);

/** The row of an item; `on` has a handler for each of its buttons, by name. */
export class Row {
  constructor(item, on) {
    this.item = item;
    this.element = stamp("row");
    this.parts = Object.fromEntries(
      ["thumb", "kind", "name", "meta", "before", "after", "saved", "bar", "score", "state", "progress", "detail", "words"].map(
        (part) => [part, $(`[data-part=${part}]`, this.element)],
      ),
    );
    for (const button of this.element.querySelectorAll("[data-do]")) {
      button.addEventListener("click", () => on[button.dataset.do](item));
    }
    this.#label();
    setText(this.parts.name, item.path);
    this.parts.name.title = item.url ?? item.path;
    setText(this.parts.kind, (/\.([a-z0-9]{1,4})$/i.exec(item.name)?.[1] ?? "img").toUpperCase());
    if (item.file) thumbnail(this.parts.thumb, item.file);
    this.update();
  }

  /** The language has changed. */
  retell() {
    translate(this.element);
    this.#label();
    this.update();
  }

  #label() {
    for (const button of this.element.querySelectorAll("[data-do]")) {
      button.setAttribute("aria-label", `${button.title}: ${this.item.name}`);
    }
  }

  /** Show the item as it is now. */
  update() {
    const { item, parts } = this;
    this.element.dataset.phase = item.phase;
    this.#updateKind(isSet(item));
    this.element.setAttribute("aria-busy", String(isBusy(item)));
    setText(parts.before, bytes(item.sourceBytes));
    const after = item.blob ? item.blob.size : null;
    setText(parts.after, bytes(after));
    const saved = isSet(item) ? null : after; // of a set's bytes and its source's nothing follows
    setText(parts.saved, change(item.sourceBytes, saved));
    parts.bar.style.setProperty("--share", saved == null || !item.sourceBytes ? 0 : 1 - saved / item.sourceBytes);
    this.#updateScore();
    this.#updateState();
    setText(parts.meta, describe(item));
    this.element.title = advice(item);
    const compare = $("[data-do=compare].thumb", this.element);
    compare.disabled = !item.blob;
    if (item.blob && !parts.thumb.classList.contains("drawn")) this.#draw();
  }

  /** A set opens its sizes where another result opens the comparison. */
  #updateKind(isOne) {
    const { thumb } = this.parts;
    if (this.element.classList.contains("set") === isOne) return;
    this.element.classList.toggle("set", isOne);
    thumb.dataset.tAttributes = isOne ? "title=row.sizes" : "title=row.look";
    thumb.title = t(isOne ? "row.sizes" : "row.look");
    this.#label();
  }

  async #draw() {
    const { item, parts } = this;
    thumbnail(parts.thumb, isSet(item) ? await exampleOf(item) : item.blob);
  }

  #updateScore() {
    const { item, parts } = this;
    const score = scoreOf(item);
    setText(parts.score, score == null ? "–" : tenths(score));
  }

  #updateState() {
    const { item, parts } = this;
    const step = `working.${item.detail}`;
    setText(parts.state, t(item.phase === "working" && has(step) ? step : `state.${item.phase}`));
    const [detail, words] = details(item);
    setText(parts.detail, detail);
    setText(parts.words, words);
    parts.progress.hidden = !isBusy(item);
    parts.progress.value = overall(item);
    parts.progress.setAttribute("aria-label", t("row.progress", { name: item.name }));
  }
}

/** Progress from 0 to 1 over all phases: sending is the first third, the server's work the rest. */
export function overall({ phase, progress = 0, file }) {
  if (phase === "uploading") return progress * 0.35;
  if (phase === "working") return (file ? 0.35 : 0.1) + progress * 0.55;
  if (phase === "fetching") return 0.95;
  return phase === "done" || phase === "failed" ? 1 : 0;
}

/** What there is to say of an item, and what the server says of it in English where the page is in another language. */
function details({ phase, detail, error, blob, report }) {
  if (error) return [told(error), addedWords(error)];
  if (phase === "waiting") return [told(detail), ""];
  if (!blob || !report) return ["", ""];
  const lost = (report.lost ?? []).map((kind) => (has(`lost.${kind}`) ? t(`lost.${kind}`) : kind));
  const without = lost.length ? [t("row.without", { kinds: lost.join(t("joint")) })] : [];
  const warnings = report.warnings ?? [];
  if (language() === "en") return [sentence([...warnings, ...without]), ""];
  return [sentence(without), sentence(warnings)];
}

function sentence(parts) {
  const text = parts.join(". ");
  return text && text[0].toUpperCase() + text.slice(1);
}

function advice({ report, blob, images }) {
  if (!blob || images?.length || !report?.advice) return "";
  return t("row.advice", { format: report.advice.format.toUpperCase(), size: bytes(report.advice.likely_bytes) });
}

function describe(item) {
  const { report, blob, url } = item;
  if (!report || !blob) return url ? t("row.web") : "";
  if (isSet(item)) return [`${report.source_width_px} × ${report.source_height_px}`, ...described(item)].join(" · ");
  const [from, to] = [report.source_format, report.format].map((name) => name.toUpperCase());
  const kept = [report.width_px, report.height_px].join(" × ");
  const sides = `${report.source_width_px} × ${report.source_height_px}`;
  const facts = [sides === kept ? kept : `${sides} → ${kept}`, from === to ? to : `${from} → ${to}`];
  if (report.quality != null) facts.push(t("row.quality", { quality: Math.round(report.quality) }));
  return facts.join(" · ");
}
