/* Values of a block by what they take: the least of error and bits together, by a trellis over the places that may hold
 * one (after Crouse and Ramchandran, "Joint thresholding and quantizer selection for transform image coding", 1997). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

enum { SIXTEEN_ZEROS = 0xF0, END_OF_BLOCK = 0, MOST_VALUE = 1023 };
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

uint64_t jpeg_round(int16_t *values, const float *scaled) {
  uint64_t filled = 0;
  values[0] = rounded(scaled[0]);
  for (int i = 1; i < JPEG_VALUES; ++i) values[i] = within(rounded(scaled[i]));
  for (int i = 0; i < JPEG_VALUES; ++i) filled |= (uint64_t)(values[i] != 0) << i;
  return filled;
}

/* Ways to fill a block up to a place that holds a value, and where the best one comes from. The first place is the
 * mean, which is always there. */
struct trellis {
  float cost[JPEG_VALUES];
  int16_t value[JPEG_VALUES];
  uint8_t before[JPEG_VALUES];  /* the place that is filled before it */
  uint8_t open[JPEG_VALUES];    /* places to come from, rising, and rising in cost: a nearer one that costs less is better */
  int opened;                   /* of them all but the nearest, which mostly is the only one */
};

/* The nearest place to come from. */
struct nearest {
  int place;
  float cost;
};

static inline float least_before(const struct trellis *trellis, struct nearest nearest, int place, const float *bits,
                                 int *before) {
  float least = nearest.cost + bits[place - nearest.place - 1];
  *before = nearest.place;
  for (int i = trellis->opened - 1; i >= 0; --i) {
    const int from = trellis->open[i];
    const float sum = trellis->cost[from] + bits[place - from - 1];
    if (sum < least) least = sum, *before = from;
  }
  return least;
}

/* A size that is rounded up to a power of two takes a bit more than the one below it: both are tried. Returns the place,
 * which is the nearest one from now on. */
static inline struct nearest add_place(struct trellis *trellis, struct nearest nearest, int place, float size, float weight,
                                       const struct jpeg_rates *rates) {
  const int high = size < MOST_VALUE ? (int)(size + 0.5f) : MOST_VALUE;
  int value = high, before;
  /* The error that a value has, less the one of zero. */
  float least = least_before(trellis, nearest, place, rates->bits[jpeg_size((unsigned)high)], &before);
  least += (float)high * ((float)high - 2 * size) * weight;
  if (high > 1 && (high & (high - 1)) == 0) {
    const int low = high - 1;
    int low_before;
    float cost = least_before(trellis, nearest, place, rates->bits[jpeg_size((unsigned)low)], &low_before);
    cost += (float)low * ((float)low - 2 * size) * weight;
    if (cost < least) least = cost, value = low, before = low_before;
  }
  if (nearest.cost < least) {
    trellis->open[trellis->opened++] = (uint8_t)nearest.place;
  } else {
    while (trellis->opened && trellis->cost[trellis->open[trellis->opened - 1]] >= least) --trellis->opened;
  }
  trellis->cost[place] = least;
  trellis->value[place] = (int16_t)value;
  trellis->before[place] = (uint8_t)before;
  return (struct nearest){place, least};
}

/* Without a branch: half of all values are negative, and nothing tells which. */
static inline int16_t with_sign_of(int value, float number) {
  int32_t bits;
  memcpy(&bits, &number, sizeof bits);
  const int sign = -(int)((uint32_t)bits >> 31);
  return (int16_t)((value ^ sign) - sign);
}

uint64_t jpeg_choose(int16_t *values, const float *scaled, uint64_t may, const struct jpeg_quantiser *quantiser,
                     const struct jpeg_rates *rates, float slope) {
  struct trellis trellis;
  struct nearest nearest = {0, 0};
  const float per_bit = 1 / slope;
  float least = rates->end;
  int last = 0;
  trellis.cost[0] = 0;
  trellis.opened = 0;
  for (may &= ~(uint64_t)1; may; may &= may - 1) {
    const int place = __builtin_ctzll(may);
    nearest = add_place(&trellis, nearest, place, fabsf(scaled[place]), quantiser->weight[place] * per_bit, rates);
    const float cost = place < JPEG_VALUES - 1 ? nearest.cost + rates->end : nearest.cost;
    if (cost < least) least = cost, last = place;
  }
  memset(values, 0, JPEG_VALUES * sizeof *values);
  values[0] = rounded(scaled[0]);
  uint64_t filled = values[0] != 0;
  for (; last > 0; last = trellis.before[last]) {
    values[last] = with_sign_of(trellis.value[last], scaled[last]);
    filled |= (uint64_t)1 << last;
  }
  return filled;
}
