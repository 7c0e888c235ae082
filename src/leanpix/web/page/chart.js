// Usage by day as bars.

import { language } from "./language.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const [LEFT, TOP, BOTTOM] = [44, 10, 26];

function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A round number at or above the largest value, whose half is a whole one: 2, 4, 8 or 10 times a power of ten. */
export function ceiling(largest) {
  if (largest <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 2, 4, 8, 10].map((step) => step * power).find((value) => value >= largest);
}

/** An SVG of days = [{ day, credits }], as wide as asked; `pointed(day or null)` tells what is under the pointer. */
export function barChart(days, width, summary, pointed) {
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary });
  const top = ceiling(Math.max(...days.map((day) => day.credits)));
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const at = y(part * top);
    svg.append(shape("line", { x1: LEFT, x2: width, y1: at, y2: at, class: "chart-line" }));
    if (part % 0.5 === 0) svg.append(label(LEFT - 10, at + 4, "end", compact(part * top)));
  }
  const step = (width - LEFT) / days.length;
  days.forEach((day, index) => {
    const x = LEFT + index * step;
    svg.append(bar(day, x, step, y, pointed));
    const fromEnd = days.length - 1 - index;
    if (fromEnd % (step < 20 ? 10 : 5) === 0) svg.append(label(x + step / 2, HEIGHT - 6, fromEnd ? "middle" : "end", shortDay(day.day)));
  });
  return svg;
}

function bar(day, x, step, y, pointed) {
  const group = shape("g", { class: "chart-day" });
  group.append(shape("rect", { x, y: TOP, width: step, height: y(0) - TOP }));
  const height = Math.max(y(0) - y(day.credits), day.credits ? 2 : 0);
  const width = Math.max(step * 0.68, 1);
  group.append(shape("rect", { x: x + (step - width) / 2, y: y(0) - height, width, height, rx: Math.min(3, height / 2) }));
  group.addEventListener("pointerenter", () => pointed(day));
  group.addEventListener("pointerleave", () => pointed(null));
  return group;
}

const label = (x, y, anchor, text) => shape("text", { x, y, "text-anchor": anchor, class: "chart-text" }, text);
const compact = (value) => new Intl.NumberFormat(language(), { notation: "compact" }).format(value);

/** "2026-11-22" as "22 Nov", in the reader's language. */
export function shortDay(day) {
  return new Intl.DateTimeFormat(language() === "en" ? "en-GB" : language(), { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(`${day}T00:00:00Z`));
}
