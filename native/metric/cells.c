/* What the local criterion needs of every 4 x 4 pixels: sums that say where ground is smooth, where thin things are
 * coloured, and by how much a result differs there. What they mean is leanpix/engine/judging/worst_place.py's matter;
 * leanpix/engine/cells/numpy_cells.py has the same sums, to the last bit.
 *
 * Rows are copied into buffers whose width is a multiple of a cell, the last pixel repeated, so that no loop has an
 * edge to look after. Memory: some rows.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"

enum { CELL = 4, COLOUR = 3, CONTRAST = 40 }; /* CONTRAST: numpy_cells.py's too */

static size_t cells_in(size_t side) { return (side + CELL - 1) / CELL; }

static void take_row(const uint8_t *pixels, size_t width, size_t height, int bands, size_t row, uint8_t *out) {
  const size_t bytes = width * (size_t)bands, padded = cells_in(width) * CELL * (size_t)bands;
  memcpy(out, pixels + (row < height ? row : height - 1) * bytes, bytes);
  for (size_t i = bytes; i < padded; ++i) out[i] = out[i - (size_t)bands];
}

/* Red against green, and blue against both: 8-bit levels of what an eye sees apart from lightness. */
static void split_colour(const uint8_t *restrict row, size_t width, int16_t *restrict u, int16_t *restrict v) {
  for (size_t x = 0; x < width; ++x) {
    const int red = row[COLOUR * x], green = row[COLOUR * x + 1], blue = row[COLOUR * x + 2];
    u[x] = (int16_t)(red - green);
    v[x] = (int16_t)((2 * blue - red - green) >> 1);
  }
}

static inline int larger(int one, int other) { return one > other ? one : other; }

/* How far the colour of each pixel lies from its left and its upper neighbour's, as far as that is more than CONTRAST. */
static void weigh_row(const int16_t *restrict u, const int16_t *restrict v, const int16_t *restrict upper_u,
                      const int16_t *restrict upper_v, size_t width, uint16_t *restrict weights) {
  for (size_t x = 0; x < width; ++x) {
    const int down = larger(abs(u[x] - upper_u[x]), abs(v[x] - upper_v[x]));
    weights[x] = (uint16_t)larger(down - CONTRAST, 0);
  }
  for (size_t x = 1; x < width; ++x) {
    const int across = larger(abs(u[x] - u[x - 1]), abs(v[x] - v[x - 1]));
    weights[x] = (uint16_t)larger(across - CONTRAST, weights[x]);
  }
}

static void add_texture(const uint8_t *restrict row, const uint8_t *restrict upper, size_t bytes, size_t bands,
                        uint16_t *restrict sums) {
  for (size_t i = 0; i < bytes; ++i) sums[i] = (uint16_t)(sums[i] + abs(row[i] - upper[i]));
  for (size_t i = bands; i < bytes; ++i) sums[i] = (uint16_t)(sums[i] + abs(row[i] - row[i - bands]));
}

static void add_bytes(const uint8_t *restrict row, size_t bytes, uint16_t *restrict sums) {
  for (size_t i = 0; i < bytes; ++i) sums[i] = (uint16_t)(sums[i] + row[i]);
}

/* The sums of columns to those of cells: of each band by itself, or of all bands. */
static void add_across(const uint16_t *columns, size_t cells, int bands, int apart, uint16_t *out) {
  for (size_t cell = 0; cell < cells; ++cell) {
    for (int band = 0; band < bands; ++band) {
      uint16_t sum = 0;
      for (int x = 0; x < CELL; ++x) sum = (uint16_t)(sum + columns[(cell * CELL + (size_t)x) * (size_t)bands + (size_t)band]);
      if (apart) out[cell * (size_t)bands + (size_t)band] = sum;
      else out[cell] = (uint16_t)(out[cell] + sum);
    }
  }
}

/* Of a source of 1 or 3 bands: sums (rows, columns, bands) of the samples, texture (rows, columns) of the differences
 * to the left and the upper pixel, all bands together, and weights (rows, columns) of the chroma contrast; gray has
 * none. Zeros in texture and weights before. -1: out of memory. */
LEANPIX_EXPORT int leanpix_source_cells(const uint8_t *pixels, size_t width, size_t height, int bands, uint16_t *sums,
                                        uint16_t *texture, uint16_t *weights) {
  const size_t cells = cells_in(width), padded = cells * CELL, bytes = padded * (size_t)bands;
  uint8_t *rows = malloc(2 * bytes);
  uint16_t *columns = malloc((2 * bytes + 5 * padded) * sizeof(uint16_t));
  if (rows == NULL || columns == NULL) {
    free(rows);
    free(columns);
    return -1;
  }
  uint16_t *steps = columns + bytes, *row_weights = steps + bytes;
  int16_t *colour = (int16_t *)(row_weights + padded);
  for (size_t y = 0; y < cells_in(height) * CELL; ++y) {
    uint8_t *row = rows + (y % 2) * bytes, *upper = rows + (1 - y % 2) * bytes;
    take_row(pixels, width, height, bands, y, row);
    if (y == 0) memcpy(upper, row, bytes);
    if (y % CELL == 0) memset(columns, 0, 2 * bytes * sizeof *columns);
    add_bytes(row, bytes, columns);
    add_texture(row, upper, bytes, (size_t)bands, steps);
    if (bands == COLOUR) {
      int16_t *u = colour + (y % 2) * 2 * padded, *upper_u = colour + (1 - y % 2) * 2 * padded;
      split_colour(row, padded, u, u + padded);
      if (y == 0) memcpy(upper_u, u, 2 * padded * sizeof *u);
      weigh_row(u, u + padded, upper_u, upper_u + padded, padded, row_weights);
      add_across(row_weights, cells, 1, 0, weights + y / CELL * cells);
    }
    if (y % CELL == CELL - 1) {
      add_across(columns, cells, bands, 1, sums + y / CELL * cells * (size_t)bands);
      add_across(steps, cells, bands, 0, texture + y / CELL * cells);
    }
  }
  free(rows);
  free(columns);
  return 0;
}

static void add_differences(const uint8_t *restrict source, const uint8_t *restrict result, size_t bytes,
                            uint16_t *restrict differences, uint16_t *restrict distances) {
  for (size_t i = 0; i < bytes; ++i) {
    const int difference = result[i] - source[i];
    differences[i] = (uint16_t)(differences[i] + difference); /* wraps, and is right again with a sign */
    distances[i] = (uint16_t)(distances[i] + abs(difference));
  }
}

/* The weighted distance of colours in the cells that have weights, by pixels: few have. */
static void add_colour_errors(const uint8_t *source, const uint8_t *upper, const uint8_t *result, size_t cells,
                              const uint16_t *weights, uint32_t *errors, int16_t *scratch, uint16_t *row_weights) {
  for (size_t cell = 0; cell < cells; ++cell) {
    if (weights[cell] == 0) continue;
    /* With the pixel before, which the first one's weight rests on; the first cell's is itself. */
    const size_t first = cell * CELL, before = first > 0 ? first - 1 : 0, count = first + CELL - before;
    int16_t *u = scratch, *v = u + CELL + 1, *upper_u = v + CELL + 1, *upper_v = upper_u + CELL + 1;
    int16_t *result_u = upper_v + CELL + 1, *result_v = result_u + CELL + 1;
    split_colour(source + before * COLOUR, count, u, v);
    split_colour(upper + before * COLOUR, count, upper_u, upper_v);
    split_colour(result + before * COLOUR, count, result_u, result_v);
    weigh_row(u, v, upper_u, upper_v, count, row_weights);
    for (size_t x = first - before; x < count; ++x) {
      const int error = larger(abs(result_u[x] - u[x]), abs(result_v[x] - v[x]));
      errors[cell] += (uint32_t)row_weights[x] * (uint32_t)error;
    }
  }
}

/* Of a result of the source's shape: differences (rows, columns, bands), the sums of result - source; distances (rows,
 * columns), the sums of their sizes over all bands; errors (rows, columns), the weighted chroma errors, by the source's
 * weights. Zeros in the last two before. -1: out of memory. */
LEANPIX_EXPORT int leanpix_result_cells(const uint8_t *source, const uint8_t *result, size_t width, size_t height,
                                        int bands, const uint16_t *weights, int16_t *differences, uint16_t *distances,
                                        uint32_t *errors) {
  const size_t cells = cells_in(width), padded = cells * CELL, bytes = padded * (size_t)bands;
  int16_t scratch[6 * (CELL + 1)];
  uint16_t row_weights[CELL + 1];
  uint8_t *rows = malloc(3 * bytes);
  uint16_t *columns = malloc(2 * bytes * sizeof *columns);
  if (rows == NULL || columns == NULL) {
    free(rows);
    free(columns);
    return -1;
  }
  for (size_t y = 0; y < cells_in(height) * CELL; ++y) {
    uint8_t *row = rows + (y % 2) * bytes, *upper = rows + (1 - y % 2) * bytes, *other = rows + 2 * bytes;
    take_row(source, width, height, bands, y, row);
    take_row(result, width, height, bands, y, other);
    if (y == 0) memcpy(upper, row, bytes);
    if (y % CELL == 0) memset(columns, 0, 2 * bytes * sizeof *columns);
    add_differences(row, other, bytes, columns, columns + bytes);
    if (bands == COLOUR) {
      add_colour_errors(row, upper, other, cells, weights + y / CELL * cells, errors + y / CELL * cells, scratch, row_weights);
    }
    if (y % CELL == CELL - 1) {
      add_across(columns, cells, bands, 1, (uint16_t *)differences + y / CELL * cells * (size_t)bands);
      add_across(columns + bytes, cells, bands, 0, distances + y / CELL * cells);
    }
  }
  free(rows);
  free(columns);
  return 0;
}

static inline int lightness(const uint8_t *pixel) { return (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8; }

static inline uint8_t clipped(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* Each pixel of two rows with its own lightness and the mean colour of its 2 x 2. */
static void halve_chroma(const uint8_t *restrict upper, const uint8_t *restrict lower, size_t padded,
                         uint8_t *restrict upper_out, uint8_t *restrict lower_out) {
  for (size_t at = 0; at < padded * COLOUR; at += 2 * COLOUR) {
    uint8_t mean[COLOUR];
    for (size_t band = 0; band < COLOUR; ++band) {
      const size_t left = at + band, right = left + COLOUR;
      mean[band] = (uint8_t)((upper[left] + upper[right] + lower[left] + lower[right] + 2) >> 2);
    }
    const int light = lightness(mean);
    for (size_t x = at; x < at + 2 * COLOUR; x += COLOUR) {
      const int above = lightness(upper + x) - light, below = lightness(lower + x) - light;
      for (size_t band = 0; band < COLOUR; ++band) {
        upper_out[x + band] = clipped(mean[band] + above);
        lower_out[x + band] = clipped(mean[band] + below);
      }
    }
  }
}

/* Of a source with colours: its own weighted chroma errors (rows, columns), zeros before, when each 2 x 2
 * pixels have the colour of their mean, as at half of the resolution, and their own lightness. -1: out of memory. */
LEANPIX_EXPORT int leanpix_halved_cells(const uint8_t *source, size_t width, size_t height, int bands,
                                        const uint16_t *weights, uint32_t *errors) {
  const size_t cells = cells_in(width), padded = cells * CELL, bytes = padded * COLOUR;
  int16_t scratch[6 * (CELL + 1)];
  uint16_t row_weights[CELL + 1];
  if (bands != COLOUR) return 0;
  uint8_t *rows = malloc(5 * bytes);
  if (rows == NULL) return -1;
  uint8_t *upper = rows, *first = rows + bytes, *second = first + bytes, *halved = second + bytes;
  for (size_t band = 0; band < cells_in(height); ++band) {
    const uint16_t *here = weights + band * cells;
    size_t any = 0;
    for (size_t cell = 0; cell < cells; ++cell) any |= here[cell];
    for (size_t pair = 0; any && pair < CELL; pair += 2) {
      const size_t y = band * CELL + pair;
      take_row(source, width, height, bands, y > 0 ? y - 1 : 0, upper);
      take_row(source, width, height, bands, y, first);
      take_row(source, width, height, bands, y + 1, second);
      halve_chroma(first, second, padded, halved, halved + bytes);
      add_colour_errors(first, upper, halved, cells, here, errors + band * cells, scratch, row_weights);
      add_colour_errors(second, first, halved + bytes, cells, here, errors + band * cells, scratch, row_weights);
    }
  }
  free(rows);
  return 0;
}

/* How many pixels have each of 256 levels, the mean of their bands, in the cells that are marked; counts: zeros before. */
LEANPIX_EXPORT void leanpix_levels(const uint8_t *pixels, size_t width, size_t height, int bands, const uint8_t *marked,
                                   uint32_t *counts) {
  const size_t cells = cells_in(width);
  for (size_t y = 0; y < height; ++y, pixels += width * (size_t)bands) {
    const uint8_t *here = marked + y / CELL * cells;
    for (size_t x = 0; x < width; ++x) {
      if (!here[x / CELL]) continue;
      const uint8_t *pixel = pixels + x * (size_t)bands;
      ++counts[bands == COLOUR ? (pixel[0] + pixel[1] + pixel[2] + 1) / COLOUR : pixel[0]];
    }
  }
}

static void slide_down(const float *in, size_t rows, size_t width, size_t side, double *sums, float *out) {
  memset(sums, 0, width * sizeof *sums);
  for (size_t y = 0; y < rows; ++y) {
    const float *enters = in + y * width, *leaves = in + (y - side) * width;
    for (size_t i = 0; i < width; ++i) sums[i] += enters[i];
    for (size_t i = 0; y >= side && i < width; ++i) sums[i] -= leaves[i];
    if (y + 1 < side) continue;
    float *row = out + (y + 1 - side) * width;
    for (size_t i = 0; i < width; ++i) row[i] = (float)sums[i];
  }
}

/* The mean of each window of down by across places of (rows, columns, bands) values that lies within, none larger
 * than the picture. -1: out of memory. */
LEANPIX_EXPORT int leanpix_window_means(const float *values, size_t rows, size_t columns, size_t bands, size_t down,
                                        size_t across, float *out) {
  const size_t width = columns * bands, tall = rows + 1 - down, wide = columns + 1 - across;
  double *sums = malloc(width * sizeof *sums);
  float *slid = malloc(tall * width * sizeof *slid);
  const double share = 1.0 / (double)(down * across);
  if (sums != NULL && slid != NULL) {
    slide_down(values, rows, width, down, sums, slid);
    for (size_t y = 0; y < tall; ++y) {
      const float *row = slid + y * width;
      for (size_t band = 0; band < bands; ++band) {
        double sum = 0;
        for (size_t x = 0; x < across; ++x) sum += row[x * bands + band];
        for (size_t x = 0; x < wide; ++x) {
          out[(y * wide + x) * bands + band] = (float)(sum * share);
          if (x + 1 < wide) sum += (double)row[(x + across) * bands + band] - (double)row[x * bands + band];
        }
      }
    }
  }
  const int failed = sums == NULL || slid == NULL ? -1 : 0;
  free(sums);
  free(slid);
  return failed;
}
