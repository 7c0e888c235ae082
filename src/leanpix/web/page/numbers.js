// Sizes, shares and counts as people read them, in their language.

import { language, t } from "./language.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];
const formats = new Map();

/** A number with so many decimal places; whole ones with separators. */
function shown(value, digits = 0) {
  const name = `${language()} ${digits}`;
  if (!formats.has(name)) {
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(name, new Intl.NumberFormat(language(), places));
  }
  return formats.get(name).format(value);
}

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
  return `${shown(size, digits)} ${UNITS[unit]}`;
}

/** How much smaller `after` is than `before`: "−62 %", "0 %". */
export function change(before, after) {
  if (!before || after == null) return "–";
  const share = (1 - after / before) * 100;
  if (share < 0.05) return "0 %";
  return `−${shown(share, share >= 9.95 ? 0 : 1)} %`;
}

export const whole = (value) => shown(value);

/** A score as it is shown. */
export const tenths = (value) => shown(value, 1);

/** "1 file", "20 files": a key whose text has forms, and a number. */
export const counted = (key, number) => t(key, { n: number, number: whole(number) });
