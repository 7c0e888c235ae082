/* Rows of PNG, filtered one by one: by whichever of the five filters leaves the fewest different pairs of bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };
enum { PAIRS = 1 << 16, WORD_BITS = 64 };

static int paeth(int left, int above, int before) {
  int guess = left + above - before;
  int to_left = abs(guess - left), to_above = abs(guess - above), to_before = abs(guess - before);
  if (to_left <= to_above && to_left <= to_before) return left;
  return to_above <= to_before ? above : before;
}

/* row and above have step bytes of zeros before them. */
static void filter_row(int filter, const uint8_t *row, const uint8_t *above, size_t length, size_t step, uint8_t *to) {
  const uint8_t *left = row - step, *before = above - step;
  switch (filter) {
  case NONE: memcpy(to, row, length); break;
  case SUB:
    for (size_t i = 0; i < length; ++i) to[i] = (uint8_t)(row[i] - left[i]);
    break;
  case UP:
    for (size_t i = 0; i < length; ++i) to[i] = (uint8_t)(row[i] - above[i]);
    break;
  case AVERAGE:
    for (size_t i = 0; i < length; ++i) to[i] = (uint8_t)(row[i] - (left[i] + above[i]) / 2);
    break;
  default:
    for (size_t i = 0; i < length; ++i) to[i] = (uint8_t)(row[i] - paeth(left[i], above[i], before[i]));
  }
}

static int different_pairs(const uint8_t *bytes, size_t length, uint64_t *seen) {
  memset(seen, 0, PAIRS / 8);
  int count = 0;
  for (size_t i = 1; i < length; ++i) {
    unsigned pair = (unsigned)bytes[i - 1] << 8 | bytes[i];
    uint64_t bit = (uint64_t)1 << pair % WORD_BITS, word = seen[pair / WORD_BITS];
    count += !(word & bit);
    seen[pair / WORD_BITS] = word | bit;
  }
  return count;
}

struct work {
  uint64_t seen[PAIRS / WORD_BITS];
  uint8_t *row, *above, *tried;
};

static void filter_best(struct work *work, size_t length, size_t step, uint8_t *to) {
  int least = -1;
  for (int filter = NONE; filter < FILTERS; ++filter) {
    filter_row(filter, work->row, work->above, length, step, work->tried);
    int count = different_pairs(work->tried, length, work->seen);
    if (least >= 0 && count >= least) continue;
    least = count;
    to[0] = (uint8_t)filter;
    memcpy(to + 1, work->tried, length);
  }
}

/* Filter rows of length bytes each, step bytes a pixel, into length + 1 bytes each. The first row is left as it is, so
 * that these rows need none above them. Returns 0, or -1 without memory. */
LEANPIX_EXPORT int leanpix_filter_rows(const uint8_t *pixels, size_t rows, size_t length, size_t step, uint8_t *to) {
  struct work *work = malloc(sizeof *work);
  uint8_t *buffers = calloc(3, step + length);
  if (work == NULL || buffers == NULL) {
    free(work);
    free(buffers);
    return -1;
  }
  work->row = buffers + step;
  work->above = work->row + length + step;
  work->tried = work->above + length + step;
  for (size_t y = 0; y < rows; ++y, to += length + 1, pixels += length) {
    memcpy(work->row, pixels, length);
    if (y > 0) {
      filter_best(work, length, step, to);
    } else {
      to[0] = NONE;
      memcpy(to + 1, pixels, length);
    }
    uint8_t *next = work->above;
    work->above = work->row;
    work->row = next;
  }
  free(buffers);
  free(work);
  return 0;
}
