// Sizes, shares and counts as people read them.

const UNITS = ["B", "KB", "MB", "GB", "TB"];
const count = new Intl.NumberFormat("en");

/** Bytes with three significant digits: 1 KB is 1024 bytes, as in the API. */
export function bytes(value) {
  if (value == null) return "–";
  let unit = 0;
  let size = value;
  while (size >= 999.5 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2;
  return `${size.toFixed(digits)} ${UNITS[unit]}`;
}

/** How much smaller `after` is than `before`: "−62 %", "0 %". */
export function change(before, after) {
  if (!before || after == null) return "–";
  const share = (1 - after / before) * 100;
  if (share < 0.05) return "0 %";
  return `−${share >= 9.95 ? share.toFixed(0) : share.toFixed(1)} %`;
}

export const whole = (value) => count.format(value);

/** "1 file", "20 files". */
export const plural = (number, noun) => `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
