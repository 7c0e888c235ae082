// The page at /: takes files in, shows them in a table, and has the server compress them.

import { getWritten } from "./api.js";
import { zip, resultName } from "./archive.js";
import { Batch } from "./batch.js";
import { Comparison } from "./comparison.js";
import { curlCommand } from "./curl.js";
import { $, copyText, save, setText, toast } from "./dom.js";
import { startIntake } from "./intake.js";
import { paceFor } from "./job.js";
import { askForKey, currentAccount, showAccount, startKeyDialog } from "./keydialog.js";
import { plural } from "./numbers.js";
import { Row, isBusy } from "./row.js";
import { SettingsForm } from "./settings.js";
import { startTheme } from "./theme.js";
import { announceEnd, showTotals } from "./totals.js";

let account = null;
let drawing = false;
let wasBusy = false;
const rows = new Map();

startTheme();
const form = new SettingsForm(settingsChanged);
const batch = new Batch({ settings: () => form.values, hasKey: () => account !== null, changed, refused });
const comparison = new Comparison({
  items: () => batch.items,
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

startIntake(add);
getWritten().then((formats) => form.offer(formats), () => {}); // without an answer the page offers what it has
startKeyDialog(accountChanged);
accountChanged(await currentAccount().catch(() => null));

function add(sources, skipped) {
  if (skipped) toast(`${plural(skipped, "file")} skipped: not pictures`);
  if (!sources.length) return;
  const added = batch.add(sources);
  for (const item of added) rows.set(item, new Row(item, actions));
  $("#files").append(...added.map((item) => rows.get(item).element));
  document.body.classList.add("has-files");
  for (const item of added) batch.start(item);
  if (!account) askForKey("These files are compressed as soon as there is a key.");
}

const actions = {
  compare: (item) => comparison.open(item),
  download: (item) => download(item),
  retry: (item) => batch.start(item),
  async curl(item) {
    await copyText(curlCommand(item, batch.settingsOf(item)));
    toast("Copied. It reads the key from LEANPIX_API_KEY.");
  },
  remove(item) {
    batch.remove(item);
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
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw() {
  showTotals(batch.items);
  document.body.classList.toggle("has-files", batch.items.length > 0);
  const busy = batch.items.some(isBusy);
  if (wasBusy && !busy && batch.items.length) {
    announceEnd(batch.items);
    if (account?.credits != null) currentAccount().then(accountChanged);
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
  setText($("#reapply-text"), `The settings have changed. Applying them to ${plural(asked, "file")} uses credits.`);
}

function accountChanged(found) {
  account = found;
  showAccount(found);
  if (!found) return;
  paceFor(found);
  for (const item of batch.items) if (item.phase === "held") batch.start(item);
}

/** The server refused the key: true where the key is good and only this request was not (no credits left). */
async function refused() {
  const found = await currentAccount().catch(() => account);
  accountChanged(found);
  if (!found) askForKey("The server does not know this key any more.");
  return found !== null;
}

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
    save(await zip(batch.items), "leanpix.zip");
    const failed = batch.items.filter((item) => !item.blob && item.file).length;
    if (failed) toast(`${plural(failed, "file")} in the ZIP could not be compressed and came as before.`);
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});
