/* Pixels to the nearest colours of a palette, or nearly, row by row; a part of each error is carried on to neighbours.
 *
 * The space of colours is cut into cells; each keeps the few colours that can be nearest to a point in it, found when
 * the first pixel falls into it among those of a cell of twice the width around it, found in the same way.
 * Memory: two rows of errors and the cells, whatever the picture's size.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "palette_space.h"

enum { OPAQUE_BITS = 5, ALPHA_BITS = 4, GRIDS = 3, MAX_CELLS = 1 << 16 };

typedef int32_t bits __attribute__((vector_size(CHANNELS * sizeof(float))));

/* A colour that can be nearest to a point of a cell, and how near it can come to any: its squared distance. */
struct candidate {
  float bound;
  int index;
};

enum { LANES = 4 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* As many of them side by side as are compared at once; places without a colour lie at no finite distance. */
struct group {
  lanes places[CHANNELS];
  int indices[LANES];
  float bound; /* the first one's, which is the least */
};

struct cell {
  int count;
  struct group groups[]; /* by their bounds: a search ends where the next cannot be nearer */
};

struct grid {
  int sides[CHANNELS];
  point per_cell; /* cells a unit along each channel */
  struct cell *cells[MAX_CELLS];
};

struct map {
  int colours, has_alpha;
  point palette[MAX_COLOURS];
  space_table table;
  struct cell *all; /* every colour */
  struct grid grids[GRIDS]; /* the finest first, each next one's cells twice as wide */
};

struct dither {
  float level;      /* the share of an error that is carried on */
  float most_error; /* squared: beyond it an error is a feature that no dithering brings back */
  float tolerance;  /* squared: how much further than the nearest colour the one before may be, to be kept */
};

static point place_pixel(space_table table, const uint8_t *pixel, int bands) {
  int alpha = bands % 2 ? OPAQUE : pixel[bands - 1];
  return bands < 3 ? place(table, pixel[0], pixel[0], pixel[0], alpha) : place(table, pixel[0], pixel[1], pixel[2], alpha);
}

static void make_grid(const struct map *map, struct grid *grid, int fewer_bits) {
  for (int channel = 0; channel < CHANNELS; ++channel) {
    int bits = map->has_alpha ? ALPHA_BITS : channel == ALPHA ? 0 : OPAQUE_BITS;
    grid->sides[channel] = 1 << (bits > fewer_bits ? bits - fewer_bits : 0);
    grid->per_cell[channel] = (float)grid->sides[channel] / WEIGHTS[channel];
  }
}

/* The squared distances from a colour to the nearest and to the furthest point of a cell, given by its middle. */
static void reach(point middle, point half, point colour, float *nearest, float *furthest) {
  point away = colour - middle;
  away = (point)((bits)away & 0x7fffffff); /* without its sign */
  point gap = away - half;
  *nearest = squared((point)((gap > 0) & (bits)gap));
  *furthest = squared(away + half);
}

static struct cell *new_cell(const struct map *map, const struct candidate *candidates, int count) {
  size_t groups = (size_t)(count + LANES - 1) / LANES;
  struct cell *cell = aligned_alloc(sizeof(lanes), sizeof *cell + groups * sizeof *cell->groups);
  if (cell == NULL) return NULL;
  cell->count = count;
  for (size_t i = 0; i < groups * LANES; ++i) {
    struct group *group = &cell->groups[i / LANES];
    int lane = i % LANES, index = i < (size_t)count ? candidates[i].index : 0;
    if (lane == 0) group->bound = candidates[i].bound;
    group->indices[lane] = index;
    for (int channel = 0; channel < CHANNELS; ++channel) {
      group->places[channel][lane] = i < (size_t)count ? map->palette[index][channel] : INFINITY;
    }
  }
  return cell;
}

static struct cell *every_colour(const struct map *map) {
  struct candidate all[MAX_COLOURS];
  for (int i = 0; i < map->colours; ++i) all[i] = (struct candidate){0, i};
  return new_cell(map, all, map->colours);
}

static void insert_by_bound(struct candidate *sorted, int count, struct candidate next) {
  for (; count > 0 && sorted[count - 1].bound > next.bound; --count) sorted[count] = sorted[count - 1];
  sorted[count] = next;
}

/* around: a cell that this one lies in; what is nearest to no point of it is nearest to none here. */
static struct cell *fill_cell(const struct map *map, const struct grid *grid, const int at[CHANNELS],
                              const struct cell *around) {
  struct candidate near[MAX_COLOURS], sorted[MAX_COLOURS];
  point half = 0.5f / grid->per_cell, corner = {at[0], at[1], at[2], at[3]};
  point middle = corner / grid->per_cell + half;
  if (!map->has_alpha) { /* every point lies at the end of the only cell */
    half[ALPHA] = 0;
    middle[ALPHA] = WEIGHTS[ALPHA];
  }
  float limit = INFINITY;
  for (int i = 0; i < around->count; ++i) {
    float furthest;
    near[i].index = around->groups[i / LANES].indices[i % LANES];
    reach(middle, half, map->palette[near[i].index], &near[i].bound, &furthest);
    limit = fminf(limit, furthest);
  }
  int count = 0;
  for (int i = 0; i < around->count; ++i) {
    if (near[i].bound <= limit) insert_by_bound(sorted, count++, near[i]);
  }
  return new_cell(map, sorted, count);
}

static struct cell **place_in(struct grid *grid, point where, int at[CHANNELS]) {
  int number = 0;
  point scaled = where * grid->per_cell;
  for (int channel = 0; channel < CHANNELS; ++channel) {
    int last = grid->sides[channel] - 1, here = (int)scaled[channel];
    at[channel] = here < last ? here : last;
    number = number * grid->sides[channel] + at[channel];
  }
  return &grid->cells[number];
}

static const struct cell *cell_of(struct map *map, int grid, point where) {
  if (grid == GRIDS) return map->all;
  int at[CHANNELS];
  struct cell **cell = place_in(&map->grids[grid], where, at);
  if (*cell != NULL) return *cell;
  const struct cell *around = cell_of(map, grid + 1, where);
  if (around != NULL) *cell = fill_cell(map, &map->grids[grid], at, around);
  return *cell;
}

static int nearest_in(const struct cell *cell, point where) {
  int best = cell->groups[0].indices[0];
  float least = INFINITY;
  for (int i = 0; i * LANES < cell->count && cell->groups[i].bound < least; ++i) {
    const struct group *group = &cell->groups[i];
    lanes distances = {0};
    for (int channel = 0; channel < CHANNELS; ++channel) {
      lanes away = group->places[channel] - where[channel];
      distances += away * away;
    }
    for (int lane = 0; lane < LANES; ++lane) {
      int is_nearer = distances[lane] < least;
      best = is_nearer ? group->indices[lane] : best;
      least = is_nearer ? distances[lane] : least;
    }
  }
  return best;
}

/* The colour of the pixel before, where it is hardly further than the nearest: long runs of it take few bytes.
 *
 * Less than half of the way to the nearest in any case, so that what is in the palette stays as it is, and slow changes
 * are followed. */
static int kept_or(int nearest, int before, const struct map *map, float tolerance, point where) {
  if (before == nearest) return nearest;
  float apart = squared(map->palette[before] - map->palette[nearest]) / 2;
  float further = squared(where - map->palette[before]) - squared(where - map->palette[nearest]);
  return further < (apart < tolerance ? apart : tolerance) ? before : nearest;
}

/* The place with what its neighbours left over, within the space; too large a rest is carried on in part only. */
static point with_error(const struct dither *dither, point error, point where) {
  point scaled = error * dither->level;
  float size = squared(scaled);
  if (size < 2.0f / (256 * 256)) return where; /* nobody sees it, and flat areas stay flat */
  point moved = where + (size > dither->most_error ? 0.8f : 1.0f) * scaled;
  moved = (point)((moved > 0) & (bits)moved);
  bits over = moved > WEIGHTS;
  return (point)((over & (bits)WEIGHTS) | (~over & (bits)moved));
}

/* Floyd and Steinberg's shares: ahead in this row; behind, below and ahead in the next. */
static void spread(const struct dither *dither, point rest, point *ahead, point *below, int step) {
  point part = rest * ((squared(rest) > dither->most_error ? 0.75f : 1.0f) / 16);
  *ahead += 7 * part;
  below[-step] += 3 * part;
  below[0] += 5 * part;
  below[step] += part;
}

static int is_same(point one, point other) {
  bits same = one == other;
  return same[0] & same[1] & same[2] & same[3];
}

/* One row, to and fro by turns. errors and below have a place more at each end. */
static int map_row(struct map *map, const struct dither *dither, const uint8_t *row, int bands, size_t width,
                   int step, point *errors, point *below, uint8_t *indices) {
  point last = {-1, -1, -1, -1}; /* no place; what is drawn has the same one over and over, without an error */
  int nearest = 0;
  for (size_t count = 0; count < width; ++count) {
    size_t x = step > 0 ? count : width - 1 - count;
    point where = with_error(dither, errors[x + 1], place_pixel(map->table, row + x * (size_t)bands, bands));
    if (!is_same(where, last)) {
      const struct cell *cell = cell_of(map, 0, where);
      if (cell == NULL) return -1;
      nearest = nearest_in(cell, where);
      last = where;
    }
    int before = count > 0 ? indices[(ptrdiff_t)x - step] : nearest;
    indices[x] = (uint8_t)kept_or(nearest, before, map, dither->tolerance, where);
    point colour = map->palette[indices[x]];
    if (!is_same(where, colour)) spread(dither, where - colour, &errors[x + 1] + step, &below[x + 1], step);
  }
  return 0;
}

static int map_rows(struct map *map, const struct dither *dither, const uint8_t *pixels, int bands, size_t width,
                    size_t height, uint8_t *indices) {
  size_t row_bytes = (width + 2) * sizeof(point);
  point *errors = aligned_alloc(sizeof(point), 2 * row_bytes);
  if (errors == NULL) return -1;
  memset(errors, 0, 2 * row_bytes);
  int failed = 0;
  for (size_t y = 0; y < height && !failed; ++y) {
    point *here = errors + (y % 2) * (width + 2), *below = errors + (1 - y % 2) * (width + 2);
    memset(below, 0, row_bytes);
    failed = map_row(map, dither, pixels + y * width * (size_t)bands, bands, width, y % 2 ? -1 : 1, here, below,
                     indices + y * width);
  }
  free(errors);
  return failed;
}

static void free_map(struct map *map) {
  for (int grid = 0; grid < GRIDS; ++grid) {
    for (int i = 0; i < MAX_CELLS; ++i) free(map->grids[grid].cells[i]);
  }
  free(map->all);
  free(map);
}

/* Write the palette's index for each pixel of 1 to 4 bands. palette: RGBA, 1 to 256 colours. dither: 0 to 1.
 * most_error and tolerance: squared, see struct dither. Returns 0, or -1 without memory. */
LEANPIX_EXPORT int leanpix_map_to_palette(const uint8_t *pixels, size_t width, size_t height, int bands,
                                          const uint8_t *palette, int colours, float dither, float most_error,
                                          float tolerance, uint8_t *indices) {
  struct map *map = aligned_alloc(sizeof(point), sizeof *map);
  if (map == NULL) return -1;
  memset(map, 0, sizeof *map);
  map->colours = colours;
  map->has_alpha = bands % 2 == 0;
  make_table(map->table);
  for (int grid = 0; grid < GRIDS; ++grid) make_grid(map, &map->grids[grid], grid);
  for (int i = 0; i < colours; ++i, palette += CHANNELS) {
    map->palette[i] = place(map->table, palette[0], palette[1], palette[2], palette[ALPHA]);
  }
  map->all = every_colour(map);
  struct dither carried = {dither, most_error, tolerance};
  int failed = map->all == NULL || map_rows(map, &carried, pixels, bands, width, height, indices);
  free_map(map);
  return failed;
}
