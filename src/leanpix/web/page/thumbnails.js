// Small pictures for the table, made in the browser, two at a time and only for rows that come into view.

import { Slots } from "./pace.js";

const WIDTH = 112;
const decoding = new Slots(2);
const never = new AbortController().signal;
const wanted = new WeakMap();

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      decoding.use(never, () => draw(target, wanted.get(target)));
    }
  },
  { rootMargin: "200px" },
);

/** Draw a blob into a thumbnail's box as soon as the box is near the screen. */
export function thumbnail(box, blob) {
  wanted.set(box, blob);
  watcher.unobserve(box);
  watcher.observe(box);
}

async function draw(box, blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { resizeWidth: WIDTH, resizeQuality: "medium" });
  } catch {
    return; // a format that this browser cannot show: the result will be, when it is there
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(bitmap);
  box.querySelector("canvas")?.remove();
  box.prepend(canvas);
  box.classList.add("drawn");
}
