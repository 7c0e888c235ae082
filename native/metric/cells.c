/* What the local criterion needs of every 4 x 4 pixels: sums that say where ground is smooth, where thin things are
 * coloured, and by how much a result differs there. What they mean is leanpix/engine/judging/worst_place.py's matter;
 * leanpix/engine/content/cells/numpy_cells.py has the same sums, to the last bit.
 *
 * Rows are copied into buffers whose width is a multiple of a cell, the last pixel repeated, so that no loop has an
 * edge to look after. Memory: some rows. cpu: the newest generation of processors to use (enum metric_cpu).
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "cells_rows.h"

static size_t cells_in(size_t side) { return (side + CELL - 1) / CELL; }

static void take_row(const uint8_t *pixels, size_t width, size_t height, int bands, size_t row, uint8_t *out) {
  const size_t bytes = width * (size_t)bands, padded = cells_in(width) * CELL * (size_t)bands;
  memcpy(out, pixels + (row < height ? row : height - 1) * bytes, bytes);
  for (size_t i = bytes; i < padded; ++i) out[i] = out[i - (size_t)bands];
}

/* Colours of two rows, by turns: each has a place before its first pixel, which is a copy of it. */
struct colours {
  int16_t *memory;
  size_t width;
};

static int16_t *colour_row(const struct colours *colours, size_t row, int second) {
  return colours->memory + (row % 2 * 2 + (size_t)second) * (colours->width + 1) + 1;
}

static void take_colours(const struct colours *colours, const struct cells_rows *rows, const uint8_t *pixels, size_t row,
                         uint16_t *contrast) {
  int16_t *u = colour_row(colours, row, 0), *v = colour_row(colours, row, 1);
  rows->split_colour(pixels, colours->width, u, v);
  u[-1] = u[0];
  v[-1] = v[0];
  if (row == 0) {
    memcpy(colour_row(colours, 1, 0), u, colours->width * sizeof *u);
    memcpy(colour_row(colours, 1, 1), v, colours->width * sizeof *v);
  }
  rows->add_contrast(u, v, colour_row(colours, row + 1, 0), colour_row(colours, row + 1, 1), colours->width, contrast);
}

/* Of a source of 1 or 3 bands: sums (rows, columns, bands) of the samples, texture (rows, columns) of the differences
 * to the left and the upper pixel, all bands together, and weights (rows, columns) of the chroma contrast; gray has
 * none: zeros there before. -1: out of memory. */
LEANPIX_EXPORT int leanpix_source_cells(const uint8_t *pixels, size_t width, size_t height, int bands, int cpu,
                                        uint16_t *sums, uint16_t *texture, uint16_t *weights) {
  const struct cells_rows *rows = cells_rows_for(cpu);
  const size_t cells = cells_in(width), padded = cells * CELL, bytes = padded * (size_t)bands;
  uint8_t *pair = malloc(2 * bytes);
  uint16_t *columns = malloc((2 * bytes + padded) * sizeof(uint16_t));
  const struct colours colours = {malloc(4 * (padded + 1) * sizeof(int16_t)), padded};
  if (pair == NULL || columns == NULL || colours.memory == NULL) {
    free(pair);
    free(columns);
    free(colours.memory);
    return -1;
  }
  uint16_t *steps = columns + bytes, *contrast = steps + bytes;
  for (size_t y = 0; y < cells_in(height) * CELL; ++y) {
    uint8_t *row = pair + (y % 2) * bytes, *upper = pair + (1 - y % 2) * bytes;
    take_row(pixels, width, height, bands, y, row);
    if (y == 0) memcpy(upper, row, bytes);
    if (y % CELL == 0) memset(columns, 0, (2 * bytes + padded) * sizeof *columns);
    rows->add_samples(row, upper, bytes, (size_t)bands, columns, steps);
    if (bands == COLOUR) take_colours(&colours, rows, row, y, contrast);
    if (y % CELL == CELL - 1) {
      const size_t at = y / CELL * cells;
      rows->fold_apart(columns, cells, (size_t)bands, sums + at * (size_t)bands);
      rows->fold_together(steps, cells, (size_t)bands, texture + at);
      if (bands == COLOUR) rows->fold_together(contrast, cells, 1, weights + at);
    }
  }
  free(pair);
  free(columns);
  free(colours.memory);
  return 0;
}

static inline int larger(int one, int other) { return one > other ? one : other; }

/* The colour of a pixel: as split_colour's. */
static inline int first_colour(const uint8_t *pixel) { return pixel[0] - pixel[1]; }
static inline int second_colour(const uint8_t *pixel) { return (2 * pixel[2] - pixel[0] - pixel[1]) >> 1; }

static inline int colours_apart(const uint8_t *one, const uint8_t *other) {
  return larger(abs(first_colour(one) - first_colour(other)), abs(second_colour(one) - second_colour(other)));
}

/* The distance of a cell's colours in one row, each weighted by its contrast in the source. */
static uint32_t colour_errors(const uint8_t *source, const uint8_t *upper, const uint8_t *result, int is_first) {
  uint32_t errors = 0;
  for (size_t x = 0; x < CELL * COLOUR; x += COLOUR) {
    const uint8_t *here = source + x, *before = is_first && x == 0 ? here : here - COLOUR;
    const int contrast = larger(colours_apart(here, upper + x), colours_apart(here, before)) - CONTRAST;
    if (contrast > 0) errors += (uint32_t)contrast * (uint32_t)colours_apart(result + x, here);
  }
  return errors;
}

/* Of a result of the source's shape: differences (rows, columns, bands), the sums of result - source; distances (rows,
 * columns), the sums of their sizes over all bands; errors (rows, columns), the weighted chroma errors, by the source's
 * weights. Zeros in the last before. -1: out of memory. */
LEANPIX_EXPORT int leanpix_result_cells(const uint8_t *source, const uint8_t *result, size_t width, size_t height,
                                        int bands, int cpu, const uint16_t *weights, int16_t *differences,
                                        uint16_t *distances, uint32_t *errors) {
  const struct cells_rows *rows = cells_rows_for(cpu);
  const size_t cells = cells_in(width), padded = cells * CELL, bytes = padded * (size_t)bands;
  uint8_t *three = malloc(3 * bytes);
  uint16_t *columns = malloc(2 * bytes * sizeof *columns);
  if (three == NULL || columns == NULL) {
    free(three);
    free(columns);
    return -1;
  }
  for (size_t y = 0; y < cells_in(height) * CELL; ++y) {
    uint8_t *row = three + (y % 2) * bytes, *upper = three + (1 - y % 2) * bytes, *other = three + 2 * bytes;
    const size_t at = y / CELL * cells;
    take_row(source, width, height, bands, y, row);
    take_row(result, width, height, bands, y, other);
    if (y == 0) memcpy(upper, row, bytes);
    if (y % CELL == 0) memset(columns, 0, 2 * bytes * sizeof *columns);
    rows->add_differences(row, other, bytes, columns, columns + bytes);
    for (size_t cell = 0; bands == COLOUR && cell < cells; ++cell) { /* few have weights */
      const size_t first = cell * CELL * COLOUR;
      if (weights[at + cell]) errors[at + cell] += colour_errors(row + first, upper + first, other + first, cell == 0);
    }
    if (y % CELL == CELL - 1) {
      rows->fold_apart(columns, cells, (size_t)bands, (uint16_t *)differences + at * (size_t)bands);
      rows->fold_together(columns + bytes, cells, (size_t)bands, distances + at);
    }
  }
  free(three);
  free(columns);
  return 0;
}

static inline int lightness(const uint8_t *pixel) { return (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8; }

static inline uint8_t clipped(int value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

/* Each pixel of a cell's two rows with its own lightness and the mean colour of its 2 x 2. */
static void halve_chroma(const uint8_t *restrict upper, const uint8_t *restrict lower, uint8_t *restrict upper_out,
                         uint8_t *restrict lower_out) {
  for (size_t at = 0; at < CELL * COLOUR; at += 2 * COLOUR) {
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
  const size_t cells = cells_in(width), bytes = cells * CELL * COLOUR;
  if (bands != COLOUR) return 0;
  uint8_t *rows = malloc(3 * bytes);
  if (rows == NULL) return -1;
  uint8_t *upper = rows, *first = rows + bytes, *second = first + bytes;
  for (size_t band = 0; band < cells_in(height); ++band) {
    const uint16_t *here = weights + band * cells;
    size_t any = 0;
    for (size_t cell = 0; cell < cells; ++cell) any |= here[cell];
    for (size_t pair = 0; any && pair < CELL; pair += 2) {
      const size_t y = band * CELL + pair;
      take_row(source, width, height, bands, y > 0 ? y - 1 : 0, upper);
      take_row(source, width, height, bands, y, first);
      take_row(source, width, height, bands, y + 1, second);
      for (size_t cell = 0; cell < cells; ++cell) {
        if (!here[cell]) continue;
        const size_t at = cell * CELL * COLOUR;
        uint8_t above[CELL * COLOUR], below[CELL * COLOUR];
        halve_chroma(first + at, second + at, above, below);
        errors[band * cells + cell] += colour_errors(first + at, upper + at, above, cell == 0) +
                                       colour_errors(second + at, first + at, below, cell == 0);
      }
    }
  }
  free(rows);
  return 0;
}

enum { LINES_TENTHS = 7 }; /* numpy_cells.py's too */

/* A cell's lightness added up by rows and by columns; the sum of its squares. */
static int32_t take_profiles(const uint8_t *pixels, size_t width, size_t height, int bands, size_t top, size_t left,
                             int32_t profiles[2][CELL]) {
  int32_t squares = 0;
  memset(profiles, 0, 2 * CELL * sizeof profiles[0][0]);
  for (size_t i = 0; i < CELL * CELL; ++i) {
    const size_t y = top + i / CELL < height ? top + i / CELL : height - 1;
    const size_t x = left + i % CELL < width ? left + i % CELL : width - 1;
    const uint8_t *pixel = pixels + (y * width + x) * (size_t)bands;
    const int32_t light = bands == COLOUR ? lightness(pixel) : *pixel;
    profiles[0][i / CELL] += light;
    profiles[1][i % CELL] += light;
    squares += light * light;
  }
  return squares;
}

/* Of the cells that are marked (rows, columns), by the sums of their rows and of their columns, in lightness: bends, how
 * far these are from a slope, 20 times a sum of squares, 0 where they are less than LINES_TENTHS of what differs within the
 * cell, as of dots; strengths and products, 4 times the source's variance and its covariance with a result of its shape.
 * Zeros elsewhere. */
LEANPIX_EXPORT void leanpix_line_cells(const uint8_t *source, const uint8_t *result, size_t width, size_t height,
                                       int bands, const uint8_t *marked, int32_t *bends, int32_t *strengths,
                                       int32_t *products) {
  const size_t columns = cells_in(width);
  for (size_t cell = 0; cell < cells_in(height) * columns; ++cell) {
    bends[cell] = strengths[cell] = products[cell] = 0;
    if (!marked[cell]) continue;
    const size_t top = cell / columns * CELL, left = cell % columns * CELL;
    int32_t here[2][CELL], there[2][CELL];
    int32_t within = CELL * CELL * take_profiles(source, width, height, bands, top, left, here);
    take_profiles(result, width, height, bands, top, left, there);
    for (size_t along = 0; along < 2; ++along) {
      const int32_t *s = here[along], *r = there[along];
      const int32_t bow = s[0] - s[1] - s[2] + s[3], wave = s[0] - 3 * s[1] + 3 * s[2] - s[3];
      const int32_t sum = s[0] + s[1] + s[2] + s[3], other = r[0] + r[1] + r[2] + r[3];
      bends[cell] += 5 * bow * bow + wave * wave;
      strengths[cell] += CELL * (s[0] * s[0] + s[1] * s[1] + s[2] * s[2] + s[3] * s[3]) - sum * sum;
      products[cell] += CELL * (s[0] * r[0] + s[1] * r[1] + s[2] * r[2] + s[3] * r[3]) - sum * other;
      if (along == 0) within -= sum * sum;
    }
    if (10 * strengths[cell] < LINES_TENTHS * within) bends[cell] = 0;
  }
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

/* Rows of sums of so many rows of values, by those that enter and leave; nothing leaves before that. */
static void slide_down(const struct cells_rows *rows, const float *in, size_t height, size_t width, size_t side,
                       double *sums, const float *nothing, float *out) {
  for (size_t y = 0; y < height; ++y) {
    const float *enters = in + y * width;
    rows->slide(enters, y >= side ? enters - side * width : nothing, width, sums, out + (y + 1 < side ? 0 : y + 1 - side) * width);
  }
}

/* A sum waits for the one before it: of so many rows they are made by turns. */
enum { TOGETHER = 4 };

static void slide_across(const float *const from[TOGETHER], float *const to[TOGETHER], size_t first, size_t bands,
                         size_t across, size_t wide, double share) {
  double sums[TOGETHER] = {0};
  for (size_t x = 0; x < across; ++x) {
    for (size_t i = 0; i < TOGETHER; ++i) sums[i] += from[i][x * bands + first];
  }
  for (size_t x = 0, at = first; x < wide; ++x, at += bands) {
    const size_t enters = x + 1 < wide ? at + across * bands : at; /* at the end nothing moves */
    for (size_t i = 0; i < TOGETHER; ++i) {
      to[i][at] = (float)(sums[i] * share);
      sums[i] += (double)from[i][enters] - (double)from[i][at];
    }
  }
}

/* The mean of each window of down by across places of (rows, columns, bands) values that lies within, none larger
 * than the picture. -1: out of memory. */
LEANPIX_EXPORT int leanpix_window_means(const float *values, size_t rows, size_t columns, size_t bands, size_t down,
                                        size_t across, int cpu, float *out) {
  const size_t width = columns * bands, tall = rows + 1 - down, wide = columns + 1 - across;
  double *sums = calloc(width, sizeof *sums + sizeof(float));
  float *slid = malloc(tall * width * sizeof *slid);
  const double share = 1.0 / (double)(down * across);
  if (sums != NULL && slid != NULL) {
    slide_down(cells_rows_for(cpu), values, rows, width, down, sums, (const float *)(sums + width), slid);
    for (size_t y = 0; y < tall; y += TOGETHER) {
      const float *from[TOGETHER];
      float *to[TOGETHER];
      for (size_t i = 0; i < TOGETHER; ++i) {
        const size_t row = y + i < tall ? y + i : tall - 1; /* the last one again, where there are no more */
        from[i] = slid + row * width;
        to[i] = out + row * wide * bands;
      }
      for (size_t band = 0; band < bands; ++band) slide_across(from, to, band, bands, across, wide, share);
    }
  }
  const int failed = sums == NULL || slid == NULL ? -1 : 0;
  free(sums);
  free(slid);
  return failed;
}

/* What is looked at of means that moved, plane after plane: lightness, and each band by how much its own shift counts. */
static void see_moved(const float *moved, size_t places, size_t bands, const float *tint, float *seen) {
  for (size_t i = 0; i < places; ++i, moved += bands) {
    seen[i] = bands == COLOUR ? moved[0] * 0.299f + moved[1] * 0.587f + moved[2] * 0.114f : moved[0];
    for (size_t band = 0; band < bands; ++band) seen[(band + 1) * places + i] = moved[band] * tint[i];
  }
}

/* Raises each number of a row to how far the others lie from these. */
static void raise_to_steps(const float *here, const float *there, size_t count, float *largest) {
  for (size_t i = 0; i < count; ++i) {
    const float step = fabsf(there[i] - here[i]);
    largest[i] = step > largest[i] ? step : largest[i];
  }
}

/* Of (rows, columns, bands) means of 2 x 2 cells that moved: lightness, how far the most of what is seen has moved, and
 * how far it has moved from places beside or below that share no cell; both by what a place may have (room). tint: how much
 * a band's own shift counts. -1: out of memory. */
LEANPIX_EXPORT int leanpix_moved_places(const float *moved, size_t rows, size_t columns, size_t bands, const float *room,
                                        const float *tint, float *light, float *ground, float *contours) {
  enum { APART = 2 };
  const size_t places = rows * columns;
  float *seen = malloc((bands + 1) * places * sizeof *seen);
  if (seen == NULL) return -1;
  see_moved(moved, places, bands, tint, seen);
  memcpy(light, seen, places * sizeof *light);
  memset(ground, 0, places * sizeof *ground);
  memset(contours, 0, places * sizeof *contours);
  for (const float *plane = seen; plane < seen + (bands + 1) * places; plane += places) {
    for (size_t i = 0; i < places; ++i) ground[i] = fabsf(plane[i]) > ground[i] ? fabsf(plane[i]) : ground[i];
    for (size_t row = 0; row < rows; ++row) {
      const float *here = plane + row * columns;
      float *largest = contours + row * columns;
      if (columns > APART) raise_to_steps(here, here + APART, columns - APART, largest);
      if (row + APART < rows) raise_to_steps(here, here + APART * columns, columns, largest);
    }
  }
  for (size_t i = 0; i < places; ++i) ground[i] /= room[i], contours[i] /= room[i];
  free(seen);
  return 0;
}
