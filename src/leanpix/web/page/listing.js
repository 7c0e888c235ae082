// The order of the rows, and which of them are shown.

import { $, $$, setText } from "./dom.js";
import { whole } from "./numbers.js";
import { isBusy } from "./row.js";
import { isSet, scoreOf } from "./sets.js";

const saved = (item) => (item.blob && item.sourceBytes && !isSet(item) ? 1 - item.blob.size / item.sourceBytes : null);
const STATES = ["failed", "held", "stale", "waiting", "working", "fetching", "uploading", "queued", "done"];
/** What each column is sorted by; null goes last, whatever the direction. */
const VALUES = {
  name: (item) => item.path.toLowerCase(),
  before: (item) => item.sourceBytes,
  after: (item) => item.blob?.size ?? null,
  saved,
  score: scoreOf,
  state: (item) => STATES.indexOf(item.phase),
};
const DESCENDING_FIRST = new Set(["before", "after", "saved"]);
const SHOWN = {
  all: () => true,
  busy: isBusy,
  done: (item) => item.phase === "done",
  failed: (item) => item.phase === "failed",
};

const byNumbersInNames = new Intl.Collator(undefined, { numeric: true }).compare;

export class Listing {
  #sort = { column: "", descending: false };
  #items;
  #rowOf;
  #timer = 0;

  /** items() in the order they came; rowOf(item) is a row's element. */
  constructor(items, rowOf) {
    [this.#items, this.#rowOf] = [items, rowOf];
    for (const button of $$("[data-sort]")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    $("#sort").addEventListener("change", (event) => this.#sortBy(...event.target.value.split(" ")));
    $("#search").addEventListener("input", () => this.show());
    for (const radio of $$("[name=filter]")) radio.addEventListener("change", () => this.show());
  }

  /** Items have changed: counts and filter at once, the order a little later, so that rows do not dance. */
  changed() {
    this.show();
    if (!this.#sort.column || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#arrange();
    }, 600);
  }

  /** Show the rows that are asked for, and how many there are of each kind. */
  show() {
    const items = this.#items();
    const words = $("#search").value.trim().toLowerCase();
    const filter = $("[name=filter]:checked").value;
    let shown = 0;
    for (const item of items) {
      const isShown = SHOWN[filter](item) && (item.url ?? item.path).toLowerCase().includes(words);
      this.#rowOf(item).hidden = !isShown;
      shown += isShown;
    }
    for (const [name, belongs] of Object.entries(SHOWN)) {
      setText($(`[data-count=${name}]`), whole(items.filter(belongs).length));
    }
    $("#nothing").hidden = shown > 0 || items.length === 0;
    $("#list-tools").hidden = items.length < 2;
  }

  /** What the reader sees, in that order. */
  visible() {
    return this.#sorted().filter((item) => !this.#rowOf(item).hidden);
  }

  /** The list is empty: the next one begins without search and filter. */
  reset() {
    $("#search").value = "";
    $("[name=filter][value=all]").checked = true;
  }

  #sortBy(column, direction) {
    const again = this.#sort.column === column;
    const descending = direction ? direction === "down" : again ? !this.#sort.descending : DESCENDING_FIRST.has(column);
    this.#sort = { column, descending };
    for (const head of $$("thead th")) {
      const own = $("[data-sort]", head)?.dataset.sort === column;
      if (own) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    $("#sort").value = column ? `${column} ${descending ? "down" : "up"}` : "";
    this.#arrange();
  }

  #sorted() {
    const { column, descending } = this.#sort;
    if (!column) return this.#items();
    const value = VALUES[column];
    const order = (a, b) => (typeof a === "string" ? byNumbersInNames(a, b) : a - b);
    return this.#items().toSorted((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? order(b, a) : order(a, b);
    });
  }

  #arrange() {
    const body = $("#files");
    const wanted = this.#sorted().map(this.#rowOf);
    const focused = document.activeElement;
    if (wanted.some((row, index) => body.children[index] !== row)) body.append(...wanted);
    if (body.contains(focused)) focused.focus({ preventScroll: true });
  }
}
