/* Rows of PNG, each filtered by the filter that looks best.
 *
 * By pairs that is the one of five that leaves the fewest different pairs of bytes; by repeats the one that leaves the
 * least entropy of five bytes in a row (three of gray), those of the rows before counted, for these are what deflate
 * finds again.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };
enum { PAIRS = 1 << 16, WORD_BITS = 64, REPEAT_BITS = 16, REPEATS = 1 << REPEAT_BITS };
enum { WINDOW = 60000, GAINS = 1 << 12 }; /* bytes of rows before that are counted; counts that are told apart */

static const float KEPT = 0.1f; /* bits a byte that the filter of the row before may be worse by */

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
  uint16_t counts[REPEATS]; /* by hash, of the rows before */
  float gains[GAINS];       /* what n log n grows by from n to n + 1; from the last on it is taken to be the same */
  size_t same;              /* bytes that are looked at together */
  uint8_t *row, *above, *tried;
};

static void set_gains(struct work *work) {
  double before = 0;
  for (int n = 0; n < GAINS; ++n) {
    double after = (double)(n + 1) * log2((double)(n + 1));
    work->gains[n] = (float)(after - before);
    before = after;
  }
}

/* Of the 3 or 5 bytes before a place. */
static unsigned slot_of(const uint8_t *end, size_t same) {
  uint32_t four = (uint32_t)end[-3] << 8 | (uint32_t)end[-2] << 16;
  if (same > 3) memcpy(&four, end - 5, sizeof four);
  return (unsigned)((four | (uint64_t)end[-1] << 32) * 0x9e3779b97f4a7c15u >> (64 - REPEAT_BITS));
}

static void count(struct work *work, const uint8_t *bytes, size_t length, int by) {
  const size_t same = work->same;
  for (size_t i = same; i <= length; ++i) work->counts[slot_of(bytes + i, same)] += (uint16_t)by;
}

/* How many bits less the bytes take, so many by so many, than if all were different. */
static float repeated(struct work *work, const uint8_t *bytes, size_t length) {
  const size_t same = work->same;
  float gain = 0;
  for (size_t i = same; i <= length; ++i) {
    uint16_t seen = work->counts[slot_of(bytes + i, same)]++;
    gain += work->gains[seen < GAINS ? seen : GAINS - 1];
  }
  count(work, bytes, length, -1);
  return gain;
}

static void filter_by_pairs(struct work *work, size_t length, size_t step, uint8_t *to) {
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

/* Never unfiltered: noise looks as if it were better so. */
static void filter_by_repeats(struct work *work, int kept, size_t length, size_t step, uint8_t *to) {
  float most = -1;
  for (int filter = SUB; filter < FILTERS; ++filter) {
    filter_row(filter, work->row, work->above, length, step, work->tried);
    float gain = repeated(work, work->tried, length) + (filter == kept ? KEPT * (float)length : 0);
    if (gain <= most) continue;
    most = gain;
    to[0] = (uint8_t)filter;
    memcpy(to + 1, work->tried, length);
  }
}

static void filter_first(int filter, const struct work *work, size_t length, size_t step, uint8_t *to) {
  to[0] = (uint8_t)filter;
  filter_row(filter, work->row, work->above, length, step, to + 1);
}

/* Filter rows of length bytes each, step bytes a pixel, into length + 1 bytes each: by repeats or by pairs, the first
 * row by a filter that needs none above it, SUB or NONE, so that strips can be filtered one by one. Returns 0, or -1
 * without memory.
 */
LEANPIX_EXPORT int leanpix_filter_rows(const uint8_t *pixels, size_t rows, size_t length, size_t step,
                                       int by_repeats, int first, uint8_t *to) {
  struct work *work = calloc(1, sizeof *work);
  uint8_t *buffers = calloc(3, step + length);
  if (work == NULL || buffers == NULL) {
    free(work);
    free(buffers);
    return -1;
  }
  if (by_repeats) set_gains(work);
  work->same = step > 2 ? 5 : 3;
  work->row = buffers + step;
  work->above = work->row + length + step;
  work->tried = work->above + length + step;
  int kept = NONE;
  size_t counted = by_repeats ? WINDOW / (length + 1) : 0; /* rows */
  for (size_t y = 0; y < rows; ++y, to += length + 1, pixels += length) {
    memcpy(work->row, pixels, length);
    if (y == 0) filter_first(first, work, length, step, to);
    else if (by_repeats) filter_by_repeats(work, kept, length, step, to);
    else filter_by_pairs(work, length, step, to);
    kept = to[0];
    if (counted > 0) count(work, to + 1, length, 1);
    if (counted > 0 && y >= counted) count(work, to + 1 - counted * (length + 1), length, -1);
    uint8_t *next = work->above;
    work->above = work->row;
    work->row = next;
  }
  free(buffers);
  free(work);
  return 0;
}
