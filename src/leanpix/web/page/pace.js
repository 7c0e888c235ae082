// Doing things neither too often nor too many at a time.

/** Resolves after so many milliseconds; rejects at once when the signal is raised. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(done, Math.max(0, ms));
    function stop() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    function done() {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Turns at a rate, so that a key's limit is kept before the server has to say so. */
export class Pacer {
  #interval = 0;
  #next = 0;

  set perSecond(rate) {
    this.#interval = rate > 0 ? 1000 / rate : 0;
  }

  /** Resolves when it is the caller's turn. */
  async turn(signal) {
    const at = Math.max(performance.now(), this.#next);
    this.#next = at + this.#interval;
    await sleep(at - performance.now(), signal);
  }

  /** The server asked for a pause: everybody's next turn comes after it. */
  pause(seconds) {
    this.#next = Math.max(this.#next, performance.now() + seconds * 1000);
  }
}

/** At most so many at a time. */
export class Slots {
  #free;
  #waiting = [];

  constructor(many) {
    this.#free = many;
  }

  /** Run work when there is a slot. */
  async use(signal, work) {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  #take(signal) {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== enter);
        reject(signal.reason);
      };
      this.#waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
