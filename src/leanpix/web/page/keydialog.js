// Asking for the API key, and showing whose it is.

import { ApiError, getAccount } from "./api.js";
import { $, setText } from "./dom.js";
import { forgetKey, isKept, storeKey, storedKey } from "./key.js";
import { t } from "./language.js";
import { counted } from "./numbers.js";

const dialog = $("#key-dialog");
const field = $("#key");
const note = $(".form-note", dialog);

/** Open the dialog, with a reason where there is one. */
export function askForKey(reason = "") {
  field.value = storedKey();
  $("#keep-key").checked = isKept() || !storedKey();
  setText(note, reason);
  $("#forget-key").hidden = !storedKey();
  if (!dialog.open) dialog.showModal();
  field.focus();
}

/** Show the account behind the key in the page's head. */
export function showAccount(account) {
  const button = $("#key-button");
  button.dataset.state = account ? "known" : "missing";
  setText($("span", button), account ? account.name : t("key.enter"));
  setText($("small", button), account ? credits(account) : "");
}

const credits = (account) => (account.credits === null ? t("key.unlimited") : counted("credits", account.credits));

/** Wire the dialog up; `changed(account)` is called with a key that works, or with null. */
export function startKeyDialog(changed) {
  $("#key-button").addEventListener("click", () => askForKey());
  $("[data-close]", dialog).addEventListener("click", () => dialog.close());
  $("#forget-key").addEventListener("click", () => {
    forgetKey();
    dialog.close();
    changed(null);
  });
  $("form", dialog).addEventListener("submit", async (event) => {
    event.preventDefault();
    const [before, kept] = [storedKey(), isKept()];
    storeKey(field.value.trim(), { keep: $("#keep-key").checked });
    try {
      changed(await getAccount());
      dialog.close();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (before) storeKey(before, { keep: kept });
      else forgetKey();
      setText(note, error.status === 401 ? t("key.unknown") : error.message);
    }
  });
}

/** The account behind the stored key, or null where there is none or it is refused. */
export async function currentAccount() {
  if (!storedKey()) return null;
  for (;;) {
    try {
      return await getAccount();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return null;
      // Looking counts against the key's rate: what else uses the key may have taken the last of it.
      if (error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * error.retryAfterS));
    }
  }
}
