// Zooming and panning two pictures as one, by buttons, wheel, drag and pinch.

const LARGEST = 16;
const PIXELS_FROM = 3; // from three screen pixels a picture's pixel on, pixels are shown as such

export class Viewport {
  #stage;
  #slider;
  #zoomed;
  #size = { width: 1, height: 1 };
  #scale = 1;
  #x = 0;
  #y = 0;
  #isFitted = true;
  #pointers = new Map();

  /** zoomed(percent) is called on every change; 100 is one pixel of the picture on one of the screen. */
  constructor(stage, slider, zoomed) {
    [this.#stage, this.#slider, this.#zoomed] = [stage, slider, zoomed];
    new ResizeObserver(() => (this.#isFitted ? this.fit() : this.#apply())).observe(stage);
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.#up(event));
  }

  /** The size, in the result's pixels, that both pictures are laid out in. */
  frame(width, height) {
    const same = width === this.#size.width && height === this.#size.height;
    this.#size = { width, height };
    if (same) this.#apply();
    else this.fit();
  }

  fit() {
    this.#isFitted = true;
    const { clientWidth, clientHeight } = this.#stage;
    this.#scale = Math.min(clientWidth / this.#size.width, clientHeight / this.#size.height, 1 / devicePixelRatio);
    this.#apply();
  }

  /** Zoom to so many percent, around the middle. */
  to(percent) {
    this.by(percent / 100 / devicePixelRatio / this.#scale);
  }

  /** Zoom by a factor, around a point of the stage. */
  by(factor, x = this.#stage.clientWidth / 2, y = this.#stage.clientHeight / 2) {
    const smallest = Math.min(this.#stage.clientWidth / this.#size.width, this.#stage.clientHeight / this.#size.height, 1) / 2;
    const scale = Math.min(Math.max(this.#scale * factor, smallest), LARGEST);
    this.#x = x - ((x - this.#x) * scale) / this.#scale;
    this.#y = y - ((y - this.#y) * scale) / this.#scale;
    this.#scale = scale;
    this.#isFitted = false;
    this.#apply();
  }

  /** Show a rectangle of the picture in the middle, at so many percent. */
  show({ left_px, top_px, width_px, height_px }, percent) {
    this.to(percent);
    this.#x = this.#stage.clientWidth / 2 - (left_px + width_px / 2) * this.#scale;
    this.#y = this.#stage.clientHeight / 2 - (top_px + height_px / 2) * this.#scale;
    this.#apply();
  }

  pan(x, y) {
    this.#x += x;
    this.#y += y;
    this.#apply();
  }

  #apply() {
    const { clientWidth, clientHeight } = this.#stage;
    this.#x = held(this.#x, this.#size.width * this.#scale, clientWidth);
    this.#y = held(this.#y, this.#size.height * this.#scale, clientHeight);
    const style = this.#stage.style;
    style.setProperty("--width", `${this.#size.width}px`);
    style.setProperty("--height", `${this.#size.height}px`);
    style.setProperty("--move", `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`);
    const onScreen = this.#scale * devicePixelRatio;
    this.#stage.classList.toggle("pixels", onScreen >= PIXELS_FROM);
    const isLarger = this.#size.width * this.#scale > clientWidth + 1 || this.#size.height * this.#scale > clientHeight + 1;
    // Where there is something to pan, dragging pans, and the slider is moved by its handle.
    this.#slider.handle = isLarger;
    this.#stage.classList.toggle("pans", isLarger);
    this.#zoomed(Math.round(onScreen * 100));
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.#stage.getBoundingClientRect();
    this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
  }

  #down(event) {
    const grips = !this.#slider.handle || this.#isOnHandle(event);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, grips });
    if (!grips) this.#stage.setPointerCapture(event.pointerId);
  }

  #isOnHandle(event) {
    const box = this.#stage.getBoundingClientRect();
    const handleX = box.left + (box.width * this.#slider.value) / 100;
    return Math.abs(event.clientX - handleX) < 30 && Math.abs(event.clientY - box.top - box.height / 2) < 30;
  }

  #move(event) {
    const last = this.#pointers.get(event.pointerId);
    if (!last) return;
    const now = { ...last, x: event.clientX, y: event.clientY };
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, last, now);
    else if (!last.grips) this.pan(now.x - last.x, now.y - last.y);
    this.#pointers.set(event.pointerId, now);
  }

  #pinch(id, last, now) {
    const [, other] = [...this.#pointers].find(([key]) => key !== id);
    const box = this.#stage.getBoundingClientRect();
    const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    this.by(apart(now) / apart(last), (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top);
    this.pan((now.x - last.x) / 2, (now.y - last.y) / 2);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
  }
}

/** Keep a picture in view: centred while it is smaller than the stage, covering it otherwise. */
function held(offset, size, room) {
  if (size <= room) return (room - size) / 2;
  return Math.min(0, Math.max(room - size, offset));
}
