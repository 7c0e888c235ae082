// The files of this visit, and their work: bounded in number, paced, redone when the settings change.

import { ApiError, requestName } from "./api.js";
import { TaskFailed, compress } from "./job.js";
import { objection } from "./judge.js";
import { Slots } from "./pace.js";
import { fingerprint, obstacle, parameters } from "./settings.js";

const AT_A_TIME = 12;

/**
 * Items and what is done with them; `changed(item)` is called on every change, `refused()` when the key is, and
 * `limits()` says what the server takes.
 */
export class Batch {
  items = [];
  #slots = new Slots(AT_A_TIME);

  constructor({ settings, hasKey, changed, refused, limits }) {
    Object.assign(this, { settings, hasKey, changed, refused, limits });
  }

  /** New items for sources, not yet started. */
  add(sources) {
    const added = sources.map((source) => ({
      ...source,
      id: requestName(),
      addedAt: Date.now(),
      phase: "queued",
      sourceBytes: source.file?.size ?? null,
      override: null,
    }));
    this.items.push(...added);
    return added;
  }

  /** Items of an earlier visit, which go on where they were. */
  restore(items) {
    this.items.push(...items);
    return items;
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
    Object.assign(item, { controller, error: undefined, madeWith: fingerprint(settings), task: undefined });
    item.request = requestName();
    if (!this.hasKey()) return this.#set(item, { phase: "held" });
    const error = obstacle(item, settings);
    if (error) return this.#set(item, { phase: "failed", blob: undefined, report: undefined, error });
    this.#set(item, { phase: "queued", progress: 0, detail: "" });
    return this.#run(item, settings, controller.signal);
  }

  /** Go on with an item of an earlier visit: with its task, or under the name of the request that was to make it. */
  resume(item) {
    if (!this.hasKey()) return this.#set(item, { phase: "held" });
    const isThisWork = item.madeWith === fingerprint(this.settingsOf(item));
    if (!item.task && !item.file && !item.url) {
      return this.#set(item, { phase: "failed", error: { key: "error.notkept" } });
    }
    if (!isThisWork || !item.request) return this.start(item);
    item.controller = new AbortController();
    this.#set(item, { phase: "queued", progress: 0, detail: "" });
    return this.#run(item, this.settingsOf(item), item.controller.signal);
  }

  async #run(item, settings, signal) {
    const onStep = (step) => signal.aborted || this.#set(item, step);
    try {
      const result = await this.#slots.use(signal, async () => {
        const problem = item.task || !item.file ? null : await objection(item.file, await this.limits());
        if (problem) throw new TaskFailed(problem);
        return compress(item, parameters(settings), signal, onStep);
      });
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
    if (error.status === 404 && item.task && (item.file || item.url)) return this.start(item); // deleted after its hour
    const why = error.problem ?? { key: "failed.-1", words: error.message };
    return this.#set(item, { phase: "failed", blob: undefined, report: undefined, task: undefined, error: why });
  }

  #set(item, values) {
    Object.assign(item, values);
    this.changed(item);
  }
}
