/* Colours of fully transparent pixels, chosen anew: what a picture happens to hold there is not seen.
 *
 * A codec that halves chroma, or spreads it when it decodes, mixes it with what is seen beside it. So next to what is
 * seen lies its own colour, and further away what takes the fewest bits.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"

enum { BANDS = 4, SIDE = 2, BLOCK = 8 }; /* pixels a side of a cell, which is one sample of chroma; cells of a block */
enum { EMPTY, SEEN, NEAR, FILLED };
enum { COLOURED = 32, UNLIKE = 160 }; /* levels: of a hidden colour that is no gray, and that is none of those around */

struct cell {
  uint8_t colour[3], kind;
};

struct sums {
  uint64_t colour[3], weight;
};

struct grid {
  const uint8_t *pixels;
  size_t width, height, columns, rows;
  struct cell *cells;
};

static void add(struct sums *sums, const uint8_t *colour, uint64_t weight) {
  for (int band = 0; band < 3; ++band) sums->colour[band] += weight * colour[band];
  sums->weight += weight;
}

/* Whether there was anything to take the mean of. */
static int put_mean(const struct sums *sums, uint8_t *colour) {
  if (!sums->weight) return 0;
  for (int band = 0; band < 3; ++band)
    colour[band] = (uint8_t)((sums->colour[band] + sums->weight / 2) / sums->weight);
  return 1;
}

/* A cell's pixels, weighted by how much of them is seen, and those that are not seen at all. */
static void look_at(const struct grid *grid, size_t row, size_t column, struct sums *seen, struct sums *hidden) {
  size_t bottom = (row + 1) * SIDE < grid->height ? (row + 1) * SIDE : grid->height;
  size_t right = (column + 1) * SIDE < grid->width ? (column + 1) * SIDE : grid->width;
  for (size_t y = row * SIDE; y < bottom; ++y)
    for (size_t x = column * SIDE; x < right; ++x) {
      const uint8_t *pixel = grid->pixels + (y * grid->width + x) * BANDS;
      add(pixel[3] ? seen : hidden, pixel, pixel[3] ? pixel[3] : 1);
    }
}

static int is_unlike(const struct sums *hidden, const uint8_t *colour) {
  uint8_t own[3];
  if (!put_mean(hidden, own)) return 0;
  int least = own[0] < own[1] ? own[0] : own[1], most = own[0] > own[1] ? own[0] : own[1];
  if (own[2] < least) least = own[2];
  if (own[2] > most) most = own[2];
  int red = (own[0] - own[1]) - (colour[0] - colour[1]), blue = (own[2] - own[1]) - (colour[2] - colour[1]);
  return most - least >= COLOURED && abs(red) + abs(blue) >= UNLIKE;
}

/* Cells with something that is seen take its mean; returns that of all. */
static struct sums see(struct grid *grid) {
  struct sums all = {{0}, 0};
  for (size_t row = 0; row < grid->rows; ++row)
    for (size_t column = 0; column < grid->columns; ++column) {
      struct cell *cell = grid->cells + row * grid->columns + column;
      struct sums seen = {{0}, 0}, hidden = {{0}, 0};
      look_at(grid, row, column, &seen, &hidden);
      cell->kind = put_mean(&seen, cell->colour) ? SEEN : EMPTY;
      if (cell->kind == SEEN) add(&all, cell->colour, 1);
    }
  return all;
}

/* Cells beside those take the mean of those around them. counts: of such cells, and of those that hid another colour. */
static void spread(struct grid *grid, uint64_t counts[2]) {
  for (size_t row = 0; row < grid->rows; ++row)
    for (size_t column = 0; column < grid->columns; ++column) {
      struct cell *cell = grid->cells + row * grid->columns + column;
      if (cell->kind != EMPTY) continue;
      struct sums around = {{0}, 0};
      for (size_t y = row ? row - 1 : 0; y <= row + 1 && y < grid->rows; ++y)
        for (size_t x = column ? column - 1 : 0; x <= column + 1 && x < grid->columns; ++x) {
          const struct cell *other = grid->cells + y * grid->columns + x;
          if (other->kind == SEEN) add(&around, other->colour, 1);
        }
      if (!put_mean(&around, cell->colour)) continue;
      cell->kind = NEAR;
      struct sums seen = {{0}, 0}, hidden = {{0}, 0};
      look_at(grid, row, column, &seen, &hidden);
      ++counts[0];
      counts[1] += (uint64_t)is_unlike(&hidden, cell->colour);
    }
}

/* The mean of a block's cells, of those alone that have a colour. */
static struct sums block_of(const struct grid *grid, size_t top, size_t left, size_t bottom, size_t right) {
  struct sums sums = {{0}, 0};
  for (size_t row = top; row < bottom; ++row)
    for (size_t column = left; column < right; ++column) {
      const struct cell *cell = grid->cells + row * grid->columns + column;
      if (cell->kind != EMPTY) add(&sums, cell->colour, 1);
    }
  return sums;
}

/* What is left of a block takes the mean of the block; where it has none, that of the end of the block before it, else
 * of the one above. */
static void fill(struct grid *grid, const struct sums *all) {
  for (size_t top = 0; top < grid->rows; top += BLOCK)
    for (size_t left = 0; left < grid->columns; left += BLOCK) {
      size_t bottom = top + BLOCK < grid->rows ? top + BLOCK : grid->rows;
      size_t right = left + BLOCK < grid->columns ? left + BLOCK : grid->columns;
      struct sums mean = block_of(grid, top, left, bottom, right);
      if (!mean.weight && left) mean = block_of(grid, top, left - 1, bottom, left);
      if (!mean.weight && top) mean = block_of(grid, top - 1, left, top, right);
      uint8_t colour[3] = {0};
      if (!put_mean(&mean, colour)) put_mean(all, colour);
      for (size_t row = top; row < bottom; ++row)
        for (size_t column = left; column < right; ++column) {
          struct cell *cell = grid->cells + row * grid->columns + column;
          if (cell->kind != EMPTY) continue;
          memcpy(cell->colour, colour, sizeof colour);
          cell->kind = FILLED;
        }
    }
}

/* to: the pixels, (height, width, 4) RGBA, with other colours where alpha is 0. counts: 2 x 2 pixels beside what is
 * seen, and those of them whose hidden colour is none of those around. Returns 0, or -1: no memory. */
LEANPIX_EXPORT int leanpix_hidden_colours(const uint8_t *pixels, size_t width, size_t height, uint8_t *to,
                                          uint64_t counts[2]) {
  struct grid grid = {pixels, width, height, (width + SIDE - 1) / SIDE, (height + SIDE - 1) / SIDE, NULL};
  grid.cells = malloc(grid.rows * grid.columns * sizeof *grid.cells);
  if (!grid.cells) return -1;
  counts[0] = counts[1] = 0;
  struct sums all = see(&grid);
  spread(&grid, counts);
  fill(&grid, &all);
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x) {
      const uint8_t *pixel = pixels + (y * width + x) * BANDS;
      uint8_t *there = to + (y * width + x) * BANDS;
      memcpy(there, pixel, BANDS);
      if (!pixel[3]) memcpy(there, grid.cells[y / SIDE * grid.columns + x / SIDE].colour, 3);
    }
  free(grid.cells);
  return 0;
}
