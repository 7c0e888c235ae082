/* The colours of a palette for a picture's pixels.
 *
 * Pixels are counted by colour, in cells that grow until there are few enough of them. The colours are parted into
 * boxes, always the one with the largest sum of squared errors, where that leaves the least, until there are as many
 * boxes as colours are allowed, or the error is small enough. Then each box's mean is moved to the mean of what is
 * nearest to it, again and again, until that hardly helps any more.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "palette_space.h"

enum { SLOT_BITS = 17, SLOTS = 1 << SLOT_BITS, MOST_POINTS = 40000, BINS = 64, MOST_ROUNDS = 16 };

/* What one colour counts for at most where the mean error is taken, as a share of the pixels: a page's ground has no
 * error, and does not make up for that of what is drawn on it. */
static const double MOST_SHARE = 1.0 / 16;

/* How far, squared, a colour may lie from the one that stands for it, be it ever so rare: from there on it is another
 * colour to whoever looks. One in so many of the palette's colours go to those that lie further. Fewer pixels of a colour
 * than LEAST_RARE are noise, but LEAST_SPREAD of one box that are far are not, alike or not: a flower of a photograph has
 * as many colours as pixels (docs/decisions/0175). */
static const float FAR = 0.008f;
enum { SHARE_FOR_RARE = 8, LEAST_RARE = 3, LEAST_SPREAD = 12 };

static const double LEAST_GAIN = 0.005; /* the share of the error that a round takes away, else it was the last */

/* Pixels whose samples are the same in their upper bits. */
struct cell {
  uint32_t sums[CHANNELS], count, key;
};

struct histogram {
  struct cell *cells; /* by hash; a count of 0 is a free place */
  int used, bits;
};

struct weighted {
  point where;
  float weight;
  int nearest;
};

struct box {
  struct weighted *first;
  int count, axis;
  float low, high; /* along the axis */
  point mean;
  double error; /* the sum of the squared distances to the mean */
  float far;    /* the largest of these, of colours that are not noise */
};

struct neighbour {
  float quarter; /* of its squared distance: nothing that is nearer to this colour than that is nearer to the other */
  int index;
};

struct choice {
  int colours;
  point palette[MAX_COLOURS];
  struct neighbour neighbours[MAX_COLOURS][MAX_COLOURS]; /* of each colour, the nearest first, which is itself */
};

static uint32_t coarse(uint32_t key, int bits) { return key & ((0xffu << (8 - bits) & 0xffu) * 0x01010101u); }

static struct cell *cell_for(struct histogram *histogram, uint32_t key) {
  uint32_t slot = key * 2654435761u >> (32 - SLOT_BITS);
  while (histogram->cells[slot].count && histogram->cells[slot].key != key) slot = (slot + 1) % SLOTS;
  struct cell *cell = &histogram->cells[slot];
  if (!cell->count) {
    cell->key = key;
    ++histogram->used;
  }
  return cell;
}

/* Cells of twice the width, until there are few enough. */
static int widen(struct histogram *histogram) {
  while (histogram->used > MOST_POINTS) {
    struct cell *finer = histogram->cells;
    histogram->cells = calloc(SLOTS, sizeof *finer);
    if (histogram->cells == NULL) {
      histogram->cells = finer;
      return -1;
    }
    histogram->used = 0;
    --histogram->bits;
    for (int i = 0; i < SLOTS; ++i) {
      if (!finer[i].count) continue;
      struct cell *cell = cell_for(histogram, coarse(finer[i].key, histogram->bits));
      for (int channel = 0; channel < CHANNELS; ++channel) cell->sums[channel] += finer[i].sums[channel];
      cell->count += finer[i].count;
    }
    free(finer);
  }
  return 0;
}

static int count_pixels(struct histogram *histogram, const uint8_t *pixels, size_t count, int bands) {
  struct cell *cell = NULL; /* what is drawn has the same pixel over and over */
  uint32_t last = 0;
  for (size_t i = 0; i < count; ++i, pixels += bands) {
    uint32_t alpha = bands % 2 ? OPAQUE : pixels[bands - 1];
    int second = bands < 3 ? 0 : 1, third = bands < 3 ? 0 : 2;
    uint32_t seen = alpha ? 0xff : 0; /* nobody sees which colour it is */
    uint32_t samples[CHANNELS] = {pixels[0] & seen, pixels[second] & seen, pixels[third] & seen, alpha};
    uint32_t key = samples[0] << 24 | samples[1] << 16 | samples[2] << 8 | alpha;
    if (cell == NULL || key != last) cell = cell_for(histogram, coarse(key, histogram->bits));
    last = key;
    for (int channel = 0; channel < CHANNELS; ++channel) cell->sums[channel] += samples[channel];
    ++cell->count;
    if (histogram->used <= MOST_POINTS) continue;
    if (widen(histogram)) return -1;
    cell = NULL;
  }
  return 0;
}

/* The place of a value between two samples. */
static float between(space_table table, int channel, double value) {
  int lower = (int)value, upper = lower < LEVELS - 1 ? lower + 1 : lower;
  return table[lower][channel] + (float)(value - lower) * (table[upper][channel] - table[lower][channel]);
}

static void list_points(const struct histogram *histogram, struct weighted *points) {
  space_table table;
  make_table(table);
  for (int i = 0; i < SLOTS; ++i) {
    const struct cell *cell = &histogram->cells[i];
    if (!cell->count) continue;
    double alpha = (double)cell->sums[ALPHA] / cell->count;
    for (int channel = 0; channel < CHANNELS; ++channel) {
      float place = between(table, channel, (double)cell->sums[channel] / cell->count);
      points->where[channel] = channel == ALPHA ? place : place * (float)(alpha / OPAQUE);
    }
    points++->weight = (float)cell->count;
  }
}

static void measure(struct box *box) {
  double weight = 0, sums[CHANNELS] = {0}, squares[CHANNELS] = {0}, most = -1;
  point low = box->first->where, high = low;
  for (int i = 0; i < box->count; ++i) {
    const struct weighted *here = &box->first[i];
    weight += here->weight;
    for (int channel = 0; channel < CHANNELS; ++channel) {
      double value = here->where[channel];
      sums[channel] += here->weight * value;
      squares[channel] += here->weight * value * value;
      low[channel] = fminf(low[channel], here->where[channel]);
      high[channel] = fmaxf(high[channel], here->where[channel]);
    }
  }
  box->error = 0;
  for (int channel = 0; channel < CHANNELS; ++channel) {
    double mean = sums[channel] / weight, error = squares[channel] - sums[channel] * mean;
    if (error < 0 || low[channel] >= high[channel]) error = 0;
    box->mean[channel] = (float)mean;
    box->error += error;
    if (error > most) {
      most = error;
      box->axis = channel;
    }
  }
  box->low = low[box->axis];
  box->high = high[box->axis];
  box->far = 0;
  float furthest = 0, pixels = 0;
  for (int i = 0; i < box->count && box->error > 0; ++i) {
    const struct weighted *here = &box->first[i];
    const float distance = squared(here->where - box->mean);
    if (distance <= FAR) continue;
    furthest = fmaxf(furthest, distance);
    pixels += here->weight;
    if (here->weight >= LEAST_RARE) box->far = fmaxf(box->far, distance);
  }
  if (pixels >= LEAST_SPREAD) box->far = furthest;
}

static int bin_of(const struct box *box, const struct weighted *here) {
  int bin = (int)((here->where[box->axis] - box->low) * (BINS / (box->high - box->low)));
  return bin < BINS ? bin : BINS - 1;
}

/* The last bin of the lower half, such that both halves' errors come to the least. */
static int best_cut(const struct box *box) {
  double weights[BINS] = {0}, sums[BINS] = {0}, weight = 0, sum = 0, below = 0, sum_below = 0, most = -1;
  for (int i = 0; i < box->count; ++i) {
    const struct weighted *here = &box->first[i];
    int bin = bin_of(box, here);
    weights[bin] += here->weight;
    sums[bin] += here->weight * (double)here->where[box->axis];
  }
  for (int bin = 0; bin < BINS; ++bin) {
    weight += weights[bin];
    sum += sums[bin];
  }
  int best = 0;
  for (int bin = 0; bin < BINS - 1; ++bin) {
    below += weights[bin];
    sum_below += sums[bin];
    double above = weight - below, sum_above = sum - sum_below;
    double between_halves = sum_below * sum_below / below + sum_above * sum_above / above;
    if (between_halves > most) {
      most = between_halves;
      best = bin;
    }
  }
  return best;
}

/* Both halves hold something: the lowest point lies in the first bin, the highest in the last. */
static struct box halve(struct box *box) {
  int cut = best_cut(box), lower = 0, upper = box->count;
  while (lower < upper) {
    if (bin_of(box, &box->first[lower]) <= cut) {
      ++lower;
      continue;
    }
    struct weighted moved = box->first[lower];
    box->first[lower] = box->first[--upper];
    box->first[upper] = moved;
  }
  struct box rest = {.first = box->first + lower, .count = box->count - lower};
  box->count = lower;
  measure(box);
  measure(&rest);
  return rest;
}

static double weight_of_errors(const struct weighted *points, int count) {
  double all = 0, capped = 0;
  for (int i = 0; i < count; ++i) all += points[i].weight;
  for (int i = 0; i < count; ++i) capped += fmin(points[i].weight, MOST_SHARE * all);
  return capped;
}

/* The mean squared distance of the pixels of a cell to its middle, where they lie all over it. */
static double error_within(int bits) {
  double width = 1 << (8 - bits), levels = (width * width - 1) / 12, weights = 0;
  for (int channel = 0; channel < ALPHA; ++channel) weights += WEIGHTS[channel] * (double)WEIGHTS[channel];
  return weights * levels / (OPAQUE * OPAQUE);
}

/* The largest error is parted first, the furthest colour last. */
static int make_boxes(struct box *boxes, struct weighted *points, int count, int most_colours, double most_error) {
  double allowed = most_error * weight_of_errors(points, count);
  const int for_rare = most_colours / SHARE_FOR_RARE;
  boxes[0] = (struct box){.first = points, .count = count};
  measure(&boxes[0]);
  for (int made = 1, is_fine = 0;; ++made) {
    double error = 0;
    int worst = 0, furthest = 0;
    for (int i = 0; i < made; ++i) {
      error += boxes[i].error;
      if (boxes[i].error > boxes[worst].error) worst = i;
      if (boxes[i].far > boxes[furthest].far) furthest = i;
    }
    is_fine = is_fine || error <= allowed || boxes[worst].error <= 0 || made >= most_colours - for_rare;
    const int is_rare = is_fine && boxes[furthest].far > FAR;
    if (made == most_colours || error <= 0 || (!is_rare && error <= allowed)) return made;
    boxes[made] = halve(&boxes[is_rare ? furthest : worst]);
  }
}

static void take_means(struct choice *choice, const struct box *boxes) {
  for (int i = 0; i < choice->colours; ++i) {
    choice->palette[i] = boxes[i].mean;
    for (int j = 0; j < boxes[i].count; ++j) boxes[i].first[j].nearest = i;
  }
}

static int by_distance(const void *one, const void *other) {
  float first = ((const struct neighbour *)one)->quarter, second = ((const struct neighbour *)other)->quarter;
  return (first > second) - (first < second);
}

static void find_neighbours(struct choice *choice) {
  for (int i = 0; i < choice->colours; ++i) {
    for (int j = 0; j < choice->colours; ++j) {
      choice->neighbours[i][j] = (struct neighbour){squared(choice->palette[i] - choice->palette[j]) / 4, j};
    }
    qsort(choice->neighbours[i], (size_t)choice->colours, sizeof(struct neighbour), by_distance);
  }
}

/* Find the nearest colour anew, beginning with the one that was; its squared distance. */
static float settle(const struct choice *choice, struct weighted *here) {
  const struct neighbour *neighbours = choice->neighbours[here->nearest];
  float before = squared(here->where - choice->palette[here->nearest]), least = before;
  for (int i = 0; i < choice->colours && neighbours[i].quarter < before; ++i) {
    float distance = squared(here->where - choice->palette[neighbours[i].index]);
    if (distance < least) {
      least = distance;
      here->nearest = neighbours[i].index;
    }
  }
  return least;
}

/* Each colour to the mean of what is nearest to it; the error before. */
static double move_colours(struct choice *choice, struct weighted *points, int count) {
  double sums[MAX_COLOURS][CHANNELS] = {{0}}, weights[MAX_COLOURS] = {0}, error = 0;
  find_neighbours(choice);
  for (int i = 0; i < count; ++i) {
    error += points[i].weight * settle(choice, &points[i]);
    weights[points[i].nearest] += points[i].weight;
    for (int channel = 0; channel < CHANNELS; ++channel) {
      sums[points[i].nearest][channel] += points[i].weight * (double)points[i].where[channel];
    }
  }
  for (int i = 0; i < choice->colours; ++i) {
    for (int channel = 0; channel < CHANNELS && weights[i] > 0; ++channel) {
      choice->palette[i][channel] = (float)(sums[i][channel] / weights[i]);
    }
  }
  return error;
}

static void refine(struct choice *choice, struct weighted *points, int count) {
  double before = move_colours(choice, points, count);
  for (int round = 1; round < MOST_ROUNDS; ++round) {
    double error = move_colours(choice, points, count);
    if (error >= (1 - LEAST_GAIN) * before) return;
    before = error;
  }
}

static void write_colour(point colour, uint8_t *rgba) {
  float alpha = colour[ALPHA] / WEIGHTS[ALPHA];
  rgba[ALPHA] = (uint8_t)lrintf(fminf(alpha, 1) * OPAQUE);
  for (int channel = 0; channel < ALPHA; ++channel) {
    float share = rgba[ALPHA] ? fminf(colour[channel] / (alpha * WEIGHTS[channel]), 1) : 0;
    rgba[channel] = (uint8_t)lrintf(powf(share, 1 / (float)POWER) * OPAQUE);
  }
}

static int chosen(struct weighted *points, int count, int most_colours, double most_error, uint8_t *palette) {
  struct box boxes[MAX_COLOURS];
  struct choice *choice = aligned_alloc(sizeof(point), sizeof *choice);
  if (choice == NULL) return -1;
  choice->colours = make_boxes(boxes, points, count, most_colours, most_error);
  take_means(choice, boxes);
  refine(choice, points, count);
  int colours = choice->colours;
  for (int i = 0; i < colours; ++i) write_colour(choice->palette[i], palette + i * CHANNELS);
  free(choice);
  return colours;
}

/* Write up to most_colours (1 to 256) RGBA colours for count (1 to 16 million) pixels of 1 to 4 bands, as few as
 * most_error allows: the mean squared distance in this space, before the colours are moved. Returns how many, or -1
 * without memory. */
LEANPIX_EXPORT int leanpix_choose_palette(const uint8_t *pixels, size_t count, int bands, int most_colours,
                                          double most_error, uint8_t *palette) {
  struct histogram histogram = {calloc(SLOTS, sizeof(struct cell)), 0, 8};
  struct weighted *points = NULL;
  int colours = -1;
  if (histogram.cells != NULL && !count_pixels(&histogram, pixels, count, bands)) {
    points = aligned_alloc(sizeof(struct weighted), (size_t)histogram.used * sizeof *points);
  }
  if (points != NULL) {
    list_points(&histogram, points);
    colours = chosen(points, histogram.used, most_colours, most_error - error_within(histogram.bits), palette);
  }
  free(points);
  free(histogram.cells);
  return colours;
}
