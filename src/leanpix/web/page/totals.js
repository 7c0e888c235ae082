// The figures above the table.

import { $, setText } from "./dom.js";
import { t } from "./language.js";
import { bytes, change, counted, whole } from "./numbers.js";
import { isBusy, overall } from "./row.js";
import { isSet } from "./sets.js";

const sum = (items, value) => items.reduce((total, item) => total + (value(item) ?? 0), 0);

/** Show what all items come to. What sets take beside their sources says nothing: they save where no other result does. */
export function showTotals(items) {
  const done = items.filter((item) => item.blob);
  const single = done.filter((item) => !isSet(item));
  const told = single.length ? single : done;
  const [before, after] = [sum(told, (item) => item.sourceBytes), sum(told, (item) => item.blob.size)];
  setText($("#total-saved"), single.length ? change(before, after) : "–");
  setText($("#total-before"), bytes(done.length ? before : sum(items, (item) => item.sourceBytes)));
  setText($("#total-after"), done.length ? bytes(after) : "–");
  setText($("#total-files"), described(items, done));
  const busy = items.filter(isBusy).length;
  const bar = $("#total-progress");
  bar.value = items.length ? sum(items, overall) / items.length : 0;
  bar.classList.toggle("idle", busy === 0);
  $("#download-all").disabled = done.length === 0;
  setText($("#download-all span"), busy && done.length ? t("zip.some", { number: whole(done.length) }) : t("zip.all"));
  $("#retry-all").hidden = !items.some((item) => item.phase === "failed");
}

function described(items, done) {
  const failed = items.filter((item) => item.phase === "failed").length;
  const unchanged = done.filter((item) => !isSet(item) && item.blob.size >= item.sourceBytes).length;
  const pictures = sum(done.filter(isSet), (item) => item.images.length);
  const files = counted("files", items.length);
  const parts = [done.length === items.length ? files : t("totals.of", { done: whole(done.length), files })];
  if (pictures) parts.push(counted("pictures", pictures));
  if (unchanged) parts.push(t("totals.unchanged", { number: whole(unchanged) }));
  if (failed) parts.push(t("totals.failed", { number: whole(failed) }));
  return parts.join(t("joint"));
}

/** Tell screen readers when everything has ended, once. */
export function announceEnd(items) {
  const done = items.filter((item) => item.blob);
  const [before, after] = [sum(done, (item) => item.sourceBytes), sum(done, (item) => item.blob.size)];
  const values = { what: described(items, done), before: bytes(before), after: bytes(after) };
  setText($("#live"), t("totals.finished", values));
}
