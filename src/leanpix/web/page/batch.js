// The files of this visit, and their work: bounded in number, paced, redone when the settings change.

import { ApiError } from "./api.js";
import { TaskFailed, compress } from "./job.js";
import { Slots } from "./pace.js";
import { fingerprint, obstacle, parameters } from "./settings.js";

const AT_A_TIME = 12;

/** Items and what is done with them; `changed(item)` is called on every change, `refused()` when the key is. */
export class Batch {
  items = [];
  #slots = new Slots(AT_A_TIME);
  #numbers = 0;

  constructor({ settings, hasKey, changed, refused }) {
    Object.assign(this, { settings, hasKey, changed, refused });
  }

  /** New items for sources, not yet started. */
  add(sources) {
    const added = sources.map((source) => ({
      ...source,
      id: (this.#numbers += 1),
      phase: "queued",
      sourceBytes: source.file?.size ?? null,
      override: null,
    }));
    this.items.push(...added);
    return added;
  }

  remove(item) {
    item.controller?.abort();
    this.items = this.items.filter((one) => one !== item);
  }

  /** The settings an item is made with: its own, or everybody's. */
  settingsOf = (item) => item.override ?? this.settings();

  /** Whether an item's result was made with other settings than it would be made with now. */
  isStale(item) {
    return item.madeWith !== undefined && item.madeWith !== fingerprint(this.settingsOf(item));
  }

  /** Begin, or begin again, with the settings of this moment. */
  start(item) {
    item.controller?.abort();
    const controller = new AbortController();
    const settings = this.settingsOf(item);
    Object.assign(item, { controller, error: undefined, madeWith: fingerprint(settings) });
    if (!this.hasKey()) return this.#set(item, { phase: "held" });
    const error = obstacle(item, settings);
    if (error) return this.#set(item, { phase: "failed", blob: undefined, report: undefined, error });
    this.#set(item, { phase: "queued", progress: 0, detail: "" });
    return this.#run(item, settings, controller.signal);
  }

  async #run(item, settings, signal) {
    const onStep = (step) => signal.aborted || this.#set(item, step);
    try {
      const result = await this.#slots.use(signal, () => compress(item, parameters(settings), signal, onStep));
      const sourceBytes = item.sourceBytes ?? result.report.source_bytes;
      this.#set(item, { ...result, sourceBytes, resultSettings: settings, phase: "done" });
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(item, error);
    }
  }

  async #failed(item, error) {
    if (!(error instanceof ApiError || error instanceof TaskFailed)) console.error(error);
    if (error.status === 401 && !(await this.refused())) return this.#set(item, { phase: "held" });
    return this.#set(item, { phase: "failed", blob: undefined, report: undefined, error: error.message });
  }

  #set(item, values) {
    Object.assign(item, values);
    this.changed(item);
  }
}
