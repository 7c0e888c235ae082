// What to make of the files: read from the form, remembered in this browser, turned into the API's parameters.

import { $, $$, setText } from "./dom.js";

const NAME = "leanpix.settings";
const SETTLE_MS = 500;
const DEFAULTS = { mode: "auto", quality: 80, kbyte: 200, width: "", height: "", fit: "inside", format: "", keep: "" };

/** The API's fields for these settings, in the order people write them. */
export function parameters(settings) {
  const fields = {};
  if (settings.mode === "quality") fields.quality = settings.quality;
  if (settings.mode === "kbyte") fields.kbyte = settings.kbyte;
  if (settings.width) fields.width = settings.width;
  if (settings.height) fields.height = settings.height;
  if (settings.width && settings.height) fields.fit = settings.fit;
  if (settings.format) fields.format = settings.format;
  if (settings.keep) fields.keep = settings.keep;
  return fields;
}

/** Why a file cannot be made with these settings, as far as its name tells; "" where nothing speaks against it. */
export function obstacle(item, settings) {
  const isPng = !settings.format && item.file && /\.png$/i.test(item.name);
  return settings.mode === "kbyte" && isPng ? "PNG has no target size: choose JPG or WebP as the format." : "";
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
    this.#form.addEventListener("input", () => this.#edited());
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
    const read = Object.fromEntries(new FormData(this.#form));
    const numbers = ["quality", "kbyte", "width", "height"];
    for (const name of numbers) if (read[name]) read[name] = Number(read[name]);
    return { ...this.#values, ...read };
  }

  /** Show the fields that the chosen mode has, and nothing that cannot be combined. */
  #arrange() {
    const { mode, width, height, format, quality } = this.#form.elements;
    for (const field of $$("[data-mode]", this.#form)) field.hidden = field.dataset.mode !== mode.value;
    $("[data-fit]", this.#form).hidden = !(width.value && height.value);
    const png = $("option[value=png]", format);
    png.disabled = mode.value === "kbyte";
    if (png.disabled && format.value === "png") format.value = "";
    setText($("#quality-shown"), quality.value);
    setText($("#settings-note"), this.#note(mode.value, format.value));
  }

  #note(mode, format) {
    if (!this.#form.checkValidity()) return "Sides go from 1 to 8000 px, a target size from 1 to 51,200 KB.";
    if (mode === "kbyte" && !format) return "PNG files have no target size: choose JPG or WebP for them.";
    if (mode === "auto") return "As few bytes as a high visual quality needs.";
    return "";
  }
}
