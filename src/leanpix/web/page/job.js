// One file's way through the service: create a task, wait for its end, fetch the result.

import { createTask, fetchResult, queryTask } from "./api.js";
import { serverBack } from "./connection.js";
import { has } from "./language.js";
import { Pacer, Slots, sleep } from "./pace.js";

const UPLOADS_AT_A_TIME = 3;
const QUERIES_PER_CREATE = 10; // the API's rule: queries have ten times the rate of creates
const FIRST_POLL_MS = 150;
const LONGEST_POLL_MS = 1000;
const TRIES = 4;

/** The task ended without a result; why is as `told` takes it. */
export class TaskFailed extends Error {
  constructor(problem) {
    super(problem.key);
    this.problem = problem;
  }
}

const creates = new Pacer();
const queries = new Pacer();
const uploads = new Slots(UPLOADS_AT_A_TIME);

/** Keep to a key's rate. */
export function paceFor(account) {
  creates.perSecond = account.qps;
  queries.perSecond = account.qps * QUERIES_PER_CREATE;
}

/**
 * Compress one source; resolves to { blob, report, credits }, of a set with its images and html. onStep gets { phase, progress, detail } and, as soon as there
 * is one, the task. A source that has a task already is only followed to its end.
 */
export async function compress(source, parameters, signal, onStep) {
  const id = source.task ?? (await uploads.use(signal, () => create(source, parameters, signal, onStep)));
  onStep({ phase: "working", progress: 0, detail: "", task: id });
  const data = await finished(id, signal, onStep);
  onStep({ phase: "fetching", progress: 1, detail: "" });
  const blob = await patiently(queries, signal, () => whole(data, signal));
  return { blob, report: data.report, credits: data.credits, images: data.images, html: data.html };
}

function create(source, parameters, signal, onStep) {
  const waits = (seconds) =>
    onStep({ phase: "waiting", progress: 0, detail: { key: "wait.busy", values: { seconds: Math.ceil(seconds) } } });
  const attempt = () => {
    onStep({ phase: source.file ? "uploading" : "working", progress: 0, detail: "" });
    const onProgress = (progress) => onStep({ phase: "uploading", progress, detail: "" });
    // One name for every attempt, and after a reload: a lost answer may hide a task that was made and charged.
    return createTask(source, parameters, source.request, { signal, onProgress });
  };
  return patiently(creates, signal, attempt, { waits });
}

async function finished(id, signal, onStep) {
  for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 1.5, LONGEST_POLL_MS)) {
    await sleep(wait, signal);
    const answer = await patiently(queries, signal, () => queryTask(id, signal));
    const { data } = answer;
    if (data.state === 1) return data;
    if (data.state < 0) throw new TaskFailed(failure(data.state, answer.message));
    onStep({ phase: "working", progress: data.progress / 100, detail: data.report?.phase ?? "" });
  }
}

const failure = (state, words) => ({ key: has(`failed.${state}`) ? `failed.${state}` : "failed.-1", words });

async function whole(data, signal) {
  const blob = await fetchResult(data.image, signal);
  if (blob.size !== data.report.result_bytes) throw new TypeError("the result came incomplete");
  return blob;
}

/** Try again after refusals that pass: for as long as the server is busy or away, a few times otherwise. */
async function patiently(pacer, signal, attempt, { waits = () => {} } = {}) {
  for (let failures = 0; ; ) {
    await pacer.turn(signal);
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !error.isPassing) throw error;
      if (error.isAway && (await serverBack(signal))) continue;
      if (error.status !== 429 && ++failures >= TRIES) throw error;
      const seconds = error.status === 429 ? error.retryAfterS : 2 ** failures / 2;
      if (error.status === 429) pacer.pause(seconds);
      waits(seconds);
      await sleep(seconds * 1000, signal);
    }
  }
}
