/* How much halving the chroma planes would take away: of each 2 x 2 pixels the larger range of JFIF's two chroma, times
 * 256. leanpix/engine/content/samples.py has the same by NumPy, to the last bit. */
#include <stddef.h>
#include <stdint.h>

#include "../export.h"
#include "cells_rows.h"

enum { AT_ONCE = 256 }; /* pixels of a row: even */

/* spreads: (height / 2, width / 2) of pixels of 3 or 4 bands whose rows are stride bytes apart; an odd last row or
 * column is left out. cpu: the newest generation of processors to use (enum metric_cpu). */
LEANPIX_EXPORT void leanpix_chroma_spreads(const uint8_t *pixels, size_t stride, size_t width, size_t height, int bands,
                                           int cpu, uint16_t *spreads) {
  const struct cells_rows *rows = cells_rows_for(cpu);
  const size_t step = (size_t)bands, even = width / 2 * 2;
  int16_t blue[2][AT_ONCE], red[2][AT_ONCE];
  for (size_t row = 0; row < height / 2; ++row, pixels += 2 * stride) {
    for (size_t at = 0; at < even; at += AT_ONCE) {
      const size_t count = even - at < AT_ONCE ? even - at : AT_ONCE;
      for (size_t second = 0; second < 2; ++second) {
        rows->split_jfif(pixels + second * stride + at * step, count, step, blue[second], red[second]);
      }
      rows->fold_spreads(blue[0], red[0], blue[1], red[1], count / 2, spreads);
      spreads += count / 2;
    }
  }
}
