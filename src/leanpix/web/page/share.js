// Installed as an app, the page is in the system's share sheet: what was shared there waits on a shelf.

const SHELF = "leanpix-shared";

/** Have the service worker there that the share sheet needs, where the browser has such a thing. */
export function startSharing() {
  if (!("serviceWorker" in navigator)) return; // also: served over plain HTTP from another machine
  navigator.serviceWorker.register(new URL("sw.js", document.baseURI)).catch(() => {}); // in some private windows
}

/** What was shared: files, and a text that may hold addresses. Taken off the shelf, and out of the address bar. */
export async function sharedBefore() {
  if (!location.hash.startsWith("#shared=") || !("caches" in window)) return { files: [], text: "" };
  const text = new URLSearchParams(location.hash.slice(1)).get("shared");
  history.replaceState(null, "", location.pathname + location.search);
  const shelf = await caches.open(SHELF);
  const files = [];
  for (const request of await shelf.keys()) {
    const response = await shelf.match(request);
    const name = decodeURIComponent(response.headers.get("X-Name"));
    files.push(new File([await response.blob()], name, { type: response.headers.get("Content-Type") }));
    await shelf.delete(request);
  }
  return { files, text };
}
