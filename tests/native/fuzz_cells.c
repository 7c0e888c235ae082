/* native/metric/cells.c and chroma.c: sums of 4 x 4 pixels as a plain loop has them, the same by each generation's loops;
 * counts of levels that are all marked pixels' and no others'; rows and columns of marked cells; ranges of chroma; means of
 * windows as they are worked out one by one. */
#define FUZZ_TARGET
#include "fuzz.h"

#include <math.h>

#include "../../native/metric/cells_rows.h"

enum { NEWEST = 2, LEVELS = 256, MOST_ROWS = 40, MOST_COLUMNS = 60, MOST_BANDS = 3 };

int leanpix_source_cells(const uint8_t *pixels, size_t width, size_t height, int bands, int cpu, uint16_t *sums,
                         uint16_t *texture, uint16_t *weights);
int leanpix_result_cells(const uint8_t *source, const uint8_t *result, size_t width, size_t height, int bands, int cpu,
                         const uint16_t *weights, int16_t *differences, uint16_t *distances, uint32_t *errors);
int leanpix_halved_cells(const uint8_t *source, size_t width, size_t height, int bands, const uint16_t *weights,
                         uint32_t *errors);
void leanpix_levels(const uint8_t *pixels, size_t width, size_t height, int bands, const uint8_t *marked,
                    uint32_t *counts);
void leanpix_line_cells(const uint8_t *source, const uint8_t *result, size_t width, size_t height, int bands,
                        const uint8_t *marked, int32_t *bends, int32_t *strengths, int32_t *products);
int leanpix_window_means(const float *values, size_t rows, size_t columns, size_t bands, size_t down, size_t across,
                         int cpu, float *out);

int leanpix_moved_places(const float *moved, size_t rows, size_t columns, size_t bands, const float *room, const float *tint,
                         float *light, float *ground, float *contours);

int leanpix_chroma_spread_at(const uint8_t *pixels, size_t stride, size_t width, size_t height, int bands, int cpu,
                             size_t tile, const size_t *tops, size_t down, const size_t *lefts, size_t across, size_t place);

struct picture {
  const uint8_t *pixels;
  size_t width, height;
  int bands;
};

/* In memory of exactly their size, so that nothing beyond is read or written. */
struct cells {
  uint16_t *sums, *texture, *weights, *distances;
  int16_t *differences;
  uint32_t *errors, *halved;
};

static size_t cells_in(size_t side) { return (side + CELL - 1) / CELL; }

static size_t cell_count(const struct picture *picture) { return cells_in(picture->width) * cells_in(picture->height); }

static void *zeros(size_t count, size_t bytes) {
  void *memory = calloc(count, bytes);
  CHECK(memory != NULL);
  return memory;
}

static struct cells open_cells(const struct picture *picture) {
  const size_t cells = cell_count(picture), banded = cells * (size_t)picture->bands;
  return (struct cells){zeros(banded, 2), zeros(cells, 2), zeros(cells, 2), zeros(cells, 2),
                        zeros(banded, 2), zeros(cells, 4), zeros(cells, 4)};
}

static void close_cells(struct cells *cells) {
  free(cells->sums);
  free(cells->texture);
  free(cells->weights);
  free(cells->distances);
  free(cells->differences);
  free(cells->errors);
  free(cells->halved);
}

/* The pixel there, the last ones repeated beyond the edges. */
static const uint8_t *pixel_at(const struct picture *picture, size_t x, size_t y) {
  x = x < picture->width ? x : picture->width - 1;
  y = y < picture->height ? y : picture->height - 1;
  return picture->pixels + (y * picture->width + x) * (size_t)picture->bands;
}

static int larger(int one, int other) { return one > other ? one : other; }

static int colours_apart(const uint8_t *one, const uint8_t *other) {
  int u = one[0] - one[1] - (other[0] - other[1]);
  int v = ((2 * one[2] - one[0] - one[1]) >> 1) - ((2 * other[2] - other[0] - other[1]) >> 1);
  return larger(abs(u), abs(v));
}

static void check_cell(const struct picture *source, const struct picture *result, const struct cells *cells,
                       size_t column, size_t row) {
  const int bands = source->bands;
  uint32_t sums[MOST_BANDS] = {0}, texture = 0, weight = 0, distance = 0, errors = 0;
  int32_t differences[MOST_BANDS] = {0};
  for (size_t y = row * CELL; y < (row + 1) * CELL; ++y) {
    for (size_t x = column * CELL; x < (column + 1) * CELL; ++x) {
      const uint8_t *here = pixel_at(source, x, y), *other = pixel_at(result, x, y);
      const uint8_t *upper = pixel_at(source, x, y > 0 ? y - 1 : 0), *left = pixel_at(source, x > 0 ? x - 1 : 0, y);
      for (int band = 0; band < bands; ++band) {
        sums[band] += here[band];
        texture += (uint32_t)(abs(here[band] - upper[band]) + abs(here[band] - left[band]));
        differences[band] += other[band] - here[band];
        distance += (uint32_t)abs(other[band] - here[band]);
      }
      if (bands != COLOUR) continue;
      uint32_t contrast = (uint32_t)larger(larger(colours_apart(here, upper), colours_apart(here, left)) - CONTRAST, 0);
      weight += contrast;
      errors += contrast * (uint32_t)colours_apart(other, here);
    }
  }
  const size_t at = row * cells_in(source->width) + column;
  for (int band = 0; band < bands; ++band) {
    CHECK(cells->sums[at * (size_t)bands + (size_t)band] == sums[band]);
    CHECK(cells->differences[at * (size_t)bands + (size_t)band] == differences[band]);
  }
  CHECK(cells->texture[at] == texture && cells->weights[at] == weight);
  CHECK(cells->distances[at] == distance && cells->errors[at] == errors);
  CHECK(cells->weights[at] > 0 || cells->halved[at] == 0);
}

/* Whether all of it was had: no allocation was refused. */
static int look(const struct picture *source, const struct picture *result, int cpu, struct cells *cells) {
  const size_t width = source->width, height = source->height;
  const int bands = source->bands;
  return leanpix_source_cells(source->pixels, width, height, bands, cpu, cells->sums, cells->texture,
                              cells->weights) == 0 &&
         leanpix_result_cells(source->pixels, result->pixels, width, height, bands, cpu, cells->weights,
                              cells->differences, cells->distances, cells->errors) == 0 &&
         leanpix_halved_cells(source->pixels, width, height, bands, cells->weights, cells->halved) == 0;
}

static void check_levels(struct input *input, const struct picture *picture) {
  const size_t cells = cell_count(picture);
  uint8_t *marked = take_bytes(input, cells);
  uint32_t *counts = zeros(LEVELS, sizeof *counts);
  size_t expected = 0, counted = 0;
  for (size_t i = 0; i < cells; ++i) marked[i] &= 1;
  for (size_t y = 0; y < picture->height; ++y) {
    for (size_t x = 0; x < picture->width; ++x) expected += marked[y / CELL * cells_in(picture->width) + x / CELL];
  }
  leanpix_levels(picture->pixels, picture->width, picture->height, picture->bands, marked, counts);
  for (size_t level = 0; level < LEVELS; ++level) counted += counts[level];
  CHECK(counted == expected);
  free(marked);
  free(counts);
}

/* The lightness of so many pixels across and down, from a place on. */
static int32_t light_of(const struct picture *picture, size_t column, size_t row, size_t wide, size_t tall) {
  int32_t sum = 0;
  for (size_t i = 0; i < wide * tall; ++i) {
    const uint8_t *pixel = pixel_at(picture, column + i % wide, row + i / wide);
    sum += picture->bands == COLOUR ? (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8 : *pixel;
  }
  return sum;
}

/* In marked cells 4 times the variance of rows and of columns, and the covariance; nothing in others. */
static void check_lines(struct input *input, const struct picture *source, const struct picture *result) {
  const size_t cells = cell_count(source), across = cells_in(source->width);
  uint8_t *marked = take_bytes(input, cells);
  int32_t *bends = zeros(cells, 4), *strengths = zeros(cells, 4), *products = zeros(cells, 4);
  for (size_t i = 0; i < cells; ++i) marked[i] &= 1;
  leanpix_line_cells(source->pixels, result->pixels, source->width, source->height, source->bands, marked, bends,
                     strengths, products);
  for (size_t at = 0; at < cells; ++at) {
    const size_t left = at % across * CELL, top = at / across * CELL;
    const int32_t here = light_of(source, left, top, CELL, CELL), other = light_of(result, left, top, CELL, CELL);
    int32_t strength = -2 * here * here, product = -2 * here * other;
    for (size_t i = 0; i < CELL; ++i) {
      const int32_t column = light_of(source, left + i, top, 1, CELL), line = light_of(source, left, top + i, CELL, 1);
      strength += CELL * (column * column + line * line);
      product += CELL * column * light_of(result, left + i, top, 1, CELL);
      product += CELL * line * light_of(result, left, top + i, CELL, 1);
    }
    CHECK(strengths[at] == (marked[at] ? strength : 0) && products[at] == (marked[at] ? product : 0));
    CHECK(bends[at] >= 0 && bends[at] <= 5 * strengths[at]);
  }
  free(marked);
  free(bends);
  free(strengths);
  free(products);
}

static int chroma_range(const struct picture *picture, size_t x, size_t y, int red, int green, int blue) {
  int low = 1 << 20, high = -low;
  for (size_t i = 0; i < 4; ++i) {
    const uint8_t *pixel = pixel_at(picture, x + i % 2, y + i / 2);
    const int chroma = red * pixel[0] + green * pixel[1] + blue * pixel[2];
    low = chroma < low ? chroma : low;
    high = larger(chroma, high);
  }
  return high - low;
}

enum { MOST_TILES = 700 };

static size_t starts_of(size_t side, size_t tile, size_t *starts) {
  size_t count = 0;
  for (size_t at = 0; at < side; at += tile) starts[count++] = at;
  return count;
}

/* Counts the tile's ranges below one, and those up to it. */
static void count_ranges(const struct picture *picture, size_t top, size_t left, size_t tile, int spread, size_t *below,
                         size_t *up_to) {
  for (size_t y = top; y + 1 < picture->height && y + 1 < top + tile; y += 2) {
    for (size_t x = left; x + 1 < picture->width && x + 1 < left + tile; x += 2) {
      const int range = larger(chroma_range(picture, x, y, -43, -85, 128), chroma_range(picture, x, y, 128, -107, -21));
      *below += range < spread;
      *up_to += range <= spread;
    }
  }
}

/* Of any bytes as pixels of 3 or 4 bands, in tiles beside each other. */
static void check_spreads(struct input *input, int is_short) {
  struct picture picture = {.width = take_side(input, 1, 700), .height = take_side(input, 1, 40)};
  picture.bands = (int)take(input, 3, 4);
  const size_t stride = picture.width * (size_t)picture.bands, tile = take(input, 1, 300);
  uint8_t *pixels = take_bytes(input, stride * picture.height);
  size_t tops[MOST_TILES], lefts[MOST_TILES], all = 0, below = 0, up_to = 0;
  const size_t down = starts_of(picture.height, tile, tops), across = starts_of(picture.width, tile, lefts);
  picture.pixels = pixels;
  for (size_t i = 0; i < down * across; ++i) {
    count_ranges(&picture, tops[i / across], lefts[i % across], tile, 1 << 16, &all, &up_to);
  }
  const size_t place = all ? take(input, 0, (uint32_t)all - 1) : 0;
  const int newest = leanpix_chroma_spread_at(pixels, stride, picture.width, picture.height, picture.bands, NEWEST, tile, tops,
                                              down, lefts, across, place);
  const int plain = leanpix_chroma_spread_at(pixels, stride, picture.width, picture.height, picture.bands, 0, tile, tops, down,
                                             lefts, across, place);
  CHECK(is_short || (newest == plain && plain >= 0));
  up_to = 0;
  const int is_seen = all && plain >= 0;
  for (size_t i = 0; is_seen && i < down * across; ++i) {
    count_ranges(&picture, tops[i / across], lefts[i % across], tile, plain, &below, &up_to);
  }
  CHECK(!is_seen || (below <= place && place < up_to));
  free(pixels);
}

static void check_means(struct input *input, int is_short) {
  const size_t rows = take_side(input, 1, MOST_ROWS), columns = take_side(input, 1, MOST_COLUMNS);
  const size_t bands = take(input, 1, MOST_BANDS), down = take(input, 1, (uint32_t)rows);
  const size_t across = take(input, 1, (uint32_t)columns), count = rows * columns * bands;
  const size_t tall = rows + 1 - down, wide = columns + 1 - across;
  uint8_t *bytes = take_bytes(input, count);
  float *values = zeros(count, sizeof *values), *means = zeros(tall * wide * bands, sizeof *means);
  for (size_t i = 0; i < count; ++i) values[i] = (float)bytes[i] - 100;
  const int failed = leanpix_window_means(values, rows, columns, bands, down, across, NEWEST, means);
  CHECK(!failed || is_short);
  for (size_t at = 0; !failed && at < tall * wide * bands; ++at) {
    const size_t top = at / bands / wide, left = at / bands % wide;
    double sum = 0;
    for (size_t y = top; y < top + down; ++y) {
      for (size_t x = left; x < left + across; ++x) sum += (double)values[(y * columns + x) * bands + at % bands];
    }
    CHECK(fabs(sum / (double)(down * across) - (double)means[at]) < 1e-3);
  }
  float *plain = zeros(tall * wide * bands, sizeof *plain);
  if (!failed && !leanpix_window_means(values, rows, columns, bands, down, across, 0, plain)) {
    CHECK(memcmp(plain, means, tall * wide * bands * sizeof *means) == 0);
  }
  free(plain);
  free(bytes);
  free(values);
  free(means);
}

static float *floats(struct input *input, size_t count) {
  uint8_t *bytes = take_bytes(input, count);
  float *found = malloc(count * sizeof *found);
  CHECK(found != NULL);
  for (size_t i = 0; i < count; ++i) found[i] = (float)(bytes[i] - 128) / 16;
  free(bytes);
  return found;
}

/* No place has moved further than the most that is between what is beside it allows, and none beyond is written. */
static void check_moved(struct input *input, int is_short) {
  const size_t rows = take_side(input, 1, MOST_ROWS), columns = take_side(input, 1, MOST_COLUMNS), places = rows * columns;
  const size_t bands = take(input, 0, 1) ? 3 : 1;
  float *moved = floats(input, places * bands), *tint = floats(input, places), *room = malloc(places * sizeof *room);
  float *light = malloc(places * sizeof *light), *ground = malloc(places * sizeof *ground);
  float *contours = malloc(places * sizeof *contours);
  CHECK(room && light && ground && contours);
  for (size_t i = 0; i < places; ++i) room[i] = 1;
  const int failed = leanpix_moved_places(moved, rows, columns, bands, room, tint, light, ground, contours);
  CHECK(!failed || is_short);
  float most = 0;
  for (size_t i = 0; !failed && i < places; ++i) most = ground[i] > most ? ground[i] : most;
  for (size_t i = 0; !failed && i < places; ++i) {
    CHECK(ground[i] >= fabsf(light[i]) && contours[i] >= 0 && contours[i] <= 2 * most);
    CHECK(bands == 3 || light[i] == moved[i]);
  }
  free(moved);
  free(tint);
  free(room);
  free(light);
  free(ground);
  free(contours);
}

void fuzz_one(struct input input, int is_short) {
  struct picture source = {.width = take_side(&input, 1, 300), .height = take_side(&input, 1, 120)};
  source.bands = take(&input, 0, 3) ? COLOUR : 1;
  struct picture result = source;
  const size_t bytes = source.width * source.height * (size_t)source.bands;
  uint8_t *one = take_bytes(&input, bytes), *other = take_bytes(&input, bytes);
  source.pixels = one;
  result.pixels = other;
  struct cells newest = open_cells(&source), plain = open_cells(&source);

  const int is_seen = look(&source, &result, NEWEST, &newest);
  CHECK(is_seen || is_short);
  for (size_t row = 0; is_seen && row < cells_in(source.height); ++row) {
    for (size_t column = 0; column < cells_in(source.width); ++column) check_cell(&source, &result, &newest, column, row);
  }
  if (look(&source, &result, 0, &plain) && is_seen) { /* to the last bit */
    const size_t cells = cell_count(&source), banded = cells * (size_t)source.bands;
    CHECK(memcmp(newest.sums, plain.sums, banded * sizeof *plain.sums) == 0);
    CHECK(memcmp(newest.differences, plain.differences, banded * sizeof *plain.differences) == 0);
    CHECK(memcmp(newest.texture, plain.texture, cells * sizeof *plain.texture) == 0);
    CHECK(memcmp(newest.weights, plain.weights, cells * sizeof *plain.weights) == 0);
    CHECK(memcmp(newest.distances, plain.distances, cells * sizeof *plain.distances) == 0);
    CHECK(memcmp(newest.errors, plain.errors, cells * sizeof *plain.errors) == 0);
  }
  check_levels(&input, &source);
  check_lines(&input, &source, &result);
  check_spreads(&input, is_short);
  check_means(&input, is_short);
  check_moved(&input, is_short);
  close_cells(&newest);
  close_cells(&plain);
  free(one);
  free(other);
}
