// Whether the server is there. Who loses it asks here, and all of them wait for the same answer.

import { isServerThere } from "./api.js";
import { sleep } from "./pace.js";

const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 15;

let asking = null;
let hurry = () => {};
let changed = () => {};

/** `tell(seconds)` is called with the time to the next try, and with null when the server is back. */
export function startConnection(tell) {
  changed = tell;
  // The browser knows of cables and aeroplanes; the rest is asked for.
  window.addEventListener("online", () => hurry());
}

/** Try now instead of later. */
export const tryNow = () => hurry();

/** Resolves when the server answers: to true where it was away, to false where it was there all the time. */
export async function serverBack(signal) {
  asking ??= ask().finally(() => (asking = null));
  const stopped = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  return Promise.race([asking, stopped]);
}

async function ask() {
  for (let wait = FIRST_WAIT_S, wasAway = false; ; wait = Math.min(wait * 2, LONGEST_WAIT_S), wasAway = true) {
    if (await isServerThere()) {
      if (wasAway) changed(null);
      return wasAway;
    }
    changed(wait);
    await Promise.race([sleep(wait * 1000), new Promise((resolve) => (hurry = resolve))]);
  }
}
