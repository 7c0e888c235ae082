/* SSIMULACRA2's maps, streamed row by row through all scales at once.
 *
 * Each scale keeps the eleven rows that its vertical blur spans and hands every second row, halved, to the next. So a
 * picture of any height takes memory for some rows only, and these stay in the processor's cache. What the sums mean
 * and how they make a score is the caller's matter (leanpix/engine/judging/ssimulacra2.py); so is which maps are worth computing.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "metric_rows.h"

enum { MAX_SCALES = 6, CHANNELS = 3, PICTURES = 2, TABLE = 256, BLOCK = 256, LUMA = 1, SMALLEST_SIDE = 8 };
enum { NEEDS_SSIM = 1, NEEDS_EDGES = 2 };
enum { REFERENCE = 0, DISTORTED = 1 };
enum ring { RAW_A, RAW_B, ACROSS_A, ACROSS_B, DIFFERENCE, SQUARES, RINGS };

/* A reference picture. The pixels are the caller's and have to outlive it; it is not written to after its making, so
 * threads may score against it side by side. */
struct leanpix_reference {
  const uint8_t *pixels;
  size_t width, height;
  int bands;
  int scales;
  uint8_t needs[MAX_SCALES][CHANNELS];
  const struct metric_rows *rows;
  float table[TABLE];
  /* Kept planes of the reference, raw and blurred; null where they are computed anew for each score. */
  float *raw[MAX_SCALES][CHANNELS];
  float *mean[MAX_SCALES][CHANNELS];
};

struct level {
  const struct metric_rows *rows;
  size_t width, height, stride, next_row;
  float *memory;
  float *linear[2][PICTURES][CHANNELS]; /* of an even row and the odd one under it */
  float *rings[CHANNELS][RINGS];        /* BLUR_ROWS rows each */
  float *products[2];                   /* this row's, not yet blurred */
  double sums[CHANNELS][METRIC_SUMS];
};

struct run {
  struct leanpix_reference *reference;
  int keeps;                 /* 1: fills the reference's kept planes, 0: scores */
  int first, last;           /* the pictures whose pixels are read */
  struct level levels[MAX_SCALES];
};

static size_t halved(size_t side, int times) {
  for (; times > 0; --times) side = (side + 1) / 2;
  return side;
}

static float *ring_row(const struct level *level, int channel, enum ring ring, size_t row) {
  return level->rings[channel][ring] + (row % BLUR_ROWS) * level->stride;
}

/* The reference's row in XYB: from the kept plane where there is one and it is not being filled. */
static const float *reference_row(const struct run *run, int scale, int channel, size_t row) {
  const struct level *level = &run->levels[scale];
  const float *kept = run->keeps ? NULL : run->reference->raw[scale][channel];
  return kept != NULL ? kept + row * level->width : ring_row(level, channel, RAW_A, row);
}

/* Rows beyond the first and the last are mirrored, the edge itself included. */
static size_t mirrored(ptrdiff_t row, size_t height) {
  if (row < 0) return (size_t)(-row - 1);
  return (size_t)row < height ? (size_t)row : 2 * height - 1 - (size_t)row;
}

static void blur_down(const struct level *level, int channel, enum ring ring, size_t row, size_t first,
                      size_t count, float *out) {
  const float *rows[BLUR_ROWS];
  for (int i = 0; i < BLUR_ROWS; ++i) {
    rows[i] = ring_row(level, channel, ring, mirrored((ptrdiff_t)row + i - BLUR_RADIUS, level->height));
  }
  level->rows->blur_down(rows, first, count, out);
}

static void keep_row(const struct run *run, int scale, int channel, size_t row) {
  const struct level *level = &run->levels[scale];
  const size_t at = row * level->width;
  memcpy(run->reference->raw[scale][channel] + at, ring_row(level, channel, RAW_A, row),
         level->width * sizeof(float));
  blur_down(level, channel, ACROSS_A, row, 0, level->width, run->reference->mean[scale][channel] + at);
}

static void add_block(struct run *run, int scale, int channel, size_t row, size_t first, size_t count) {
  struct level *level = &run->levels[scale];
  const int needs = run->reference->needs[scale][channel];
  float own_a[BLOCK], mean_b[BLOCK], difference[BLOCK], squares[BLOCK];
  const float *kept = run->reference->mean[scale][channel];
  const float *mean_a = kept != NULL ? kept + row * level->width + first : own_a;
  if (kept == NULL) blur_down(level, channel, ACROSS_A, row, first, count, own_a);
  blur_down(level, channel, ACROSS_B, row, first, count, mean_b);
  if (needs & NEEDS_SSIM) {
    blur_down(level, channel, DIFFERENCE, row, first, count, difference);
    blur_down(level, channel, SQUARES, row, first, count, squares);
    level->rows->add_ssim(mean_a, mean_b, difference, squares, count, level->sums[channel]);
  }
  if (needs & NEEDS_EDGES) {
    level->rows->add_edges(reference_row(run, scale, channel, row) + first, mean_a,
                     ring_row(level, channel, RAW_B, row) + first, mean_b, count, level->sums[channel]);
  }
}

/* A row whose five rows below are there too, or mirrored. */
static void finish_row(struct run *run, int scale, size_t row) {
  const size_t width = run->levels[scale].width;
  for (int channel = 0; channel < CHANNELS; ++channel) {
    if (run->reference->needs[scale][channel] == 0) continue;
    if (run->keeps) {
      keep_row(run, scale, channel, row);
      continue;
    }
    for (size_t first = 0; first < width; first += BLOCK) {
      add_block(run, scale, channel, row, first, width - first < BLOCK ? width - first : BLOCK);
    }
  }
}

static void blur_products(struct run *run, int scale, int channel, size_t row) {
  struct level *level = &run->levels[scale];
  level->rows->products_row(reference_row(run, scale, channel, row), ring_row(level, channel, RAW_B, row), level->width,
                      level->products[0], level->products[1]);
  level->rows->blur_across(level->products[0], level->width, ring_row(level, channel, DIFFERENCE, row));
  level->rows->blur_across(level->products[1], level->width, ring_row(level, channel, SQUARES, row));
}

static void begin_row(struct run *run, int scale, size_t row) {
  struct level *level = &run->levels[scale];
  const uint8_t *needs = run->reference->needs[scale];
  for (int picture = run->first; picture <= run->last; ++picture) {
    const enum ring raw = picture == REFERENCE ? RAW_A : RAW_B;
    level->rows->opsin_row(level->linear[row % 2][picture], level->width,
                     needs[0] != 0 ? ring_row(level, 0, raw, row) : NULL, ring_row(level, LUMA, raw, row),
                     needs[2] != 0 ? ring_row(level, 2, raw, row) : NULL);
    for (int channel = 0; channel < CHANNELS; ++channel) {
      if (needs[channel] == 0) continue;
      level->rows->blur_across(ring_row(level, channel, raw, row), level->width,
                         ring_row(level, channel, picture == REFERENCE ? ACROSS_A : ACROSS_B, row));
    }
  }
  for (int channel = 0; !run->keeps && channel < CHANNELS; ++channel) {
    if (needs[channel] & NEEDS_SSIM) blur_products(run, scale, channel, row);
  }
}

static void halve_rows(struct run *run, int scale, size_t row) {
  const struct level *level = &run->levels[scale];
  const struct level *next = &run->levels[scale + 1];
  for (int picture = run->first; picture <= run->last; ++picture) {
    for (int channel = 0; channel < CHANNELS; ++channel) {
      level->rows->halve_row(level->linear[0][picture][channel], level->linear[row % 2][picture][channel], level->width,
                       next->linear[next->next_row % 2][picture][channel]);
    }
  }
}

/* Takes the next row, whose linear values are in place, through this scale and those below. */
static void take_row(struct run *run, int scale) {
  struct level *level = &run->levels[scale];
  const size_t row = level->next_row;
  const size_t end = level->height;
  begin_row(run, scale, row);
  if (row >= BLUR_RADIUS) finish_row(run, scale, row - BLUR_RADIUS);
  if (scale + 1 < run->reference->scales && (row % 2 == 1 || row + 1 == end)) {
    halve_rows(run, scale, row);
    take_row(run, scale + 1);
  }
  for (size_t late = end - BLUR_RADIUS; row + 1 == end && late < end; ++late) {
    finish_row(run, scale, late);
  }
  level->next_row = row + 1;
}

static void take_picture(struct run *run, const uint8_t *distorted) {
  const struct leanpix_reference *reference = run->reference;
  const size_t stride = reference->width * (size_t)reference->bands;
  for (size_t row = 0; row < reference->height; ++row) {
    for (int picture = run->first; picture <= run->last; ++picture) {
      const uint8_t *pixels = (picture == REFERENCE ? reference->pixels : distorted) + row * stride;
      run->levels[0].rows->linear_row(pixels, reference->width, reference->bands, reference->table,
                        run->levels[0].linear[row % 2][picture]);
    }
    take_row(run, 0);
  }
}

static float *take_rows(float **at, size_t rows, size_t stride) {
  float *start = *at + ROW_MARGIN;
  *at += rows * stride;
  return start;
}

static int open_level(struct level *level, const struct metric_rows *rows_of_cpu, size_t width, size_t height) {
  level->rows = rows_of_cpu;
  level->width = width;
  level->height = height;
  level->stride = (width + 2 * ROW_MARGIN + ROW_MARGIN - 1) / ROW_MARGIN * ROW_MARGIN;
  const size_t rows = 2 * PICTURES * CHANNELS + (size_t)CHANNELS * RINGS * BLUR_ROWS + 2;
  float *at = level->memory = calloc(rows * level->stride, sizeof(float));
  if (at == NULL) return -1;
  for (int i = 0; i < 2 * PICTURES * CHANNELS; ++i) {
    level->linear[i % 2][i / 2 % PICTURES][i / (2 * PICTURES)] = take_rows(&at, 1, level->stride);
  }
  for (int i = 0; i < CHANNELS * RINGS; ++i) {
    level->rings[i / RINGS][i % RINGS] = take_rows(&at, BLUR_ROWS, level->stride);
  }
  for (int i = 0; i < 2; ++i) level->products[i] = take_rows(&at, 1, level->stride);
  return 0;
}

static void close_run(struct run *run) {
  for (int scale = 0; scale < MAX_SCALES; ++scale) free(run->levels[scale].memory);
  free(run);
}

static struct run *open_run(struct leanpix_reference *reference, int keeps) {
  struct run *run = calloc(1, sizeof *run);
  if (run == NULL) return NULL;
  run->reference = reference;
  run->keeps = keeps;
  run->first = !keeps && reference->raw[0][LUMA] != NULL ? DISTORTED : REFERENCE;
  run->last = keeps ? REFERENCE : DISTORTED;
  for (int scale = 0; scale < reference->scales; ++scale) {
    if (open_level(&run->levels[scale], reference->rows, halved(reference->width, scale),
                   halved(reference->height, scale)) != 0) {
      close_run(run);
      return NULL;
    }
  }
  return run;
}

static void fill_table(float *table) {
  for (int i = 0; i < TABLE; ++i) {
    const double value = i / 255.0;
    table[i] = (float)(value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4));
  }
}

LEANPIX_EXPORT void leanpix_reference_close(struct leanpix_reference *reference) {
  if (reference == NULL) return;
  for (int i = 0; i < MAX_SCALES * CHANNELS; ++i) {
    free(reference->raw[i / CHANNELS][i % CHANNELS]);
    free(reference->mean[i / CHANNELS][i % CHANNELS]);
  }
  free(reference);
}

static int allocate_kept(struct leanpix_reference *reference) {
  for (int i = 0; i < reference->scales * CHANNELS; ++i) {
    const int scale = i / CHANNELS, channel = i % CHANNELS;
    if (reference->needs[scale][channel] == 0 && !(channel == LUMA && scale == 0)) continue;
    const size_t bytes = halved(reference->width, scale) * halved(reference->height, scale) * sizeof(float);
    reference->raw[scale][channel] = malloc(bytes);
    reference->mean[scale][channel] = malloc(bytes);
    if (reference->raw[scale][channel] == NULL || reference->mean[scale][channel] == NULL) return -1;
  }
  return 0;
}

static int keep_planes(struct leanpix_reference *reference) {
  if (allocate_kept(reference) != 0) return -1;
  struct run *run = open_run(reference, 1);
  if (run == NULL) return -1;
  take_picture(run, NULL);
  close_run(run);
  return 0;
}

/* The newest generation of processors, of enum metric_cpu, whose loops are used here. */
LEANPIX_EXPORT int leanpix_metric_newest_cpu(void) { return metric_newest_cpu(); }

/* Prepares a reference of at least 8 pixels a side. needs has a byte for each scale and channel: 1 for the SSIM map,
 * 2 for the edge maps. keeps: precompute the reference's planes, 8 bytes a pixel and map.
 * newest_cpu: of enum metric_cpu. Null: out of memory. */
LEANPIX_EXPORT struct leanpix_reference *leanpix_reference_open(const uint8_t *pixels, size_t width, size_t height,
                                                                int bands, int scales, const uint8_t *needs,
                                                                int keeps, int newest_cpu) {
  if (width < SMALLEST_SIDE || height < SMALLEST_SIDE || scales < 1 || scales > MAX_SCALES) return NULL;
  struct leanpix_reference *reference = calloc(1, sizeof *reference);
  if (reference == NULL) return NULL;
  reference->pixels = pixels;
  reference->width = width;
  reference->height = height;
  reference->bands = bands;
  reference->scales = scales;
  reference->rows = metric_rows_for(newest_cpu);
  memcpy(reference->needs, needs, (size_t)scales * CHANNELS);
  fill_table(reference->table);
  if (keeps && keep_planes(reference) != 0) {
    leanpix_reference_close(reference);
    return NULL;
  }
  return reference;
}

/* Compares a picture of the reference's shape. sums receives 6 sums for each scale and channel; -1: out of memory. */
LEANPIX_EXPORT int leanpix_reference_compare(struct leanpix_reference *reference, const uint8_t *distorted,
                                             double *sums) {
  struct run *run = open_run(reference, 0);
  if (run == NULL) return -1;
  take_picture(run, distorted);
  for (int scale = 0; scale < reference->scales; ++scale) {
    memcpy(sums + (size_t)scale * CHANNELS * METRIC_SUMS, run->levels[scale].sums, sizeof run->levels[scale].sums);
  }
  close_run(run);
  return 0;
}
