/* The transforms of WebP's lossless format, row by row: nothing of a picture is held but two rows. */
#include "colour_rows.h"

#include <stdlib.h>
#include <string.h>

#include "../export.h"

enum { MODES = 14, BLACK = 0, LEFT = 1, ABOVE = 2, SAMPLED_EVERY = 4 };
enum { ZERO_COST = 1, PIXEL_COST = 16, SAME_MODE_WORTH = 64 }; /* in eighths of a bit */

static uint32_t packed(const uint8_t *pixel, int bands) {
  uint32_t alpha = bands % 2 ? 255 : pixel[bands - 1];
  if (alpha == 0) return 0; /* nobody sees which colour it is */
  if (bands < 3) return pixel[0] * 0x010101u | alpha << 24;
  return pixel[2] | (uint32_t)pixel[1] << 8 | (uint32_t)pixel[0] << 16 | alpha << 24;
}

static uint32_t less_green(uint32_t pixel) {
  uint32_t green = pixel >> 8 & 255;
  return (pixel & 0xff00ff00u) | (((pixel >> 16) - green) & 255) << 16 | ((pixel - green) & 255);
}

/* A pixel is four bytes in this order on every machine. */
static void store(uint8_t *bytes, uint32_t pixel) {
  for (int i = 0; i < 4; ++i) bytes[i] = (uint8_t)(pixel >> (8 * i));
}

static uint32_t loaded(const uint8_t *bytes) {
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t slot_of(const struct rows *rows, uint32_t colour) {
  uint32_t slot = colour * 2654435761u >> 22;
  while (rows->taken[slot] && rows->slots[slot] != colour) slot = (slot + 1) % SLOTS;
  return slot;
}

static void know_colours(struct rows *rows) {
  for (int i = 0; i < rows->source->colour_count; ++i) {
    uint32_t slot = slot_of(rows, rows->source->colours[i]);
    rows->taken[slot] = 1;
    rows->slots[slot] = rows->source->colours[i];
    rows->numbers[slot] = (uint8_t)i;
  }
}

int leanpix_open_rows(struct rows *rows, const struct source *source) {
  memset(rows, 0, sizeof *rows);
  rows->source = source;
  size_t bytes = 4 * (source->width + 2);
  rows->above = calloc(1, bytes);
  rows->here = calloc(1, bytes);
  if (source->colours != NULL) know_colours(rows);
  return rows->above == NULL || rows->here == NULL ? -1 : 0;
}

void leanpix_close_rows(struct rows *rows) {
  free(rows->above);
  free(rows->here);
}

/* Take in the next row. The format takes the first pixel of a row for what is above and right of its last one. */
static void read_row(struct rows *rows) {
  const struct source *source = rows->source;
  const uint8_t *pixel = source->pixels + rows->next++ * source->width * (size_t)source->bands;
  uint8_t *here = rows->above;
  rows->above = rows->here;
  rows->here = here;
  for (size_t x = 0; x < source->width; ++x, pixel += source->bands) {
    uint32_t colour = packed(pixel, source->bands);
    store(here + 4 * x, source->is_green_subtracted ? less_green(colour) : colour);
  }
  memcpy(rows->above + 4 * source->width, here, 4);
}

static void next_numbers(struct rows *rows, uint32_t *out) {
  const struct source *source = rows->source;
  const uint8_t *pixel = source->pixels + rows->next++ * source->width * (size_t)source->bands;
  uint32_t last = 0, number = 0, mask = (1u << source->bundle_power) - 1, bits = 8 >> source->bundle_power;
  memset(out, 0, coded_width(source) * sizeof *out);
  for (size_t x = 0; x < source->width; ++x, pixel += source->bands) {
    uint32_t colour = packed(pixel, source->bands);
    if (x == 0 || colour != last) number = rows->numbers[slot_of(rows, colour)];
    last = colour;
    out[x >> source->bundle_power] |= number << (8 + bits * (x & mask));
  }
}

static int mean(int a, int b) { return (a + b) >> 1; }

static int clamped(int value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

static int apart(const uint8_t *a, const uint8_t *b) {
  int sum = 0;
  for (int i = 0; i < 4; ++i) sum += abs(a[i] - b[i]);
  return sum;
}

/* Left or above, whichever the other three are said to lead to. */
static void less_selected(const uint8_t *here, const uint8_t *above, uint8_t *out, size_t from, size_t to) {
  for (size_t i = from; i < to; i += 4) {
    int is_left = apart(above + i, above + i - 4) < apart(here + i - 4, above + i - 4);
    const uint8_t *predicted = is_left ? here + i - 4 : above + i;
    for (int byte = 0; byte < 4; ++byte) out[i + byte] = (uint8_t)(here[i + byte] - predicted[byte]);
  }
}

#define L here[i - 4]
#define T above[i]
#define TL above[i - 4]
#define TR above[i + 4]
#define LESS(predicted) \
  for (size_t i = from; i < to; ++i) out[i] = (uint8_t)(here[i] - (predicted)); \
  break

/* What a predictor of the format leaves of the pixels from one to before another, given in bytes. */
static void predict(int mode, const uint8_t *here, const uint8_t *above, uint8_t *restrict out, size_t from,
                    size_t to) {
  switch (mode) {
    case BLACK: LESS(i % 4 == 3 ? 255 : 0);
    case LEFT: LESS(L);
    case ABOVE: LESS(T);
    case 3: LESS(TR);
    case 4: LESS(TL);
    case 5: LESS(mean(mean(L, TR), T));
    case 6: LESS(mean(L, TL));
    case 7: LESS(mean(L, T));
    case 8: LESS(mean(TL, T));
    case 9: LESS(mean(T, TR));
    case 10: LESS(mean(mean(L, TL), mean(T, TR)));
    case 11: less_selected(here, above, out, from, to); break;
    case 12: LESS(clamped(L + T - TL));
    default: LESS(clamped(mean(L, T) + (mean(L, T) - TL) / 2));
  }
}

/* The first row from its left, the first column from above, the others by their tile's predictor. */
static void predict_row(struct rows *rows, uint8_t *out) {
  const struct source *source = rows->source;
  const uint8_t *here = rows->here, *above = rows->above;
  size_t end = 4 * source->width, side = (size_t)4 << source->tile_bits;
  if (rows->next == 1) {
    predict(BLACK, here, above, out, 0, 4);
    predict(LEFT, here, above, out, 4, end);
    return;
  }
  size_t across = (source->width + (side / 4) - 1) >> source->tile_bits;
  const uint8_t *modes = source->modes + ((rows->next - 1) >> source->tile_bits) * across;
  predict(ABOVE, here, above, out, 0, 4);
  for (size_t from = 0; from < end; from += side)
    predict(*modes++, here, above, out, from ? from : 4, from + side < end ? from + side : end);
}

void leanpix_next_row(struct rows *rows, uint32_t *out) {
  const struct source *source = rows->source;
  if (source->colours != NULL) {
    next_numbers(rows, out);
    return;
  }
  read_row(rows);
  if (source->modes != NULL) predict_row(rows, (uint8_t *)out);
  const uint8_t *bytes = source->modes != NULL ? (const uint8_t *)out : rows->here;
  for (size_t x = 0; x < source->width; ++x) out[x] = loaded(bytes + 4 * x);
}

/* What a difference of each byte is taken to cost; pixels that are predicted exactly lie in runs and cost little. */
static void know_costs(uint32_t *costs) {
  for (int value = 0; value < 256; ++value) {
    int size = value < 128 ? value : 256 - value, bits = 0;
    while (size >> bits) ++bits;
    costs[value] = (uint32_t)(bits ? 8 * (bits + 2) : 4);
  }
}

static uint32_t cost_of(const uint8_t *out, size_t from, size_t to, const uint32_t *costs) {
  uint32_t cost = 0;
  for (size_t i = from; i < to; i += 4) {
    uint32_t pixel = loaded(out + i);
    if (pixel == 0) cost += ZERO_COST;
    else cost += PIXEL_COST + costs[out[i]] + costs[out[i + 1]] + costs[out[i + 2]] + costs[out[i + 3]];
  }
  return cost;
}

static void try_modes(const struct rows *rows, uint8_t *scratch, const uint32_t *costs, uint32_t *sums) {
  size_t end = 4 * rows->source->width, side = (size_t)4 << rows->source->tile_bits;
  for (size_t from = 0; from < end; from += side, sums += MODES) {
    size_t first = from ? from : 4, last = from + side < end ? from + side : end;
    for (int mode = 0; mode < MODES && first < last; ++mode) {
      predict(mode, rows->here, rows->above, scratch, first, last);
      sums[mode] += cost_of(scratch, first, last, costs);
    }
  }
}

/* The predictor of the least cost for each tile, or its left neighbour's where that is nearly as good. */
static void decide(const uint32_t *sums, uint8_t *modes, size_t across) {
  int before = 11;
  for (size_t tile = 0; tile < across; ++tile, sums += MODES) {
    int best = before;
    for (int mode = 0; mode < MODES; ++mode)
      if (sums[mode] + (best == before ? SAME_MODE_WORTH : 0) < sums[best]) best = mode;
    modes[tile] = (uint8_t)best;
    before = best;
  }
}

/* Choose the predictors of a source's tiles by every fourth row, into modes; -1 without memory. */
LEANPIX_EXPORT int leanpix_choose_modes(const struct source *source, uint8_t *modes) {
  size_t side = (size_t)1 << source->tile_bits, across = (source->width + side - 1) >> source->tile_bits;
  struct rows *rows = malloc(sizeof *rows);
  uint32_t *sums = malloc(across * MODES * sizeof *sums), costs[256];
  uint8_t *scratch = malloc(4 * source->width);
  int failed = rows == NULL || sums == NULL || scratch == NULL;
  if (rows != NULL) failed |= leanpix_open_rows(rows, source);
  know_costs(costs);
  for (size_t top = 0; !failed && top < source->height; top += side, modes += across) {
    memset(sums, 0, across * MODES * sizeof *sums);
    for (size_t y = top; y < top + side && y < source->height; ++y) {
      read_row(rows);
      if (y > 0 && y % SAMPLED_EVERY == 1) try_modes(rows, scratch, costs, sums);
    }
    decide(sums, modes, across);
  }
  if (rows != NULL) leanpix_close_rows(rows);
  free(rows);
  free(sums);
  free(scratch);
  return failed ? -1 : 0;
}
