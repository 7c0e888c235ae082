/* Values of a block by what they take: the least of error and bits together, by a trellis over the places that may hold
 * one (after Crouse and Ramchandran, "Joint thresholding and quantizer selection for transform image coding", 1997). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

enum { SIXTEEN_ZEROS = 0xF0, END_OF_BLOCK = 0, MOST_VALUE = 1023, LOOKED_BACK = 12 };
static const double UNSEEN = 0.3;
static const float MOST_BITS = 16;

void jpeg_count_symbols(struct jpeg_counts *counts, const int16_t *values, uint64_t filled) {
  int done = 0;
  for (uint64_t left = filled & ~(uint64_t)1; left; left &= left - 1) {
    const int at = __builtin_ctzll(left);
    int run = at - done - 1;
    for (; run > 15; run -= 16) ++counts->symbols[SIXTEEN_ZEROS];
    ++counts->symbols[run << 4 | jpeg_size((unsigned)abs(values[at]))];
    done = at;
  }
  if (done < JPEG_VALUES - 1) ++counts->symbols[END_OF_BLOCK];
}

void jpeg_rates_from(struct jpeg_rates *rates, const struct jpeg_counts *counts) {
  double all = 0;
  float bits[256];
  for (int i = 0; i < 256; ++i) all += counts->symbols[i] + UNSEEN;
  for (int i = 0; i < 256; ++i) {
    bits[i] = (float)log2(all / (counts->symbols[i] + UNSEEN));
    if (bits[i] > MOST_BITS) bits[i] = MOST_BITS;
  }
  for (int size = 1; size < JPEG_AC_SIZES; ++size) {
    for (int run = 0; run < JPEG_VALUES; ++run) {
      rates->bits[size][run] = (float)(run / 16) * bits[SIXTEEN_ZEROS] + bits[run % 16 << 4 | size] + (float)size;
    }
  }
  rates->end = bits[END_OF_BLOCK];
}

static int16_t rounded(float number) { return (int16_t)(number < 0 ? number - 0.5f : number + 0.5f); }

static int16_t within(int16_t value) {
  return value > MOST_VALUE ? MOST_VALUE : value < -MOST_VALUE ? -MOST_VALUE : value;
}

uint64_t jpeg_round(int16_t *values, const float *wanted, const struct jpeg_quantiser *quantiser) {
  uint64_t filled = 0;
  values[0] = rounded(wanted[0] * quantiser->by[0]);
  for (int i = 1; i < JPEG_VALUES; ++i) values[i] = within(rounded(wanted[i] * quantiser->by[i]));
  for (int i = 0; i < JPEG_VALUES; ++i) filled |= (uint64_t)(values[i] != 0) << i;
  return filled;
}

/* The places that may hold a value, in order: the least cost of a block so far that ends with it, which value that is,
 * and the place before it. The first place is the mean, which is always there. */
struct trellis {
  float cost[JPEG_VALUES];
  int place[JPEG_VALUES], before[JPEG_VALUES], value[JPEG_VALUES], count;
};

static int nearest_before(const struct trellis *trellis, int place, const float *bits, float *cost) {
  int nearest = 0;
  *cost = INFINITY;
  for (int i = trellis->count > LOOKED_BACK ? trellis->count - LOOKED_BACK : 0; i < trellis->count; ++i) {
    const float sum = trellis->cost[i] + bits[place - trellis->place[i] - 1];
    if (sum < *cost) *cost = sum, nearest = i;
  }
  return nearest;
}

/* A size that is rounded up to a power of two takes a bit more than the one below it: both are tried. */
static void add_place(struct trellis *trellis, int place, float size, float weight, const struct jpeg_rates *rates) {
  const int at = trellis->count, high = size < MOST_VALUE ? (int)(size + 0.5f) : MOST_VALUE;
  const int low = high > 1 && (high & (high - 1)) == 0 ? high - 1 : high;
  trellis->cost[at] = INFINITY;
  trellis->place[at] = place;
  for (int value = low; value <= high; ++value) {
    float cost;
    const int before = nearest_before(trellis, place, rates->bits[jpeg_size((unsigned)value)], &cost);
    cost += (float)value * ((float)value - 2 * size) * weight; /* the error that it has less the one of zero */
    if (cost < trellis->cost[at]) {
      trellis->cost[at] = cost;
      trellis->before[at] = before;
      trellis->value[at] = value;
    }
  }
  ++trellis->count;
}

static int last_of_best(const struct trellis *trellis, float end) {
  int last = 0;
  float least = end;
  for (int i = 1; i < trellis->count; ++i) {
    const float cost = trellis->cost[i] + (trellis->place[i] < JPEG_VALUES - 1 ? end : 0);
    if (cost < least) least = cost, last = i;
  }
  return last;
}

uint64_t jpeg_choose(int16_t *values, const float *wanted, const struct jpeg_quantiser *quantiser,
                     const struct jpeg_rates *rates, float slope) {
  struct trellis trellis;
  float scaled[JPEG_VALUES];
  uint64_t may = 0;
  trellis.cost[0] = 0;
  trellis.place[0] = 0;
  trellis.count = 1;
  for (int i = 0; i < JPEG_VALUES; ++i) scaled[i] = wanted[i] * quantiser->by[i];
  for (int i = 1; i < JPEG_VALUES; ++i) may |= (uint64_t)(fabsf(scaled[i]) >= 0.5f) << i;
  for (; may; may &= may - 1) {
    const int place = __builtin_ctzll(may);
    add_place(&trellis, place, fabsf(scaled[place]), quantiser->weight[place] / slope, rates);
  }
  memset(values, 0, JPEG_VALUES * sizeof *values);
  values[0] = rounded(scaled[0]);
  uint64_t filled = values[0] != 0;
  for (int i = last_of_best(&trellis, rates->end); i > 0; i = trellis.before[i]) {
    const int place = trellis.place[i];
    values[place] = (int16_t)(scaled[place] < 0 ? -trellis.value[i] : trellis.value[i]);
    filled |= (uint64_t)1 << place;
  }
  return filled;
}
