/* How busy the surroundings of each block are: noise is not seen where there is more of the same (masking). */
#include <stdlib.h>
#include <string.h>

#include "encode.h"

static const float OWN_PART = 0.6f, HALF_BUSY = 4; /* of the block itself; levels at which masking is a half */

/* A cell's rows of pixels, and the ones above and below it. */
enum { RING = JPEG_CELL + 2, BUSY_ROWS = 6 };

struct field {
  const struct leanpix_jpeg_job *job;
  const struct jpeg_rows *rows;
  size_t across, columns, stride; /* blocks; cells; cells and one more on both sides */
  float *cells, *room;            /* rows of cells, a ring of four; for the sums of a row of blocks */
  int16_t *levels;                /* a ring of rows of pixels, a pixel more on both sides */
  uint16_t *far;
  uint8_t *bands[JPEG_BANDS];
};

static int16_t *levels_at(const struct field *field, long row) {
  return field->levels + (size_t)((row + RING) % RING) * (field->job->width + 2);
}

static void add_levels(const struct field *field, long row) {
  const struct leanpix_jpeg_job *job = field->job;
  const long last = (long)job->height - 1;
  const size_t at = (size_t)(row < 0 ? 0 : row > last ? last : row), width = job->width;
  const uint8_t *pixels = job->pixels + at * width * (size_t)job->bands;
  int16_t *levels = levels_at(field, row);
  if (job->bands == JPEG_BANDS) {
    field->rows->split(pixels, width, field->bands);
    field->rows->levels((const uint8_t *const *)field->bands, width, levels + 1);
  } else {
    for (size_t i = 0; i < width; ++i) levels[i + 1] = (int16_t)(pixels[i] << 4);
  }
  levels[0] = levels[1];
  levels[width + 1] = levels[width];
}

/* Cells in which the picture ends count what is there. */
static void add_cells(const struct field *field, size_t cell_row, float *cells) {
  const long first = (long)(cell_row * JPEG_CELL);
  memset(field->far, 0, field->columns * JPEG_CELL * sizeof *field->far);
  for (long row = cell_row ? first + 1 : -1; row <= first + JPEG_CELL; ++row) add_levels(field, row);
  for (long row = first; row < first + JPEG_CELL; ++row) {
    field->rows->add_far(levels_at(field, row - 1), levels_at(field, row), levels_at(field, row + 1), field->job->width,
                         field->far);
  }
  field->rows->fold(field->far, field->columns, cells + 1);
  cells[0] = cells[1];
  cells[field->columns + 1] = cells[field->columns];
}

static void add_masking(const struct field *field, const float *const cells[JPEG_CELL], float *masking) {
  field->rows->busy(cells, field->across, OWN_PART, field->room, masking);
  for (size_t i = 0; i < field->across; ++i) masking[i] = masking[i] / (masking[i] + HALF_BUSY);
}

/* A block's cells, one row above and one below; those beyond the picture are its own. */
static void fill(const struct field *field, float *masking, size_t down) {
  const size_t last = 2 * down - 1;
  for (size_t row = 0, made = 0; row < down; ++row) {
    const float *cells[JPEG_CELL];
    for (size_t i = 0; i < JPEG_CELL; ++i) {
      const size_t below = 2 * row + i, cell = below == 0 ? 0 : below - 1 < last ? below - 1 : last;
      float *at = field->cells + cell % JPEG_CELL * field->stride;
      for (; made <= cell; ++made) add_cells(field, cell, at);
      cells[i] = at;
    }
    add_masking(field, cells, masking + row * field->across);
  }
}

enum jpeg_outcome jpeg_masking(float *masking, const struct leanpix_jpeg_job *job, size_t across, size_t down) {
  struct field field = {.job = job, .rows = jpeg_rows_for(job->newest_cpu), .across = across, .columns = 2 * across};
  const size_t levels = (job->width + (size_t)2) * RING, far = field.columns * JPEG_CELL;
  field.stride = field.columns + 2;
  const size_t floats = JPEG_CELL * field.stride + BUSY_ROWS * (across + 1);
  field.cells = malloc(floats * sizeof(float) + (levels + far) * sizeof(int16_t) + JPEG_BANDS * (size_t)job->width);
  if (field.cells == NULL) return JPEG_NO_MEMORY;
  field.room = field.cells + JPEG_CELL * field.stride;
  field.levels = (int16_t *)(field.cells + floats);
  field.far = (uint16_t *)(field.levels + levels);
  for (size_t i = 0; i < JPEG_BANDS; ++i) field.bands[i] = (uint8_t *)(field.far + far) + i * job->width;
  fill(&field, masking, down);
  free(field.cells);
  return JPEG_DONE;
}
