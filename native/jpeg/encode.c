/* A JPEG from pixels (ITU T.81): samples, transform, values by what they take, and scans as pack.c's files have. */
#include "encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "scans.h"
#include "show.h"

enum { LUMA_TABLE = 0, OWN_TABLE = 2, CLASSES = 2, MOST_SIDE = 65500, MOST_QUALITY = 100 };
enum { SAMPLED_ROWS = 10, SAMPLED_BLOCKS = 1536, MOST_UNIT = 6, ROUNDS = 2 }; /* of what tells the rates of symbols */
static const float LEAST_DISTANCE = 0.01f, MOST_DISTANCE = 100;

/* What a bit may cost, in steps squared: in calm and, on top, in busy blocks. At the finest distances nothing is left
 * out for the sake of bits. Of chroma it is three quarters and, up to a distance of 1, all of it. */
static const float CALM_SLOPE = 0.05f, BUSY_SLOPE = 0.033f, ROUNDED_UP_TO = 0.1f, SLOPED_FROM = 0.5f;

/* A bit may cost less where a larger part of a block's waves would be lost, and more where there is so much of them that
 * their loss is not seen: by the root of that part (docs/decisions/0319). Of a wave at most so much counts as lost, in
 * steps squared; there are always some levels, squared, of waves. What is usual is so at a distance of 1, and grows with
 * the root of its third power up to one of 5. */
static const float MOST_LOST = 0.1f, LEAST_WAVES = 2560, USUAL_PART = 0.0177f, MOST_USUAL_AT = 5;
static const float LEAST_TIMES = 0.33f, MOST_TIMES = 3;

/* A thumbnail's blocks are nearly all busy: a bit may cost more where waves are higher (after mozjpeg). */
static const float THUMBNAIL_SLOPE = 0.0526f, SLOPE_OF_WAVES = 3.63e-5f;

/* What is hardly more than half a step gains less than a bit: it is not worth a try. */
static const float BEYOND_HALF = 0.5f; /* of a bit's cost, in steps */

/* Of a thumbnail, of so many blocks at most, all are kept: most of them are needed twice. */
enum { MOST_KEPT = 3072 };

/* Luma's values and chroma's have tables and codes of their own. */
struct class {
  struct jpeg_quantiser quantiser;
  float squares[JPEG_VALUES]; /* of the steps */
  struct jpeg_rates rates;
  struct jpeg_counts counts;
};

struct encoder {
  const struct leanpix_jpeg_job *job;
  struct jpeg_picture picture;
  struct jpeg_planes planes;
  const struct jpeg_rows *rows;
  float *masking; /* of luma's blocks */
  struct jpeg_mean *means; /* of a component's row of units */
  struct jpeg_mean_chain chains[JPEG_BANDS];
  float slope_part, chroma_part, usual_part;
  struct class classes[CLASSES];
  struct block *kept;        /* all blocks, component after component; null: each is read when it is needed */
  size_t first[JPEG_BANDS];  /* of each component in it */
};

/* A block before its values are chosen. */
struct block {
  float scaled[JPEG_VALUES];
  float slope, mean_slope;
  struct class *class;
};

static int is_halved(const struct leanpix_jpeg_job *job) { return job->bands == JPEG_BANDS && job->is_halved; }

/* Tables are numbered as no other encoder does, so that this one's files are known. */
static void describe(struct jpeg_picture *picture, const struct leanpix_jpeg_job *job) {
  picture->width = job->width;
  picture->height = job->height;
  picture->components = job->bands;
  for (int i = 0; i < job->bands; ++i) {
    struct jpeg_component *one = &picture->component[i];
    one->id = i + 1;
    one->table = i || job->bands == 1 || job->quality ? OWN_TABLE : LUMA_TABLE;
    one->across = one->down = i == 0 && is_halved(job) ? 2 : 1;
  }
}

static void make_quantisers(struct encoder *self) {
  for (int i = 0; i < self->picture.components && i < CLASSES; ++i) {
    const int table = self->picture.component[i].table;
    struct jpeg_quantiser *quantiser = &self->classes[i].quantiser;
    float ideal[JPEG_VALUES];
    if (self->job->quality) jpeg_thumbnail_steps(ideal, self->job->quality);
    else jpeg_ideal_steps(ideal, self->job, i);
    self->picture.has_table[table] = 1;
    for (int place = 0; place < JPEG_VALUES; ++place) {
      const float step = place || self->job->quality ? floorf(ideal[place] + 0.5f) : jpeg_mean_step(ideal[0]);
      self->picture.tables[table][place] = (uint16_t)step;
      const int at = JPEG_ZIGZAG[place];
      quantiser->by[at % JPEG_SIDE * JPEG_SIDE + at / JPEG_SIDE] = 1 / step;
      self->classes[i].squares[place] = step * step;
      quantiser->weight[place] = step * step / (ideal[place] * ideal[place]); /* what rounding a step changed */
    }
  }
  const float part = self->job->quality ? 1 : (self->job->distance - ROUNDED_UP_TO) / (SLOPED_FROM - ROUNDED_UP_TO);
  self->slope_part = fminf(1, fmaxf(0, part));
  self->chroma_part = 0.75f + 0.25f / fmaxf(1, self->job->distance);
  const float distance = fminf(self->job->distance, MOST_USUAL_AT);
  self->usual_part = USUAL_PART * distance * sqrtf(distance);
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
  return self->slope_part * (component ? self->chroma_part : 1) * (CALM_SLOPE + BUSY_SLOPE * masking);
}

static float slope_by_waves(const struct encoder *self, const struct block *block) {
  const float energy = self->rows->energy(block->scaled, block->class->squares);
  return THUMBNAIL_SLOPE + SLOPE_OF_WAVES / (JPEG_VALUES - 1) * energy;
}

/* By what would be lost of the block's waves, in parts of what there is of them; of whole chroma the plain one, which
 * serves it better by all four metrics (docs/decisions/0364). */
static float slope_by_loss(const struct encoder *self, const struct block *block) {
  if (block->class != self->classes && !self->job->is_halved) return block->mean_slope;
  const float *squares = block->class->squares;
  const float there = self->rows->energy(block->scaled, squares) + LEAST_WAVES;
  const float lost = self->rows->loss(block->scaled, squares, MOST_LOST) + 1;
  const float times = fminf(MOST_TIMES, fmaxf(LEAST_TIMES, sqrtf(self->usual_part * there / lost)));
  return block->mean_slope * (self->job->is_even ? fminf(1, times) : times);
}

static void read_block(struct encoder *self, struct block *block, int component, size_t column, size_t row) {
  const size_t stride = self->planes.width[component], down = row % (size_t)self->picture.component[component].down;
  const float *samples = self->planes.plane[component] + down * JPEG_SIDE * stride + column * JPEG_SIDE;
  block->class = &self->classes[component > 0];
  float bent[JPEG_VALUES];
  const int is_bent = self->job->quality && component == 0 &&
                      jpeg_overshoot(bent, samples, stride, self->picture.tables[self->picture.component[0].table][0]);
  self->rows->transform(is_bent ? bent : samples, is_bent ? JPEG_SIDE : stride, block->class->quantiser.by, block->scaled);
  block->mean_slope = self->job->quality ? slope_by_waves(self, block) : slope_at(self, component, column, row);
  block->slope = self->job->quality ? block->mean_slope : slope_by_loss(self, block);
}

static size_t blocks_of(const struct jpeg_component *component) { return component->width * component->height; }

static void read_component(struct encoder *self, int component, size_t unit_row) {
  const struct jpeg_component *one = &self->picture.component[component];
  const size_t first = unit_row * (size_t)one->down;
  for (size_t row = first; row < first + (size_t)one->down && row < one->height; ++row) {
    struct block *blocks = self->kept + self->first[component] + row * one->width;
    for (size_t column = 0; column < one->width; ++column) read_block(self, &blocks[column], component, column, row);
  }
}

/* All blocks of a small picture. Without memory for them each is read when it is needed, which gives the same. */
static void keep_blocks(struct encoder *self) {
  size_t count = 0;
  for (int i = 0; i < self->picture.components; ++i) {
    self->first[i] = count;
    count += blocks_of(&self->picture.component[i]);
  }
  if (count <= MOST_KEPT) self->kept = malloc(count * sizeof *self->kept);
  if (self->kept == NULL) return;
  for (size_t row = 0; row < self->picture.units_down; ++row) {
    jpeg_planes_fill(&self->planes, self->job, row * (size_t)self->picture.down * JPEG_SIDE);
    for (int i = 0; i < self->picture.components; ++i) read_component(self, i, row);
  }
}

/* The samples of a unit's row of blocks, where these are not kept. */
static void fill_planes(struct encoder *self, size_t unit_row) {
  if (self->kept) return;
  jpeg_planes_fill(&self->planes, self->job, unit_row * (size_t)self->picture.down * JPEG_SIDE);
}

/* A block that is kept, or is read to where there is room for it. */
static const struct block *block_at(struct encoder *self, struct block *room, int component, size_t column, size_t row) {
  if (self->kept) return &self->kept[self->first[component] + row * self->picture.component[component].width + column];
  read_block(self, room, component, column, row);
  return room;
}

static uint64_t choose(const struct encoder *self, const struct block *block, int16_t *values) {
  const struct class *class = block->class;
  if (block->slope <= 0) return jpeg_round(values, block->scaled);
  const uint64_t may = self->rows->large(block->scaled, 0.5f + BEYOND_HALF * block->slope);
  return jpeg_choose(values, block->scaled, may, &class->quantiser, &class->rates, block->slope);
}

/* All but the mean, which is handed out. */
static void fill_block(struct encoder *self, int component, size_t column, size_t row, struct jpeg_mean *mean) {
  const struct jpeg_component *one = &self->picture.component[component];
  const size_t at = row * one->width + column;
  struct block room;
  const struct block *block = block_at(self, &room, component, column, row);
  mean->scaled = block->scaled[0];
  mean->slope = block->mean_slope;
  mean->values = one->values + at * JPEG_VALUES;
  mean->filled = one->filled[at];
  mean->filled[0] = choose(self, block, mean->values);
}

/* A component's blocks, unit after unit as their means are told. */
static void fill_component(struct encoder *self, int component, size_t unit_row) {
  const struct jpeg_component *one = &self->picture.component[component];
  const size_t across = (size_t)one->across, down = (size_t)one->down;
  size_t count = 0;
  for (size_t first = 0; first < one->width; first += across) {
    for (size_t row = unit_row * down; row < (unit_row + 1) * down && row < one->height; ++row) {
      for (size_t column = first; column < first + across && column < one->width; ++column) {
        fill_block(self, component, column, row, &self->means[count++]);
      }
    }
  }
  const float weight = self->classes[component > 0].quantiser.weight[0];
  jpeg_choose_means(self->means, count, weight, &self->chains[component]);
  for (size_t i = 0; i < count; ++i) {
    const struct jpeg_mean *mean = &self->means[i];
    mean->filled[0] = (mean->filled[0] & ~(uint64_t)1) | (mean->values[0] != 0);
    jpeg_sort_by_size(mean->values, mean->filled);
  }
}

static void fill_units(struct encoder *self, size_t unit_row) {
  fill_planes(self, unit_row);
  for (int i = 0; i < self->picture.components; ++i) fill_component(self, i, unit_row);
}

/* The blocks of a unit; those that only fill it are left out. room: for those that are not kept. */
static size_t read_unit(struct encoder *self, struct block *room, const struct block **blocks, size_t unit_column,
                        size_t unit_row) {
  size_t count = 0;
  for (int i = 0; i < self->picture.components; ++i) {
    const struct jpeg_component *one = &self->picture.component[i];
    const size_t across = (size_t)one->across, down = (size_t)one->down;
    for (size_t row = unit_row * down; row < (unit_row + 1) * down && row < one->height; ++row) {
      for (size_t column = unit_column * across; column < (unit_column + 1) * across && column < one->width; ++column) {
        blocks[count] = block_at(self, &room[count], i, column, row);
        ++count;
      }
    }
  }
  return count;
}

/* Units that stand for the whole: every so many of every so many rows. */
static size_t read_sample(struct encoder *self, struct block *room, const struct block **blocks) {
  const struct jpeg_picture *picture = &self->picture;
  const size_t step = 1 + picture->units_down / SAMPLED_ROWS, rows = (picture->units_down + step - 1) / step;
  const size_t stride = 1 + rows * picture->units_across * MOST_UNIT / SAMPLED_BLOCKS;
  size_t count = 0, unit = 0;
  for (size_t row = (step - 1) / 2; row < picture->units_down; row += step, ++unit) {
    fill_planes(self, row);
    for (size_t column = 0; column < picture->units_across; ++column, ++unit) {
      if (unit % stride || count + MOST_UNIT > SAMPLED_BLOCKS) continue;
      count += read_unit(self, room + count, blocks + count, column, row);
    }
  }
  return count;
}

/* What symbols take: of values that are rounded first, then of those that are chosen by these rates. */
static enum jpeg_outcome sample_rates(struct encoder *self) {
  const struct block *blocks[SAMPLED_BLOCKS];
  struct block *room = self->kept ? self->kept : malloc(SAMPLED_BLOCKS * sizeof *room);
  if (room == NULL) return JPEG_NO_MEMORY;
  const size_t count = read_sample(self, room, blocks);
  for (int round = 0; round < ROUNDS; ++round) {
    for (size_t i = 0; i < count; ++i) {
      int16_t values[JPEG_VALUES];
      const uint64_t filled = round ? choose(self, blocks[i], values) : jpeg_round(values, blocks[i]->scaled);
      jpeg_count_symbols(&blocks[i]->class->counts, values, filled);
    }
    for (int i = 0; i < CLASSES; ++i) {
      jpeg_rates_from(&self->classes[i].rates, &self->classes[i].counts);
      memset(&self->classes[i].counts, 0, sizeof self->classes[i].counts);
    }
  }
  if (room != self->kept) free(room);
  return JPEG_DONE;
}

static enum jpeg_outcome fill(struct encoder *self) {
  if (self->slope_part > 0 && sample_rates(self) != JPEG_DONE) return JPEG_NO_MEMORY;
  for (size_t row = 0; row < self->picture.units_down; ++row) {
    if (jpeg_is_late(self->job->until_cpu_s)) return JPEG_LATE;
    fill_units(self, row);
  }
  return JPEG_DONE;
}

static enum jpeg_outcome mask(struct encoder *self) {
  const struct jpeg_component *luma = &self->picture.component[0];
  self->masking = malloc(luma->width * luma->height * sizeof *self->masking);
  if (self->masking == NULL) return JPEG_NO_MEMORY;
  return jpeg_masking(self->masking, self->job, luma->width, luma->height);
}

static enum jpeg_outcome make_values(struct encoder *self) {
  describe(&self->picture, self->job);
  enum jpeg_outcome outcome = jpeg_lay_out(&self->picture);
  if (outcome == JPEG_DONE) outcome = jpeg_planes_make(&self->planes, self->job);
  if (outcome != JPEG_DONE) return outcome;
  const struct jpeg_component *luma = &self->picture.component[0];
  self->means = malloc(luma->width * (size_t)luma->down * sizeof *self->means); /* the widest component */
  if (self->means == NULL) return JPEG_NO_MEMORY;
  if (self->job->quality == 0) outcome = mask(self);
  if (outcome != JPEG_DONE) return outcome;
  make_quantisers(self);
  keep_blocks(self);
  return fill(self);
}

static int is_goal_supported(const struct leanpix_jpeg_job *job) {
  if (job->quality) return job->quality >= 1 && job->quality <= MOST_QUALITY;
  return job->distance >= LEAST_DISTANCE && job->distance <= MOST_DISTANCE;
}

static int is_supported(const struct leanpix_jpeg_job *job) {
  return job->width >= 1 && job->width <= MOST_SIDE && job->height >= 1 && job->height <= MOST_SIDE &&
         (job->bands == 1 || job->bands == JPEG_BANDS) && is_goal_supported(job);
}

/* The start; JFIF's segment, of which readers need nothing, is left out where it is more than it may take. */
enum { BARE_START = 2 };
static const uint8_t START[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};

/* Returns an enum jpeg_outcome; UNSUPPORTED: a side, bands or a distance; DONE: and a buffer for leanpix_free. */
LEANPIX_EXPORT int leanpix_jpeg_encode(const struct leanpix_jpeg_job *job, uint8_t **output, size_t *output_bytes) {
  struct jpeg_bytes out = {0};
  if (!is_supported(job)) return JPEG_UNSUPPORTED;
  struct encoder *self = calloc(1, sizeof *self);
  if (self == NULL) return JPEG_NO_MEMORY;
  self->job = job;
  self->rows = jpeg_rows_for(job->newest_cpu);
  enum jpeg_outcome outcome = make_values(self);
  free(self->masking);
  free(self->means);
  free(self->kept);
  jpeg_planes_free(&self->planes);
  if (outcome == JPEG_DONE) {
    jpeg_put(&out, START, job->quality ? BARE_START : sizeof START);
    outcome = jpeg_write(&out, &self->picture, job->until_cpu_s, SIZE_MAX);
  }
  if (outcome == JPEG_DONE && job->shown && jpeg_show(&self->picture, self->rows, job->shown) == JPEG_NO_MEMORY) {
    outcome = JPEG_NO_MEMORY;
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
