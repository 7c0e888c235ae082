// The files of this visit, kept in this browser for as long as the server keeps their results: an hour.
// A tab that was closed, or had gone to another page, finds them again.

const DATABASE = "leanpix";
const ITEMS = "items";
const BLOBS = "blobs";
const TAB = "leanpix.tab";
const LIFE_MS = 3_600_000;
const BEAT_MS = 20_000;
const DEAD_MS = 150_000; // a tab in the background may be woken once a minute only
const FIELDS = ["id", "name", "path", "url", "phase", "sourceBytes", "override", "madeWith", "resultSettings"];
const MORE = ["task", "request", "report", "credits", "images", "html", "error", "addedAt", "hasFile"];

let database = null;
let tab = null;
let isBeating = false;
const changed = new Map(); // items that are to be written, and their places among all
let isWriting = false;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** The items of this tab's last visit, or of one that was closed; none where the browser keeps nothing. */
export async function openKept() {
  try {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ITEMS, { keyPath: "id" });
      request.result.createObjectStore(BLOBS);
    };
    database = await done(request);
    return await takeOver();
  } catch {
    database = null; // a private window, or no space: the page works without
    return [];
  }
}

async function takeOver() {
  const [items, now] = [await done(store(ITEMS).getAll()), Date.now()];
  tab = sessionStorage.getItem(TAB);
  const mine = [];
  for (const item of items) {
    if (now - item.addedAt > LIFE_MS) await forget(item);
    else if (item.tab === tab || isDead(item.tab, now)) mine.push(item);
  }
  if (mine.length) beginTab();
  const taken = [];
  for (const item of mine.sort((a, b) => a.order - b.order)) {
    const [file, blob] = await Promise.all(["source", "result"].map((part) => done(store(BLOBS).get(`${item.id} ${part}`))));
    // An earlier version of the page kept the server's words alone.
    const error = typeof item.error === "string" ? { key: "failed.-1", words: item.error } : item.error;
    taken.push({ ...item, error, file: file ?? null, keptFile: file, blob, keptBlob: blob });
    if (item.tab !== tab) await done(store(ITEMS, "readwrite").put({ ...item, tab }));
  }
  return taken;
}

const store = (name, mode = "readonly") => database.transaction(name, mode).objectStore(name);
const isDead = (name, now) => now - Number(localStorage.getItem(`${TAB} ${name}`) ?? 0) > DEAD_MS;

/** This tab has a name from its first file on, and says from time to time that it lives: another one may else take its files. */
function beginTab() {
  if (isBeating) return;
  isBeating = true;
  tab ??= crypto.getRandomValues(new Uint32Array(2)).join("");
  sessionStorage.setItem(TAB, tab);
  const beat = () => localStorage.setItem(`${TAB} ${tab}`, Date.now());
  beat();
  setInterval(beat, BEAT_MS);
  window.addEventListener("pagehide", () => {
    localStorage.removeItem(`${TAB} ${tab}`);
    if (changed.size) write(takeChanged());
  });
  window.addEventListener("pageshow", beat);
}

/**
 * Keep an item as it is by the time it is written; its pictures are written once. What changes during a write is
 * written together after it: one by one, hundreds of small results would come faster than they are kept.
 */
export function keep(item, order) {
  if (!database) return;
  beginTab();
  changed.set(item, order);
  if (!isWriting) writeChanged();
}

async function writeChanged() {
  isWriting = true;
  try {
    while (changed.size) await write(takeChanged());
  } finally {
    isWriting = false;
  }
}

function takeChanged() {
  const entries = [...changed];
  changed.clear();
  return entries;
}

/** Without space for all of them each is tried by itself; what has none is not kept, and the page goes on. */
async function write(entries) {
  try {
    await stored(entries);
  } catch (error) {
    if (error?.name !== "QuotaExceededError") throw error;
    if (entries.length > 1) for (const entry of entries) await write([entry]);
  }
}

async function stored(entries) {
  const transaction = database.transaction([ITEMS, BLOBS], "readwrite");
  const [rows, blobs] = [transaction.objectStore(ITEMS), transaction.objectStore(BLOBS)];
  const written = entries.map(([item, order]) => {
    const { file, blob } = item;
    const row = Object.fromEntries([...FIELDS, ...MORE].map((name) => [name, item[name]]));
    rows.put({ ...row, order, tab, hasFile: Boolean(file) });
    if (file && item.keptFile !== file) blobs.put(file, `${item.id} source`);
    if (blob && item.keptBlob !== blob) blobs.put(blob, `${item.id} result`);
    if (!blob) blobs.delete(`${item.id} result`);
    return [item, { keptFile: file, keptBlob: blob }];
  });
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
    transaction.commit(); // by itself it is only kept if this page is still there when all is written
  });
  for (const [item, kept] of written) Object.assign(item, kept);
}

/** Keep an item no longer. */
export async function forget(item) {
  if (!database) return;
  changed.delete(item);
  await done(store(ITEMS, "readwrite").delete(item.id));
  const blobs = store(BLOBS, "readwrite");
  await Promise.all(["source", "result"].map((part) => done(blobs.delete(`${item.id} ${part}`))));
}
