/* A JPEG's pixels as decoders show them: samples, chroma at its full size by libjpeg's triangle, JFIF's colours (T.871). */
#include "show.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_COLUMNS = 2 }; /* of so few chroma samples no decoder makes slopes */

struct shown {
  const struct jpeg_picture *picture;
  const struct jpeg_rows *rows;
  uint8_t *plane[JPEG_BANDS];
  size_t stride[JPEG_BANDS];
  uint8_t *wide[2]; /* chroma of a row of pixels */
  uint8_t *bands;   /* of a row of pixels */
  uint16_t *sums;
  uint16_t steps[JPEG_TABLES][JPEG_VALUES]; /* in rows */
  int is_in_range;
};

static int is_halved(const struct jpeg_picture *picture) { return picture->down == 2; }

static int is_supported(const struct jpeg_picture *picture) {
  const struct jpeg_component *one = picture->component;
  if (picture->components == 1) return one[0].across == picture->across && one[0].down == picture->down;
  if (picture->components != JPEG_BANDS || picture->across != picture->down || picture->down > 2) return 0;
  return one[0].across == picture->across && one[0].down == picture->down && one[1].across == 1 && one[1].down == 1 &&
         one[2].across == 1 && one[2].down == 1;
}

static void order_steps(struct shown *self) {
  for (int table = 0; table < JPEG_TABLES; ++table) {
    for (int i = 0; i < JPEG_VALUES; ++i) self->steps[table][JPEG_ZIGZAG[i]] = self->picture->tables[table][i];
  }
}

/* A block's values in rows: they lie so, or are laid so where there is room for them. */
static const int16_t *in_rows(const struct shown *self, const int16_t *values, uint64_t filled, int16_t *room) {
  if (self->picture->is_in_rows) return values;
  memset(room, 0, JPEG_VALUES * sizeof *room);
  for (; filled; filled &= filled - 1) room[JPEG_ZIGZAG[__builtin_ctzll(filled)]] = values[__builtin_ctzll(filled)];
  return room;
}

/* A row of a component's blocks, to where their samples begin. */
static void show_blocks(struct shown *self, int component, size_t row, uint8_t *to) {
  const struct jpeg_component *one = &self->picture->component[component];
  for (size_t column = 0; column < one->width; ++column) {
    const size_t at = row * one->width + column;
    const uint64_t filled = one->filled[at][0];
    int16_t room[JPEG_VALUES];
    const int16_t *values = in_rows(self, one->values + at * JPEG_VALUES, filled, room);
    self->is_in_range &= self->rows->inverse(values, !(filled & ~(uint64_t)1), self->steps[one->table],
                                             to + column * JPEG_SIDE, self->stride[component]);
  }
}

static void show_gray(struct shown *self, uint8_t *pixels) {
  const size_t width = self->picture->width, height = self->picture->height;
  for (size_t top = 0; top < height; top += JPEG_SIDE) {
    show_blocks(self, 0, top / JPEG_SIDE, self->plane[0]);
    for (size_t row = top; row < top + JPEG_SIDE && row < height; ++row) {
      memcpy(pixels + row * width, self->plane[0] + (row - top) * self->stride[0], width);
    }
  }
}

/* Chroma of a row of pixels at its full width. */
static const uint8_t *chroma_of(const struct shown *self, int component, size_t row) {
  const size_t stride = self->stride[component], columns = (self->picture->width + 1) / 2;
  if (!is_halved(self->picture)) return self->plane[component] + row * stride;
  uint8_t *wide = self->wide[component - 1];
  const size_t last = (self->picture->height + 1) / 2 - 1, at = row / 2;
  const size_t beside = row % 2 ? (at < last ? at + 1 : last) : at ? at - 1 : 0;
  const uint8_t *near = self->plane[component] + at * stride, *far = self->plane[component] + beside * stride;
  if (columns > FEW_COLUMNS) {
    self->rows->widen(near, far, columns, self->sums, wide);
  } else {
    for (size_t i = 0; i < 2 * columns; ++i) wide[i] = near[i / 2];
  }
  return wide;
}

static void show_colour(struct shown *self, uint8_t *pixels) {
  const struct jpeg_picture *picture = self->picture;
  for (int i = 1; i < JPEG_BANDS; ++i) {
    for (size_t row = 0; row < picture->component[i].height; ++row) {
      show_blocks(self, i, row, self->plane[i] + row * JPEG_SIDE * self->stride[i]);
    }
  }
  for (size_t row = 0; row < picture->height; ++row) {
    if (row % JPEG_SIDE == 0) show_blocks(self, 0, row / JPEG_SIDE, self->plane[0]);
    const uint8_t *luma = self->plane[0] + row % JPEG_SIDE * self->stride[0];
    self->rows->paint(luma, chroma_of(self, 1, row), chroma_of(self, 2, row), picture->width, self->bands,
                      pixels + row * picture->width * JPEG_BANDS);
  }
}

enum jpeg_outcome jpeg_show(const struct jpeg_picture *picture, const struct jpeg_rows *rows, uint8_t *pixels) {
  struct shown self = {.picture = picture, .rows = rows, .is_in_range = 1};
  if (!is_supported(picture)) return JPEG_UNSUPPORTED;
  order_steps(&self);
  size_t bytes = 0, starts[JPEG_BANDS];
  for (int i = 0; i < picture->components; ++i) {
    self.stride[i] = picture->component[i].width * JPEG_SIDE;
    starts[i] = bytes;
    bytes += self.stride[i] * JPEG_SIDE * (i ? picture->component[i].height : 1);
  }
  const size_t width = (picture->width + 1) / 2 * 2, sums = (width / 2 + 2) * sizeof *self.sums;
  self.sums = malloc(sums + bytes + (2 + JPEG_BANDS) * width);
  if (self.sums == NULL) return JPEG_NO_MEMORY;
  uint8_t *at = (uint8_t *)self.sums + sums;
  for (int i = 0; i < picture->components; ++i) self.plane[i] = at + starts[i];
  for (int i = 0; i < 2; ++i) self.wide[i] = at + bytes + (size_t)i * width;
  self.bands = at + bytes + 2 * width;
  if (picture->components == 1) show_gray(&self, pixels);
  else show_colour(&self, pixels);
  free(self.sums);
  return self.is_in_range ? JPEG_DONE : JPEG_DAMAGED;
}
