/* A JPEG from pixels (ITU T.81): samples, transform, values by what they take, and scans as pack.c's files have. */
#include "encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "scans.h"

enum { LUMA_TABLE = 0, OWN_TABLE = 2, SAMPLED_ROWS = 10, CLASSES = 2, MOST_SIDE = 65500, COLOUR_BANDS = 3 };
static const float LEAST_DISTANCE = 0.01f, MOST_DISTANCE = 25;

/* What a bit may cost, in steps squared: in calm and, on top, in busy blocks. At the finest distances nothing is left
 * out for the sake of bits. */
static const float CALM_SLOPE = 0.02f, BUSY_SLOPE = 0.17f, ROUNDED_UP_TO = 0.1f, SLOPED_FROM = 0.5f;

/* Luma's values and chroma's have tables and codes of their own. */
struct class {
  struct jpeg_quantiser quantiser;
  struct jpeg_rates rates;
  struct jpeg_counts counts;
};

struct encoder {
  const struct leanpix_jpeg_job *job;
  struct jpeg_picture picture;
  struct jpeg_planes planes;
  float *masking; /* of luma's blocks */
  float slope_part;
  struct class classes[CLASSES];
};

enum pass { ROUNDED, SAMPLED, WHOLE };

static int is_halved(const struct leanpix_jpeg_job *job) { return job->bands == COLOUR_BANDS && job->is_halved; }

/* Tables are numbered as no other encoder does, so that this one's files are known. */
static void describe(struct jpeg_picture *picture, const struct leanpix_jpeg_job *job) {
  picture->width = job->width;
  picture->height = job->height;
  picture->components = job->bands;
  for (int i = 0; i < job->bands; ++i) {
    struct jpeg_component *one = &picture->component[i];
    one->id = i + 1;
    one->table = i || job->bands == 1 ? OWN_TABLE : LUMA_TABLE;
    one->across = one->down = i == 0 && is_halved(job) ? 2 : 1;
  }
}

static void make_quantisers(struct encoder *self) {
  for (int i = 0; i < self->picture.components && i < CLASSES; ++i) {
    const int table = self->picture.component[i].table;
    struct jpeg_quantiser *quantiser = &self->classes[i].quantiser;
    float ideal[JPEG_VALUES];
    jpeg_ideal_steps(ideal, self->job->distance, i, self->job->low_step);
    self->picture.has_table[table] = 1;
    for (int place = 0; place < JPEG_VALUES; ++place) {
      const float step = floorf(ideal[place] + 0.5f);
      self->picture.tables[table][place] = (uint16_t)step;
      quantiser->by[place] = 1 / step;
      quantiser->weight[place] = step * step / (ideal[place] * ideal[place]); /* what rounding a step changed */
    }
  }
  const float part = (self->job->distance - ROUNDED_UP_TO) / (SLOPED_FROM - ROUNDED_UP_TO);
  self->slope_part = fminf(1, fmaxf(0, part));
}

/* What a bit may cost at a block. Chroma's block counts as calm as the calmest of luma's in its place. */
static float slope_at(const struct encoder *self, int component, size_t column, size_t row) {
  const struct jpeg_component *luma = &self->picture.component[0];
  const size_t times = component && is_halved(self->job) ? 2 : 1;
  float masking = self->job->is_even ? 0 : 1;
  for (size_t y = row * times; y < (row + 1) * times && y < luma->height; ++y) {
    for (size_t x = column * times; x < (column + 1) * times && x < luma->width; ++x) {
      masking = fminf(masking, self->masking[y * luma->width + x]);
    }
  }
  return self->slope_part * (CALM_SLOPE + BUSY_SLOPE * masking);
}

static void fill_block(struct encoder *self, int component, size_t column, size_t row, const float *samples,
                       enum pass pass) {
  struct jpeg_component *one = &self->picture.component[component];
  struct class *class = &self->classes[component > 0];
  const size_t at = row * one->width + column;
  int16_t *values = one->values + at * JPEG_VALUES;
  const float slope = pass == ROUNDED ? 0 : slope_at(self, component, column, row);
  float wanted[JPEG_VALUES];
  jpeg_transform(wanted, samples, self->planes.width[component]);
  one->filled[at][0] = slope > 0 ? jpeg_choose(values, wanted, &class->quantiser, &class->rates, slope)
                                 : jpeg_round(values, wanted, &class->quantiser);
  jpeg_sort_by_size(values, one->filled[at]);
  if (pass != WHOLE) jpeg_count_symbols(&class->counts, values, one->filled[at][0]);
}

static void fill_units(struct encoder *self, size_t unit_row, enum pass pass) {
  const struct jpeg_picture *picture = &self->picture;
  jpeg_planes_fill(&self->planes, self->job, unit_row * (size_t)picture->down * JPEG_SIDE);
  for (int i = 0; i < picture->components; ++i) {
    const struct jpeg_component *one = &picture->component[i];
    const float *plane = jpeg_planes_of(&self->planes, i);
    for (size_t down = 0; down < (size_t)one->down; ++down, plane += self->planes.width[i] * JPEG_SIDE) {
      const size_t row = unit_row * (size_t)one->down + down;
      for (size_t column = 0; row < one->height && column < one->width; ++column) {
        fill_block(self, i, column, row, plane + column * JPEG_SIDE, pass);
      }
    }
  }
}

/* Rows of units that stand for the whole tell what symbols take: rounded first, then chosen by those bits. */
static void sample_rates(struct encoder *self) {
  const size_t rows = self->picture.units_down, step = 1 + rows / SAMPLED_ROWS;
  for (enum pass pass = ROUNDED; pass < WHOLE; ++pass) {
    for (size_t row = (step - 1) / 2; row < rows; row += step) fill_units(self, row, pass);
    for (int i = 0; i < CLASSES; ++i) {
      jpeg_rates_from(&self->classes[i].rates, &self->classes[i].counts);
      memset(&self->classes[i].counts, 0, sizeof self->classes[i].counts);
    }
  }
}

static enum jpeg_outcome fill(struct encoder *self) {
  if (self->slope_part > 0) sample_rates(self);
  for (size_t row = 0; row < self->picture.units_down; ++row) {
    if (jpeg_is_late(self->job->until_cpu_s)) return JPEG_LATE;
    fill_units(self, row, WHOLE);
  }
  return JPEG_DONE;
}

static enum jpeg_outcome make_values(struct encoder *self) {
  describe(&self->picture, self->job);
  enum jpeg_outcome outcome = jpeg_lay_out(&self->picture);
  if (outcome == JPEG_DONE) outcome = jpeg_planes_make(&self->planes, self->job);
  if (outcome != JPEG_DONE) return outcome;
  const struct jpeg_component *luma = &self->picture.component[0];
  self->masking = malloc(luma->width * luma->height * sizeof *self->masking);
  if (self->masking == NULL) return JPEG_NO_MEMORY;
  outcome = jpeg_masking(self->masking, self->job, luma->width, luma->height);
  if (outcome != JPEG_DONE) return outcome;
  make_quantisers(self);
  return fill(self);
}

static int is_supported(const struct leanpix_jpeg_job *job) {
  return job->width >= 1 && job->width <= MOST_SIDE && job->height >= 1 && job->height <= MOST_SIDE &&
         (job->bands == 1 || job->bands == COLOUR_BANDS) && job->distance >= LEAST_DISTANCE &&
         job->distance <= MOST_DISTANCE;
}

static const uint8_t START[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};

/* Returns an enum jpeg_outcome; UNSUPPORTED: a side, bands or a distance; DONE: and a buffer for leanpix_free. */
LEANPIX_EXPORT int leanpix_jpeg_encode(const struct leanpix_jpeg_job *job, uint8_t **output, size_t *output_bytes) {
  struct jpeg_bytes out = {0};
  if (!is_supported(job)) return JPEG_UNSUPPORTED;
  struct encoder *self = calloc(1, sizeof *self);
  if (self == NULL) return JPEG_NO_MEMORY;
  self->job = job;
  enum jpeg_outcome outcome = make_values(self);
  free(self->masking);
  jpeg_planes_free(&self->planes);
  if (outcome == JPEG_DONE) {
    jpeg_put(&out, START, sizeof START);
    outcome = jpeg_write(&out, &self->picture, job->until_cpu_s);
  }
  jpeg_free_values(&self->picture);
  free(self);
  if (outcome == JPEG_DONE) {
    *output = out.data;
    *output_bytes = out.size;
  } else {
    free(out.data);
  }
  return (int)outcome;
}
