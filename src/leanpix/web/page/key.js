// The API key: kept in this browser only, sent in a header only.

const NAME = "leanpix.key";

export function storedKey() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? "";
}

/** Keep the key on this device, or only until the tab is closed. */
export function storeKey(key, { keep }) {
  forgetKey();
  (keep ? localStorage : sessionStorage).setItem(NAME, key);
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

export function isKept() {
  return localStorage.getItem(NAME) !== null;
}
