// What to make of the files: read from the form, remembered in this browser, turned into the API's parameters.

import { $, $$, setText } from "./dom.js";
import { t } from "./language.js";

const NAME = "leanpix.settings";
const SETTLE_MS = 500;
/** How good "automatic" is, in words and as the score that is kept; "" is the server's own, 75 unless it was told else. */
const LEVELS = { small: "60", balanced: "", fine: "88" };
const DEFAULTS = { mode: "auto", score: "", quality: 80, kbyte: 200, width: "", height: "", fit: "inside", format: "", keep: "" };

/** The API's fields for these settings, in the order people write them. */
export function parameters(settings) {
  const fields = {};
  if (settings.mode === "auto" && settings.score) fields.target_score = settings.score;
  if (settings.mode === "quality") fields.quality = settings.quality;
  if (settings.mode === "kbyte") fields.kbyte = settings.kbyte;
  if (settings.width) fields.width = settings.width;
  if (settings.height) fields.height = settings.height;
  if (settings.width && settings.height) fields.fit = settings.fit;
  if (settings.format) fields.format = settings.format;
  if (settings.keep) fields.keep = settings.keep;
  return fields;
}

/** Why a file cannot be made with these settings, as far as its name tells; null where nothing speaks against it. */
export function obstacle(item, settings) {
  const isPng = !settings.format && item.file && /\.png$/i.test(item.name);
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

  /** Have these formats to choose from, those that the page does not know as well; one remembered goes if it is none. */
  offer(formats) {
    const select = this.#form.elements.format;
    const wasUnknown = select.selectedIndex < 0; // a remembered one; an option that is added would take its place
    const known = new Set(Array.from(select.options, (option) => option.value));
    select.append(...formats.filter((name) => !known.has(name)).map((name) => new Option(name.toUpperCase(), name)));
    const isDropped = this.#values.format && this.#values.format !== "auto" && !formats.includes(this.#values.format);
    if (isDropped) this.#values.format = "";
    if (wasUnknown) select.value = this.#values.format;
    this.#arrange();
    if (isDropped) this.#changed(this.values);
  }

  #fill() {
    for (const [name, value] of Object.entries(this.#values)) {
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
    return { ...this.#values, ...read };
  }

  /** Show the fields that the chosen mode has, and nothing that cannot be combined. */
  #arrange() {
    const { mode, width, height, format, quality, score } = this.#form.elements;
    for (const radio of $$("[name=level]", this.#form)) radio.checked = LEVELS[radio.value] === score.value;
    for (const field of $$("[data-mode]", this.#form)) field.hidden = field.dataset.mode !== mode.value;
    $("[data-fit]", this.#form).hidden = !(width.value && height.value);
    const png = $("option[value=png]", format);
    png.disabled = mode.value === "kbyte";
    if (png.disabled && format.value === "png") format.value = "";
    setText($("#quality-shown"), quality.value);
    setText($("#settings-note"), this.#note(mode.value, format.value, score.value));
  }

  #note(mode, format, score) {
    if (!this.#form.checkValidity()) return t("settings.bounds");
    if (mode === "kbyte" && !format) return t("settings.pngs");
    if (mode !== "auto") return "";
    const level = Object.keys(LEVELS).find((name) => LEVELS[name] === score);
    return level ? t(`settings.${level}`) : t("settings.score", { score });
  }
}
