/* Rows of a picture as WebP's lossless format (RFC 9649, section 4) codes them: what its transforms leave of them. */
#ifndef LEANPIX_COLOUR_ROWS_H
#define LEANPIX_COLOUR_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* A picture and its transforms: either numbers in a table of colours, as many in a pixel as the table allows, or each
 * pixel less what is predicted for it. */
struct source {
  const uint8_t *pixels;   /* rows of 1 to 4 bands: gray or red, green, blue; then alpha */
  const uint8_t *modes;    /* the predictor of each tile, or NULL */
  const uint32_t *colours; /* the table, or NULL: alpha, red, green, blue from the top */
  size_t width, height;
  int32_t bands, is_green_subtracted, tile_bits, colour_count, bundle_power;
};

enum { SLOTS = 1024 };

/* Where a picture is read; four bytes a pixel: blue, green, red, alpha. */
struct rows {
  const struct source *source;
  size_t next;
  uint8_t *above, *here, *left; /* one pixel more than a row has, for what is right of the last one */
  uint32_t slots[SLOTS];
  uint8_t numbers[SLOTS], taken[SLOTS];
};

/* How many pixels are coded for a row. */
static inline size_t coded_width(const struct source *source) {
  size_t whole = (size_t)1 << source->bundle_power;
  return source->colours == NULL ? source->width : (source->width + whole - 1) >> source->bundle_power;
}

int leanpix_open_rows(struct rows *rows, const struct source *source); /* -1 without memory */
void leanpix_next_row(struct rows *rows, uint32_t *out);
void leanpix_close_rows(struct rows *rows);

#endif
