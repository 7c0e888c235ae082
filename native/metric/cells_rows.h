/* The loops over one row of pixels that the cells of the local criterion take (cells.c). */
#ifndef LEANPIX_CELLS_ROWS_H
#define LEANPIX_CELLS_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum { CELL = 4, COLOUR = 3, CONTRAST = 40 }; /* CONTRAST: numpy_cells.py's too */

/* Columns: sums of the rows of a cell, a place for each sample or pixel. */
struct cells_rows {
  /* Of a row and the one above it: the samples, and their differences to the pixel before and to the one above. */
  void (*add_samples)(const uint8_t *row, const uint8_t *upper, size_t bytes, size_t bands, uint16_t *samples,
                      uint16_t *steps);

  /* Red against green, and blue against both: 8-bit levels of what an eye sees apart from lightness. */
  void (*split_colour)(const uint8_t *row, size_t width, int16_t *u, int16_t *v);

  /* How far each pixel's colour lies from the one before and the one above, as far as that is more than CONTRAST. The
   * colours have a place before their first pixel, which is a copy of it. */
  void (*add_contrast)(const int16_t *u, const int16_t *v, const int16_t *upper_u, const int16_t *upper_v,
                       size_t width, uint16_t *contrast);

  /* JFIF's chroma of pixels of 3 or 4 bands, times 256: it just fits 16 bits. */
  void (*split_jfif)(const uint8_t *row, size_t width, size_t bands, int16_t *blue, int16_t *red);

  /* Of two rows' chroma the larger range within each 2 x 2. */
  void (*fold_spreads)(const int16_t *upper_blue, const int16_t *upper_red, const int16_t *lower_blue,
                       const int16_t *lower_red, size_t blocks, uint16_t *out);

  /* The differences result - source, and their sizes. */
  void (*add_differences)(const uint8_t *source, const uint8_t *result, size_t bytes, uint16_t *differences,
                          uint16_t *distances);

  /* The sums of columns to those of cells: of each band by itself, or of all bands together. */
  void (*fold_apart)(const uint16_t *columns, size_t cells, size_t bands, uint16_t *out);
  void (*fold_together)(const uint16_t *columns, size_t cells, size_t bands, uint16_t *out);

  /* Sums that slide down a row: what enters comes in, then what leaves goes. */
  void (*slide)(const float *enters, const float *leaves, size_t count, double *sums, float *out);
};

/* The loops for this machine, of a generation of processors (enum metric_cpu) no newer than asked for. */
const struct cells_rows *cells_rows_for(int newest);

#endif
