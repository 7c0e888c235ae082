// The service's HTTP interface. Addresses are relative, so the page works under any path of a proxy.

import { storedKey } from "./key.js";
import { addedWords, has, told } from "./language.js";

const TASKS = "api/tasks/visual/imgcompress";
const here = (path) => new URL(path, document.baseURI).href;

/** An answer other than success. status 0: no answer came at all; problem: as `told` takes it. */
export class ApiError extends Error {
  constructor(status, problem, retryAfterS = 0) {
    super([told(problem), addedWords(problem)].filter(Boolean).join(" "));
    this.status = status;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }

  /** No answer, or one of a proxy whose server is gone. */
  get isAway() {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }

  /** Not the request's fault: the same one may succeed later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function asked(path, options = {}) {
  const headers = { "X-API-KEY": storedKey(), ...options.headers };
  let response;
  try {
    response = await fetch(here(path), { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { key: "error.offline" });
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw refusal(response.status, answer?.message, response.headers.get("Retry-After"));
  if (!answer) throw new ApiError(0, { key: "error.offline" }); // cut short: the server went away in the middle of it
  return answer;
}

function refusal(status, words, retryAfter) {
  const known = `refused.${status}`;
  const problem = has(known) ? { key: known, words } : { key: "error.status", values: { status }, words };
  return new ApiError(status, problem, Number(retryAfter) || 1);
}

const sent = (path, body) =>
  asked(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** A name for one request: sent again under it, the request is still the same one. */
export function requestName() {
  // crypto.randomUUID() is missing where the page is served over plain HTTP from another machine.
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
}

/** Create a task from a file or an address; resolves to its id. onProgress gets 0 to 1 while a file is sent. */
export function createTask(source, parameters, name, { signal, onProgress }) {
  const form = new FormData();
  form.set("sync", "0");
  for (const [name, value] of Object.entries(parameters)) form.set(name, value);
  if (source.file) form.set("image_file", source.file, source.name);
  else form.set("image_url", source.url);
  // fetch() tells nothing of an upload's progress, XMLHttpRequest does.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", here(TASKS));
    request.setRequestHeader("X-API-KEY", storedKey());
    request.setRequestHeader("Idempotency-Key", name);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("load", () => {
      const answer = request.response ?? {};
      if (request.status === 200 && !answer.data) reject(new ApiError(0, { key: "error.offline" })); // cut short
      else if (request.status === 200) resolve(answer.data.task_id);
      else reject(refusal(request.status, answer.message, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => reject(new ApiError(0, { key: "error.offline" })));
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

/** A task's whole answer: `data` and, for a failed one, `message`. */
export const queryTask = (id, signal) => asked(`${TASKS}/${id}`, { signal });

/** The bytes of a result. Its link is read over the page's own origin, whatever the server calls itself. */
export async function fetchResult(link, signal) {
  const url = new URL(link);
  const own = url.pathname.lastIndexOf("/results/");
  const address = own < 0 ? link : here(url.pathname.slice(own + 1) + url.search);
  try {
    const response = await fetch(address, { signal, cache: "no-store" });
    if (!response.ok) throw new ApiError(response.status, { key: "error.result" }, 1);
    return await response.blob(); // within: the server may go away in the middle of it, too
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ApiError) throw error;
    throw new ApiError(0, { key: "error.offline" });
  }
}

/** What this installation reads and writes, and how large an upload may be. */
export const getFormats = async () => (await asked("v1/formats")).data;

/** Whether anything of the server answers; a proxy's word that it is gone is none. */
export async function isServerThere() {
  try {
    const { status } = await fetch(here("healthz"), { cache: "no-store" });
    return status !== 502 && status !== 503 && status !== 504;
  } catch {
    return false;
  }
}
export const getAccount = async () => (await asked("v1/account")).data;
export const getUsage = async (days) => (await asked(`v1/account/usage?days=${days}`)).data.days;
/** Every key, page by page. */
export const getKeys = async () => {
  const all = [];
  for (let offset = 0; offset !== null; ) {
    const { keys, next_offset: next } = (await asked(`v1/keys?offset=${offset}`)).data;
    all.push(...keys);
    offset = next;
  }
  return all;
};
export const makeKey = async (fields) => (await sent("v1/keys", fields)).data;
export const revokeKey = (id) => sent(`v1/keys/${id}/revoke`, {});
export const topupKey = (id, credits) => sent(`v1/keys/${id}/topup`, { credits });
