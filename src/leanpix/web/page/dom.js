// Small things that every module of the pages needs from the document.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** A copy of a <template>'s only element. */
export function stamp(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Set text only where it differs: screen readers and layout are left alone otherwise. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let lastToast = 0;

/** Say something in passing, to eyes and to screen readers. */
export function toast(text, kind = "info") {
  const box = $("#toast");
  box.dataset.kind = kind;
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(lastToast);
  lastToast = setTimeout(() => box.classList.remove("shown"), 5000);
}

/** Put text on the clipboard; the old way where the page is not served over HTTPS. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Have the browser save a blob under a name. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
