// The page at /account: one key's credits and usage, and for an admin every key.

import { ApiError, getKeys, getUsage, makeKey, revokeKey, topupKey } from "./api.js";
import { barChart, shortDay } from "./chart.js";
import { $, $$, copyText, setText, stamp, toast } from "./dom.js";
import { askForKey, currentAccount, showAccount, startKeyDialog } from "./keydialog.js";
import { language, startLanguage, t } from "./language.js";
import { counted, whole } from "./numbers.js";
import { retellTheme, startTheme } from "./theme.js";

const DAYS = 30;
let days = [];
let chosen = null;

startLanguage(() => {
  retellTheme();
  refresh();
});
startTheme();
startKeyDialog(show);
$("#enter-key").addEventListener("click", () => askForKey());
new ResizeObserver(drawChart).observe($("#chart"));

async function refresh() {
  try {
    await show(await currentAccount());
  } catch (error) {
    toast(error.message, "error");
  }
}

async function show(account) {
  showAccount(account);
  $("#no-key").hidden = account !== null;
  $("#known").hidden = account === null;
  if (!account) return;
  setText($("#credits"), account.credits === null ? t("key.unlimited") : whole(account.credits));
  setText($("#rate"), t("account.persecond", { rate: account.qps.toLocaleString(language()) }));
  setText($("#key-name"), account.name);
  setText($("#key-id"), `lp_${account.id}_…`);
  days = await getUsage(DAYS);
  setText($("#spent"), whole(days.reduce((sum, day) => sum + day.credits, 0)));
  drawChart();
  fillUsage();
  $("#admin").hidden = !account.is_admin;
  if (account.is_admin) showKeys(await getKeys(), account);
}

function drawChart() {
  const box = $("#chart");
  if (!days.length || !box.clientWidth) return;
  const spent = days.reduce((sum, day) => sum + day.credits, 0);
  const summary = t("account.summary", { credits: counted("credits", spent), today: whole(days.at(-1).credits) });
  box.replaceChildren(barChart(days, box.clientWidth, summary, point));
}

function point(day) {
  const text = day && `${shortDay(day.day)}: ${counted("credits", day.credits)}, ${counted("pictures", day.tasks)}`;
  setText($("#usage-shown"), text || t("account.utc"));
}

function fillUsage() {
  const rows = days.toReversed().map((day) => {
    const row = document.createElement("tr");
    for (const [index, value] of [day.day, whole(day.tasks), whole(day.credits)].entries()) {
      const cell = row.insertCell();
      cell.textContent = value;
      if (index) cell.className = "number";
    }
    return row;
  });
  $("#usage-table tbody").replaceChildren(...rows);
}

function showKeys(keys, account) {
  $("#keys-table tbody").replaceChildren(...keys.map((key) => keyRow(key, account)));
}

function keyRow(key, account) {
  const row = stamp("key-row");
  const part = (name, text) => setText($(`[data-part=${name}]`, row), text);
  part("name", key.name);
  part("id", `lp_${key.id}_…`);
  part("credits", key.credits === null ? t("key.unlimited") : whole(key.credits));
  part("rate", `${key.qps}/s`);
  part("made", new Date(Number(key.created_at) * 1000).toISOString().slice(0, 10));
  part("state", t(key.revoked_at ? "account.revoked" : key.is_admin ? "account.isadmin" : "account.active"));
  row.classList.toggle("revoked", Boolean(key.revoked_at));
  const [topup, revoke] = $$("[data-do]", row);
  topup.hidden = Boolean(key.revoked_at) || key.credits === null;
  revoke.hidden = Boolean(key.revoked_at) || key.id === account.id;
  for (const button of [topup, revoke]) {
    button.setAttribute("aria-label", `${button.textContent}: ${key.name}`);
    button.addEventListener("click", () => choose(key, $(`#${button.dataset.do}-dialog`)));
  }
  return row;
}

function choose(key, dialog) {
  chosen = key;
  setText($("h2", dialog), t(dialog.id === "topup-dialog" ? "account.topupof" : "account.revokeof", { name: key.name }));
  open(dialog);
}

function open(dialog) {
  $("form", dialog)?.reset();
  setText($(".form-note", dialog), "");
  dialog.showModal();
}

/** Send a dialog's form; the server's refusal is shown in the dialog. */
function sends(dialog, send) {
  $("form", dialog).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await send(new FormData(event.target));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText($(".form-note", dialog), error.message);
      return;
    }
    dialog.close();
    await refresh();
  });
}

$("#new-key").addEventListener("click", () => open($("#make-dialog")));
sends($("#make-dialog"), async (form) => {
  const number = (name) => (form.get(name) === "" ? null : Number(form.get(name)));
  const fields = { name: form.get("name"), credits: number("credits"), qps: number("qps"), is_admin: form.has("is_admin") };
  const made = await makeKey(fields);
  setText($("#made-key"), made.key);
  $("#made-dialog").showModal();
});
sends($("#topup-dialog"), (form) => topupKey(chosen.id, Number(form.get("credits"))));
sends($("#revoke-dialog"), () => revokeKey(chosen.id));
$("#copy-made").addEventListener("click", async () => {
  await copyText($("#made-key").textContent);
  toast(t("account.copied"));
});
$("#made-dialog").addEventListener("close", () => setText($("#made-key"), ""));
for (const button of $$("[data-close-dialog]")) button.addEventListener("click", () => button.closest("dialog").close());

// Last, for a button is seen as soon as an account is shown: by then whatever it does is bound.
await refresh();
