/* native/png/png_rows.c: the filters of PNG's specification, undone, give the pixels. */
#define FUZZ_TARGET
#include "fuzz.h"

int leanpix_filter_rows(const uint8_t *pixels, size_t rows, size_t length, size_t step, int by_repeats, int first,
                        uint8_t *to);

static int predicted(int filter, int left, int above, int before) {
  int p = left + above - before, pa = abs(p - left), pb = abs(p - above), pc = abs(p - before);
  switch (filter) {
  case 0: return 0;
  case 1: return left;
  case 2: return above;
  case 3: return (left + above) / 2;
  case 4: return pa <= pb && pa <= pc ? left : pb <= pc ? above : before;
  default: abort();
  }
}

static int is_undone(const uint8_t *filtered, const uint8_t *pixels, size_t rows, size_t length, size_t step) {
  for (size_t y = 0; y < rows; ++y) {
    const uint8_t *row = filtered + y * (length + 1), *here = pixels + y * length;
    for (size_t i = 0; i < length; ++i) {
      int left = i >= step ? here[i - step] : 0, above = y ? (here - length)[i] : 0;
      int before = y && i >= step ? (here - length)[i - step] : 0;
      if ((uint8_t)(row[i + 1] + predicted(row[0], left, above, before)) != here[i]) return 0;
    }
  }
  return 1;
}

void fuzz_one(struct input input, int is_short) {
  size_t step = take(&input, 1, 4), length = step * take_side(&input, 1, 700), rows = take_side(&input, 1, 64);
  int by_repeats = (int)take(&input, 0, 1), first = (int)take(&input, 0, 1);
  uint8_t *pixels = take_bytes(&input, rows * length), *to = malloc(rows * (length + 1));
  CHECK(to != NULL);
  int failed = leanpix_filter_rows(pixels, rows, length, step, by_repeats, first, to);
  CHECK(failed == (is_short ? -1 : 0));
  if (!failed) CHECK(to[0] == first && is_undone(to, pixels, rows, length, step));
  free(pixels);
  free(to);
}
