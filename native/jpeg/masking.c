/* How busy the surroundings of each block are: noise is not seen where there is more of the same (masking). */
#include <stdlib.h>

#include "encode.h"

enum { CELL = 4, LEAST = 4 }; /* pixels of a cell's side; cells that count for the surroundings */
static const float OWN_PART = 0.6f, HALF_BUSY = 4; /* of the block itself; levels at which masking is a half */

static void row_of_luma(int16_t *luma, const struct leanpix_jpeg_job *job, long row) {
  const long last = (long)job->height - 1;
  const size_t bands = (size_t)job->bands, at = (size_t)(row < 0 ? 0 : row > last ? last : row);
  const uint8_t *pixels = job->pixels + at * job->width * bands;
  for (size_t i = 0; i < job->width; ++i, pixels += bands) {
    luma[i + 1] = (int16_t)(bands == 3 ? (77 * pixels[0] + 150 * pixels[1] + 29 * pixels[2]) >> 4 : pixels[0] << 4);
  }
  luma[0] = luma[1];
  luma[job->width + 1] = luma[job->width];
}

/* Of each cell of 4 x 4 pixels, how far a pixel lies from the mean of the four beside it, 16 a level. */
static void cell_row(float *cells, const int16_t *const rows[CELL + 2], size_t width, size_t columns, uint16_t *far) {
  for (size_t i = 0; i < columns * CELL; ++i) far[i] = 0;
  for (int row = 1; row <= CELL; ++row) {
    const int16_t *above = rows[row - 1] + 1, *left = rows[row], *below = rows[row + 1] + 1;
    for (size_t i = 0; i < width; ++i) {
      const int off = 4 * left[i + 1] - left[i] - left[i + 2] - above[i] - below[i];
      far[i] = (uint16_t)(far[i] + (unsigned)(off < 0 ? -off : off) / 8);
    }
  }
  for (size_t cell = 0; cell < columns; ++cell) {
    unsigned sum = 0;
    for (size_t i = 0; i < CELL; ++i) sum += far[cell * CELL + i];
    cells[cell] = (float)sum * (1.0f / 128);
  }
}

static float of_block(const float *cells, size_t stride) {
  float least[LEAST] = {1e9f, 1e9f, 1e9f, 1e9f}, own = 0;
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 4; ++column) {
      float value = cells[(size_t)row * stride + (size_t)column];
      if (row % 3 && column % 3) own += value * 0.25f;
      for (int i = 0; i < LEAST; ++i) {
        const float lower = value < least[i] ? value : least[i];
        value = value < least[i] ? least[i] : value;
        least[i] = lower;
      }
    }
  }
  const float calm = (least[0] + least[1] + least[2] + least[3]) * 0.25f;
  const float busy = OWN_PART * own + (1 - OWN_PART) * calm;
  return busy / (busy + HALF_BUSY);
}

enum jpeg_outcome jpeg_masking(float *masking, const struct leanpix_jpeg_job *job, size_t across, size_t down) {
  const size_t columns = 2 * across, stride = columns + 2, line = (size_t)job->width + 2;
  float *cells = malloc((2 * down + 2) * stride * sizeof *cells);
  int16_t *luma = malloc((CELL + 2) * line * sizeof *luma);
  uint16_t *far = malloc(columns * CELL * sizeof *far);
  if (cells != NULL && luma != NULL && far != NULL) {
    for (size_t row = 0; row < 2 * down; ++row) {
      const int16_t *rows[CELL + 2];
      for (int i = 0; i < CELL + 2; ++i) {
        row_of_luma(luma + (size_t)i * line, job, (long)row * CELL + i - 1);
        rows[i] = luma + (size_t)i * line;
      }
      float *to = cells + (row + 1) * stride;
      cell_row(to + 1, rows, job->width, columns, far);
      to[0] = to[1];
      to[columns + 1] = to[columns];
    }
    for (size_t i = 0; i < stride; ++i) {
      cells[i] = cells[stride + i];
      cells[(2 * down + 1) * stride + i] = cells[2 * down * stride + i];
    }
    for (size_t row = 0; row < down; ++row) {
      const float *first = cells + 2 * row * stride;
      for (size_t i = 0; i < across; ++i) masking[row * across + i] = of_block(first + 2 * i, stride);
    }
  }
  const int is_short = cells == NULL || luma == NULL || far == NULL;
  free(cells);
  free(luma);
  free(far);
  return is_short ? JPEG_NO_MEMORY : JPEG_DONE;
}
