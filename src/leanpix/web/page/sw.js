// Takes pictures from the system's share sheet, and nothing else: every other request goes to the server as ever.

const SHELF = "leanpix-shared";

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "POST" || url.pathname !== new URL("share", self.registration.scope).pathname) return;
  event.respondWith(shared(event.request));
});

async function shared(request) {
  const form = await request.formData();
  const shelf = await caches.open(SHELF);
  const files = form.getAll("pictures").filter((one) => one instanceof File);
  await Promise.all(
    files.map((file, number) =>
      shelf.put(
        new URL(`shared/${Date.now()}-${number}`, self.registration.scope),
        new Response(file, { headers: { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) } }),
      ),
    ),
  );
  const links = ["title", "text", "url"].map((name) => form.get(name) ?? "").join(" ");
  const address = new URL("./", self.registration.scope);
  address.hash = `shared=${encodeURIComponent(files.length ? "" : links)}`;
  return Response.redirect(address, 303);
}
