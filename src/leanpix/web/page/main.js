// The page at /: takes files in, shows them in a table, and has the server compress them.

import { getFormats } from "./api.js";
import { zip, resultName } from "./archive.js";
import { Batch } from "./batch.js";
import { Comparison } from "./comparison.js";
import { startConnection, tryNow } from "./connection.js";
import { curlCommand } from "./curl.js";
import { $, copyText, save, setText, toast } from "./dom.js";
import { addresses, fileSources, startIntake } from "./intake.js";
import { paceFor } from "./job.js";
import { forget, keep, openKept } from "./kept.js";
import { askForKey, currentAccount, showAccount, startKeyDialog } from "./keydialog.js";
import { startLanguage, t } from "./language.js";
import { Listing } from "./listing.js";
import { bytes, counted } from "./numbers.js";
import { Row, isBusy } from "./row.js";
import { SetDialog, isSet } from "./sets.js";
import { SettingsForm } from "./settings.js";
import { sharedBefore, startSharing } from "./share.js";
import { retellTheme, startTheme } from "./theme.js";
import { announceEnd, showTotals } from "./totals.js";

let account = null;
let drawing = false;
let wasBusy = false;
const rows = new Map();
const order = new Map(); // of the items as they came, which is kept with them

startLanguage(retell);
startTheme();
const form = new SettingsForm(settingsChanged);
const taken = getFormats().then(
  (formats) => ({ written: formats.written, read: new Set(formats.read), mostBytes: formats.max_upload_bytes, mostPictures: formats.max_set_pictures }),
  () => ({ written: null, read: new Set(), mostBytes: null }), // without an answer the server judges by itself
);
const batch = new Batch({
  settings: () => form.values,
  hasKey: () => account !== null,
  changed,
  refused,
  limits: () => taken,
});
const listing = new Listing(
  () => batch.items,
  (item) => rows.get(item).element,
);
const comparison = new Comparison({
  visible: () => listing.visible().filter((item) => !isSet(item)),
  settingsOf: batch.settingsOf,
  redo: (item, settings) => {
    item.override = settings;
    batch.start(item);
  },
  useForAll(settings) {
    for (const item of batch.items) item.override = null;
    form.use(settings);
  },
  download: (item) => download(item),
});

const sizes = new SetDialog({ download });

/** Whose key it is, and what an earlier visit has left: before that is known no file is begun. */
const ready = Promise.all([currentAccount().catch(() => null), openKept()]).then(([found, kept]) => {
  accountChanged(found);
  restore(kept);
});

startConnection(away);
startKeyDialog(accountChanged);
startIntake(add);
startSharing();
sharedBefore().then(({ files, text }) => offer([...fileSources(files), ...addresses(text)]));
taken.then(({ written, mostBytes, mostPictures }) => {
  if (written) form.offer(written.map(({ format }) => format), mostPictures);
  if (mostBytes) setText($("#most"), bytes(mostBytes));
});

/** Another site's form or link can pretend to be the share sheet: what is to cost credits is asked for. */
function offer(sources) {
  $("#shared").hidden = sources.length === 0;
  setText($("#shared-text"), counted("shared.text", sources.length));
  $("#shared-no").onclick = () => ($("#shared").hidden = true);
  $("#shared-yes").onclick = () => {
    $("#shared").hidden = true;
    add(sources, 0);
  };
}

async function add(sources, skipped) {
  await ready;
  if (skipped) toast(counted("skipped", skipped));
  if (!sources.length) return;
  const added = batch.add(sources);
  show(added);
  for (const item of added) batch.start(item);
  if (!account) askForKey(t("key.needed"));
}

/** What an earlier visit has left: done, or to be gone on with. */
function restore(items) {
  if (!items.length) return;
  show(batch.restore(items));
  for (const item of items) {
    if (item.phase === "done" && item.blob) changed(item);
    else if (item.phase !== "failed") batch.resume(item);
  }
  toast(counted("restored", items.length));
}

function show(items) {
  for (const item of items) {
    rows.set(item, new Row(item, actions));
    order.set(item, order.size);
  }
  $("#files").append(...items.map((item) => rows.get(item).element));
  document.body.classList.add("has-files");
  listing.changed();
}

const actions = {
  compare: (item) => (isSet(item) ? sizes : comparison).open(item),
  sizes: (item) => sizes.open(item),
  download: (item) => download(item),
  retry: (item) => batch.start(item),
  async curl(item) {
    await copyText(curlCommand(item, batch.settingsOf(item)));
    toast(t("copied"));
  },
  remove(item) {
    batch.remove(item);
    forget(item);
    rows.get(item).element.remove();
    rows.delete(item);
    draw();
  },
};

function download(item) {
  if (item.blob) save(item.blob, resultName(item).split("/").pop());
}

function changed(item) {
  rows.get(item)?.update();
  comparison.update(item);
  keepIfNew(item);
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

/** Write down what has changed and would be missed: not each percent of an upload. */
function keepIfNew(item) {
  const state = [item.phase, item.task, item.request, item.blob?.size].join(" ");
  if (item.keptState === state || !batch.items.includes(item)) return;
  item.keptState = state;
  keep(item, order.get(item));
}

function draw() {
  showTotals(batch.items);
  listing.changed();
  if (!batch.items.length) listing.reset();
  document.body.classList.toggle("has-files", batch.items.length > 0);
  const busy = batch.items.some(isBusy);
  if (wasBusy && !busy && batch.items.length) {
    announceEnd(batch.items);
    if (account?.credits != null) currentAccount().then(accountChanged, () => {});
  }
  wasBusy = busy;
}

function settingsChanged() {
  const stale = batch.items.filter((item) => batch.isStale(item));
  // Work that has not ended yet, and work that costs nothing, is begun again at once; credits are asked for.
  const free = stale.filter((item) => account?.credits == null || !item.blob);
  for (const item of free) batch.start(item);
  const asked = stale.length - free.length;
  $("#reapply").hidden = asked === 0;
  setText($("#reapply-text"), counted("reapply", asked));
}

function accountChanged(found) {
  account = found;
  showAccount(found);
  if (!found) return;
  paceFor(found);
  for (const item of batch.items) if (item.phase === "held") batch.resume(item);
}

/** The server refused the key: true where the key is good and only this request was not (no credits left). */
async function refused() {
  const found = await currentAccount().catch(() => account);
  accountChanged(found);
  if (!found) askForKey(t("key.gone"));
  return found !== null;
}

/** The server does not answer, and is asked again in so many seconds; null: it is back. */
function away(seconds) {
  $("#away").hidden = seconds === null;
  if (seconds === null) return toast(t("away.back"));
  return setText($("#away-text"), t("away.text", { seconds }));
}

/** Another language was chosen. */
function retell() {
  retellTheme();
  form.retell();
  showAccount(account);
  for (const row of rows.values()) row.retell();
  taken.then(({ mostBytes }) => mostBytes && setText($("#most"), bytes(mostBytes)));
  settingsChanged();
  draw();
}

$("#try-now").addEventListener("click", () => tryNow());
$("#apply-now").addEventListener("click", () => {
  $("#reapply").hidden = true;
  for (const item of batch.items) if (batch.isStale(item)) batch.start(item);
});
$("#retry-all").addEventListener("click", () => {
  for (const item of batch.items) if (item.phase === "failed") batch.start(item);
});
$("#clear").addEventListener("click", () => {
  for (const item of [...batch.items]) actions.remove(item);
});
$("#download-all").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    const busy = batch.items.filter(isBusy).length;
    save(await zip(batch.items), "leanpix.zip");
    const failed = batch.items.filter((item) => !item.blob && item.file && item.phase === "failed").length;
    const notes = [busy && counted("zip.busy", busy), failed && counted("zip.failed", failed)].filter(Boolean);
    if (notes.length) toast(notes.join(" "));
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});
window.addEventListener("beforeunload", (event) => {
  if (batch.items.some(isBusy)) event.preventDefault();
});
