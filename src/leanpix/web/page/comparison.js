// Before and after, side by side under a slider, at any zoom; the file's quality can be changed while looking.

import "./vendor/img-comparison-slider.js";
import { $, $$, setText } from "./dom.js";
import { t, told } from "./language.js";
import { bytes, change, tenths } from "./numbers.js";
import { isBusy } from "./row.js";
import { isSet } from "./sets.js";
import { fingerprint } from "./settings.js";
import { Viewport } from "./viewport.js";

const SETTLE_MS = 350;

export class Comparison {
  #dialog = $("#comparison");
  #slider = $("img-comparison-slider");
  #images = { before: $("#before"), after: $("#after") };
  #urls = { before: "", after: "" };
  #viewport = new Viewport($("#stage"), this.#slider, (percent) => setText($("#zoom-shown"), `${percent} %`));
  #item = null;
  #shown = null;
  #position = 50;
  #timer = 0;
  #isTouched = false; // whether the quality on show is newer than the item's settings

  /** visible() lists the rows that are shown; redo(item, settings) compresses one again; useForAll(settings) applies them to all. */
  constructor(page) {
    this.page = page;
    this.#wireToolbar();
    this.#wireSlider();
    this.#wireQuality();
    this.#dialog.addEventListener("keydown", (event) => this.#key(event), true);
    this.#dialog.addEventListener("close", () => this.#closed());
  }

  open(item) {
    this.#show(item);
    this.#dialog.showModal();
    this.#viewport.fit();
    this.#slider.focus();
  }

  /** The item has changed: show its new result, sizes and progress where it is the one on show. */
  update(item) {
    if (item !== this.#item || !this.#dialog.open) return;
    if (isSet(item)) return this.#dialog.close(); // made anew, with settings that ask for several sizes
    if (item.blob && item.blob !== this.#shown) this.#load(item);
    this.#describe(item);
  }

  #show(item) {
    clearTimeout(this.#timer);
    this.#item = item;
    this.#isTouched = false;
    this.#view("slider");
    this.#load(item);
    this.#describe(item);
    const settings = this.page.settingsOf(item);
    const range = $("#file-quality");
    range.value = settings.mode === "quality" ? settings.quality : Math.round(item.report?.quality ?? 80);
    setText($("#file-quality-shown"), settings.mode === "quality" ? range.value : t("comparison.auto"));
    const many = this.page.visible().filter((one) => one.blob).length;
    for (const button of $$("[data-step]", this.#dialog)) button.hidden = many < 2;
  }

  #load(item) {
    this.#shown = item.blob;
    this.#set("after", item.blob);
    this.#set("before", item.file ?? item.blob);
    $("#stage").classList.remove("no-before");
    if (!item.file) this.#withoutBefore(t("comparison.elsewhere"));
    this.#images.before.onerror = () => {
      this.#withoutBefore(t("comparison.unseen"));
      this.#set("before", item.blob);
    };
    const fit = (item.resultSettings ?? {}).fit ?? "fill";
    this.#images.before.style.objectFit = fit === "inside" ? "fill" : fit;
    this.#viewport.frame(item.report.width_px, item.report.height_px);
  }

  #withoutBefore(why) {
    this.#images.before.onerror = null;
    $("#stage").classList.add("no-before");
    setText($("#stage-note"), why);
    this.#view("after");
  }

  #set(side, blob) {
    const old = this.#urls[side];
    this.#urls[side] = URL.createObjectURL(blob);
    this.#images[side].src = this.#urls[side];
    if (old) URL.revokeObjectURL(old);
  }

  #describe(item) {
    const { report, blob, sourceBytes } = item;
    setText($("#comparison-title"), item.name);
    setText($("#size-before"), bytes(sourceBytes));
    setText($("#size-after"), isBusy(item) || !blob ? "…" : bytes(blob.size));
    setText($("#size-change"), isBusy(item) || !blob ? "" : change(sourceBytes, blob.size));
    const facts = report ? [report.format.toUpperCase(), report.encoder] : [];
    if (report?.score != null) facts.push(t("comparison.score", { score: tenths(report.score) }));
    $("#worst").hidden = !report?.worst;
    $("#worst").title = report?.worst ? t("comparison.worst", { measure: report.worst.measure }) : "";
    setText($("#facts"), item.error ? told(item.error) : facts.join(" · "));
    $("#sizes").setAttribute("aria-busy", String(isBusy(item)));
  }

  #view(name) {
    const stage = $("#stage");
    if (stage.dataset.view === "slider") this.#position = this.#slider.value;
    stage.dataset.view = name;
    this.#slider.value = { slider: this.#position, before: 100, after: 0 }[name];
    this.#slid();
    for (const radio of $$("[name=view]", this.#dialog)) radio.checked = radio.value === name;
  }

  #blink() {
    if ($("#stage").classList.contains("no-before")) return;
    this.#view($("#stage").dataset.view === "before" ? "after" : "before");
  }

  #wireToolbar() {
    for (const radio of $$("[name=view]", this.#dialog)) {
      radio.addEventListener("change", () => this.#view(radio.value));
    }
    $("#blink").addEventListener("click", () => this.#blink());
    $("[data-close]", this.#dialog).addEventListener("click", () => this.#dialog.close());
    $("#download-shown").addEventListener("click", () => this.page.download(this.#item));
    for (const button of $$("[data-zoom]", this.#dialog)) {
      button.addEventListener("click", () => this.#zoom(button.dataset.zoom));
    }
    for (const button of $$("[data-step]", this.#dialog)) {
      button.addEventListener("click", () => this.#step(Number(button.dataset.step)));
    }
  }

  #wireSlider() {
    const element = this.#slider;
    element.setAttribute("role", "slider");
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", "100");
    element.addEventListener("slide", () => {
      if ($("#stage").dataset.view !== "slider") {
        $("#stage").dataset.view = "slider";
        for (const radio of $$("[name=view]", this.#dialog)) radio.checked = radio.value === "slider";
      }
      this.#slid();
    });
  }

  #slid() {
    const value = Math.round(this.#slider.value);
    this.#slider.setAttribute("aria-valuenow", value);
    this.#slider.setAttribute("aria-valuetext", t("comparison.shown", { share: value }));
  }

  #wireQuality() {
    const range = $("#file-quality");
    range.addEventListener("input", () => {
      this.#isTouched = true;
      setText($("#file-quality-shown"), range.value);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#redo({ mode: "quality", quality: Number(range.value) }), SETTLE_MS);
    });
    $("#file-reset").addEventListener("click", () => {
      this.page.redo(this.#item, null);
      this.#show(this.#item);
    });
    $("#use-for-all").addEventListener("click", () => {
      clearTimeout(this.#timer);
      const { mode, quality } = this.page.settingsOf(this.#item);
      this.page.useForAll(this.#isTouched ? { mode: "quality", quality: Number(range.value) } : { mode, quality });
    });
  }

  #redo(values) {
    const settings = { ...this.page.settingsOf(this.#item), ...values };
    if (fingerprint(settings) !== this.#item.madeWith) this.page.redo(this.#item, settings);
  }

  #step(by) {
    const ready = this.page.visible().filter((item) => item.blob);
    const next = ready[(ready.indexOf(this.#item) + by + ready.length) % ready.length];
    if (!next || next === this.#item) return;
    this.#show(next);
    this.#viewport.fit();
  }

  #zoom(how) {
    const worst = this.#item?.report?.worst;
    const zooms = {
      in: () => this.#viewport.by(1.5),
      out: () => this.#viewport.by(1 / 1.5),
      fit: () => this.#viewport.fit(),
      worst: () => worst && this.#viewport.show(worst, 200),
    };
    (zooms[how] ?? (() => this.#viewport.to(Number(how))))();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input[type=range], input[type=radio]");
    if (event.shiftKey && event.key.startsWith("Arrow") && !typing) {
      const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      this.#viewport.pan(x * 80, y * 80);
    } else if (!this.#shortcut(event.key, typing)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #shortcut(key, typing) {
    const shortcuts = {
      b: () => this.#blink(),
      "+": () => this.#zoom("in"),
      "=": () => this.#zoom("in"),
      "-": () => this.#zoom("out"),
      0: () => this.#zoom("fit"),
      1: () => this.#zoom("100"),
      2: () => this.#zoom("200"),
      4: () => this.#zoom("400"),
      w: () => this.#zoom("worst"),
      PageUp: () => this.#step(-1),
      PageDown: () => this.#step(1),
    };
    const ends = { Home: () => this.#slideTo(0), End: () => this.#slideTo(100) };
    const act = shortcuts[key.length === 1 ? key.toLowerCase() : key] ?? (typing ? undefined : ends[key]);
    act?.();
    return act !== undefined;
  }

  #slideTo(value) {
    this.#view("slider");
    this.#slider.value = value;
    this.#slid();
  }

  #closed() {
    for (const side of ["before", "after"]) {
      if (this.#urls[side]) URL.revokeObjectURL(this.#urls[side]);
      this.#urls[side] = "";
      this.#images[side].removeAttribute("src");
    }
    clearTimeout(this.#timer);
    this.#item = this.#shown = null;
  }
}
