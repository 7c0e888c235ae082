/* How much halving the chroma planes would take away: of each 2 x 2 pixels the larger range of JFIF's two chroma, times
 * 256. leanpix/engine/content/samples.py has the same by NumPy, to the last bit. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../export.h"
#include "cells_rows.h"

enum { AT_ONCE = 256, SPREADS = 1 << 16 }; /* pixels of a row: even; what 16 bits hold */

/* Adds to counts how often each range is there. */
static void count_spreads(const uint8_t *pixels, size_t stride, size_t width, size_t height, size_t step,
                          const struct cells_rows *rows, uint32_t *counts) {
  const size_t even = width / 2 * 2;
  int16_t blue[2][AT_ONCE], red[2][AT_ONCE];
  uint16_t spreads[AT_ONCE / 2];
  for (size_t row = 0; row < height / 2; ++row, pixels += 2 * stride) {
    for (size_t at = 0; at < even; at += AT_ONCE) {
      const size_t count = even - at < AT_ONCE ? even - at : AT_ONCE;
      for (size_t second = 0; second < 2; ++second) {
        rows->split_jfif(pixels + second * stride + at * step, count, step, blue[second], red[second]);
      }
      rows->fold_spreads(blue[0], red[0], blue[1], red[1], count / 2, spreads);
      for (size_t i = 0; i < count / 2; ++i) ++counts[spreads[i]];
    }
  }
}

/* The range that so many others, from 0 on, are no larger than; of (height, width) pixels of 3 or 4 bands whose rows are
 * stride bytes apart, in the tiles of a side that begin at each of these rows and columns. Of each tile an odd last row or
 * column is left out. cpu: the newest generation of processors to use (enum metric_cpu). -1: there was no memory. */
LEANPIX_EXPORT int leanpix_chroma_spread_at(const uint8_t *pixels, size_t stride, size_t width, size_t height, int bands,
                                            int cpu, size_t tile, const size_t *tops, size_t down, const size_t *lefts,
                                            size_t across, size_t place) {
  uint32_t *counts = calloc(SPREADS, sizeof *counts);
  if (counts == NULL) return -1;
  const size_t step = (size_t)bands;
  for (size_t row = 0; row < down; ++row) {
    const size_t high = height - tops[row] < tile ? height - tops[row] : tile;
    for (size_t column = 0; column < across; ++column) {
      const size_t wide = width - lefts[column] < tile ? width - lefts[column] : tile;
      count_spreads(pixels + tops[row] * stride + lefts[column] * step, stride, wide, high, step, cells_rows_for(cpu), counts);
    }
  }
  int spread = 0;
  for (uint64_t passed = counts[0]; passed <= place && spread < SPREADS - 1; passed += counts[++spread]) continue;
  free(counts);
  return spread;
}
