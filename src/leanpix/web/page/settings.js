// What to make of the files: read from the form, remembered in this browser, turned into the API's parameters.

import { $, $$, setText } from "./dom.js";
import { t } from "./language.js";
import { counted } from "./numbers.js";

const NAME = "leanpix.settings";
const SETTLE_MS = 500;
/** How good "automatic" is, in words and as the score that is kept; "" is the server's own, 75 unless it was told else. */
const LEVELS = { small: "60", balanced: "", fine: "88" };
const GOALS = { mode: "auto", score: "", quality: 80, kbyte: 200, keep: "" };
const ONE = { width: "", height: "", fit: "inside", format: "" };
const SET = { widths: "400, 800, 1600", formats: "avif,webp,jpg" };
const DEFAULTS = { ...GOALS, result: "one", ...ONE, ...SET };
const LARGEST_PX = 8000;
const MOST_WIDTHS = 16;

/** The API's fields for these settings, in the order people write them. */
export function parameters(settings) {
  const fields = {};
  if (settings.mode === "auto" && settings.score) fields.target_score = settings.score;
  if (settings.mode === "quality") fields.quality = settings.quality;
  if (settings.mode === "kbyte") fields.kbyte = settings.kbyte;
  if (settings.result === "set") {
    fields.widths = numbersIn(settings.widths).join(",");
    fields.formats = settings.formats;
  } else {
    if (settings.width) fields.width = settings.width;
    if (settings.height) fields.height = settings.height;
    if (settings.width && settings.height) fields.fit = settings.fit;
    if (settings.format) fields.format = settings.format;
  }
  if (settings.keep) fields.keep = settings.keep;
  return fields;
}

/** What stands between commas or spaces; those of Chinese and Japanese, and their digits, count as well. */
const wordsIn = (text) => text.normalize("NFKC").split(/[\s,;、]+/).filter(Boolean);
const numbersIn = (text) => [...new Set(wordsIn(text).map(Number))].sort((a, b) => a - b);
const isWidth = (word) => /^[0-9]{1,4}$/.test(word) && Number(word) >= 1 && Number(word) <= LARGEST_PX;

/** What is wrong with a set's widths and formats, as a text's { key, values }; null where nothing is. */
export function setProblem(widths, formats, mostPictures) {
  const wrong = wordsIn(widths).find((word) => !isWidth(word));
  const count = numbersIn(widths).length;
  const pictures = count * formats.length;
  if (wrong !== undefined) return { key: "widths.wrong", values: { text: wrong } };
  if (count === 0) return { key: "widths.none" };
  if (count > MOST_WIDTHS) return { key: "widths.many", values: { number: count, most: MOST_WIDTHS } };
  if (formats.length === 0) return { key: "widths.formats" };
  if (pictures > mostPictures) return { key: "widths.pictures", values: { number: pictures, most: mostPictures } };
  return null;
}

/** Why a file cannot be made with these settings, as far as its name tells; null where nothing speaks against it. */
export function obstacle(item, settings) {
  const isPng = settings.result !== "set" && !settings.format && item.file && /\.png$/i.test(item.name);
  return settings.mode === "kbyte" && isPng ? { key: "settings.png", values: {} } : null;
}

/** Equal for settings that make the same result. */
export const fingerprint = (settings) => JSON.stringify(parameters(settings));

function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "{}");
    return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, found[name] ?? value]));
  } catch {
    return { ...DEFAULTS };
  }
}

/** The settings form; calls `changed(settings)` a moment after the last valid change. */
export class SettingsForm {
  #form = $("#settings");
  #values = remembered();
  #timer = 0;
  #mostPictures = Infinity;
  #changed;

  constructor(changed) {
    this.#changed = changed;
    this.#fill();
    this.#arrange();
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("input", (event) => {
      const level = event.target.name === "level" ? LEVELS[event.target.value] : undefined;
      if (level !== undefined) this.#form.elements.score.value = level;
      this.#edited();
    });
  }

  get values() {
    return { ...this.#values };
  }

  /** Take over values chosen elsewhere, such as in the comparison. */
  use(values) {
    this.#values = { ...this.#values, ...values };
    this.#fill();
    this.#form.dispatchEvent(new Event("input"));
  }

  /** The language has changed. */
  retell() {
    this.#arrange();
  }

  /**
   * Have these formats to choose from, those that the page does not know as well; one remembered goes if it is none.
   * mostPictures: of a set.
   */
  offer(formats, mostPictures) {
    this.#mostPictures = mostPictures;
    const isLess = this.#offerToSets(formats);
    const select = this.#form.elements.format;
    const wasUnknown = select.selectedIndex < 0; // a remembered one; an option that is added would take its place
    const known = new Set(Array.from(select.options, (option) => option.value));
    select.append(...formats.filter((name) => !known.has(name)).map((name) => new Option(name.toUpperCase(), name)));
    const isDropped = this.#values.format && this.#values.format !== "auto" && !formats.includes(this.#values.format);
    if (isDropped) this.#values.format = "";
    if (wasUnknown) select.value = this.#values.format;
    this.#arrange();
    if (isDropped || isLess) this.#changed(this.values);
  }

  /** Leave only these formats to sets; whether a set that is wanted loses one of its own. */
  #offerToSets(formats) {
    for (const box of $$("[name=formats]", this.#form)) if (!formats.includes(box.value)) box.closest("label").remove();
    const before = this.#values.formats;
    this.#values.formats = before.split(",").filter((name) => formats.includes(name)).join(",");
    return this.#values.result === "set" && this.#values.formats !== before;
  }

  #fill() {
    const { formats, ...values } = this.#values;
    for (const box of $$("[name=formats]", this.#form)) box.checked = formats.split(",").includes(box.value);
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements[name];
      if (field instanceof RadioNodeList || field.type === "radio") field.value = value;
      else field.value = value;
    }
  }

  #edited() {
    this.#arrange();
    clearTimeout(this.#timer);
    if (!this.#form.checkValidity()) return;
    this.#timer = setTimeout(() => {
      this.#values = this.#read();
      localStorage.setItem(NAME, JSON.stringify(this.#values));
      this.#changed(this.values);
    }, SETTLE_MS);
  }

  #read() {
    const fields = new FormData(this.#form);
    const read = Object.fromEntries([...fields].filter(([name]) => name in DEFAULTS));
    const numbers = ["score", "quality", "kbyte", "width", "height"];
    for (const name of numbers) if (read[name]) read[name] = Number(read[name]);
    if ("formats" in read) read.formats = fields.getAll("formats").join(",");
    return { ...this.#values, ...read };
  }

  /** Show the fields that the chosen mode has, and nothing that cannot be combined. */
  #arrange() {
    const { mode, result, width, height, format, quality, score } = this.#form.elements;
    const isSet = result.value === "set";
    const target = $("[name=mode][value=kbyte]", this.#form);
    target.disabled = isSet; // the API has no size for a whole set
    if (isSet && target.checked) mode.value = DEFAULTS.mode;
    for (const radio of $$("[name=level]", this.#form)) radio.checked = LEVELS[radio.value] === score.value;
    for (const field of $$("[data-mode]", this.#form)) field.hidden = field.dataset.mode !== mode.value;
    for (const part of $$("[data-result]", this.#form)) part.hidden = part.dataset.result !== result.value;
    // What is not shown may hold what is not allowed.
    for (const field of $$("[data-result] :is(input, select)", this.#form)) {
      field.disabled = field.closest("[data-result]").hidden;
    }
    $("[data-fit]", this.#form).hidden = isSet || !(width.value && height.value);
    this.#arrangeSet(isSet);
    const png = $("option[value=png]", format);
    png.disabled = mode.value === "kbyte";
    if (png.disabled && format.value === "png") format.value = "";
    setText($("#quality-shown"), quality.value);
    setText($("#settings-note"), this.#note(mode.value, format.value, score.value));
  }

  /** Say what a set comes to, or beside the field what is wrong with it. */
  #arrangeSet(isSet) {
    const { widths } = this.#form.elements;
    const formats = $$("[name=formats]:checked", this.#form);
    const problem = isSet ? setProblem(widths.value, formats, this.#mostPictures) : null;
    const said = problem ? t(problem.key, problem.values) : "";
    widths.setCustomValidity(said);
    widths.setAttribute("aria-invalid", String(problem !== null));
    setText($("#widths-note"), said);
    setText($("#set-note"), isSet && !problem ? counted("settings.set", numbersIn(widths.value).length * formats.length) : "");
  }

  #note(mode, format, score) {
    if (!this.#form.elements.widths.checkValidity()) return "";
    if (!this.#form.checkValidity()) return t("settings.bounds");
    if (mode === "kbyte" && !format) return t("settings.pngs");
    if (mode !== "auto") return "";
    const level = Object.keys(LEVELS).find((name) => LEVELS[name] === score);
    return level ? t(`settings.${level}`) : t("settings.score", { score });
  }
}
