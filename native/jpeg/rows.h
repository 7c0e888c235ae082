/* The loops over a row of samples, or a block, that the encoder spends its time in (rows.c). */
#ifndef LEANPIX_JPEG_ROWS_H
#define LEANPIX_JPEG_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "coefficients.h"

enum { JPEG_BANDS = 3, JPEG_CELL = 4 }; /* red, green, blue; pixels of the side of masking's cells */

struct jpeg_rows {
  /* RGB to a row for each band. */
  void (*split)(const uint8_t *pixels, size_t count, uint8_t *const bands[JPEG_BANDS]);

  /* JFIF's luma and chroma (ITU T.871), less 128. */
  void (*luma)(const uint8_t *const bands[JPEG_BANDS], size_t count, float *luma);
  void (*chroma)(const uint8_t *const bands[JPEG_BANDS], size_t count, float *blue, float *red);

  /* Chroma of the mean of two by two pixels, of two rows. */
  void (*halve)(const uint8_t *const upper[JPEG_BANDS], const uint8_t *const lower[JPEG_BANDS], size_t count, float *blue,
                float *red);

  /* Halved samples, and part of what a decoder's drawing of them loses; rows have a sample more on both sides. */
  void (*sharpen)(const float *above, const float *here, const float *below, size_t count, float part, float *down,
                  float *out);

  /* The cosine transform (ITU T.81, A.3.3) of a block in steps, in zigzag order. by: one over each step, turned. */
  void (*transform)(const float *samples, size_t stride, const float by[JPEG_VALUES], float scaled[JPEG_VALUES]);

  /* The places whose value is at least so large. */
  uint64_t (*large)(const float scaled[JPEG_VALUES], float least);

  /* The sum of squares of a block's waves, its mean left out. squares: of the steps. */
  float (*energy)(const float scaled[JPEG_VALUES], const float squares[JPEG_VALUES]);

  /* A block's samples from its values, in the whole numbers of libjpeg's exact decoder (T.81, A.3.3). values, steps: row
   * after row. is_flat: there is nothing but the mean. 0: values are so large that decoders differ. */
  int (*inverse)(const int16_t values[JPEG_VALUES], int is_flat, const uint16_t steps[JPEG_VALUES], uint8_t *samples,
                 size_t stride);

  /* A row of halved chroma at its full width: of the row that it lies in, 3 parts, and of the next one beside it, 1. sums:
   * room for count + 2. */
  void (*widen)(const uint8_t *near, const uint8_t *far, size_t count, uint16_t *sums, uint8_t *out);

  /* RGB of a row of luma and chroma. room: for 3 * count bytes. */
  void (*paint)(const uint8_t *luma, const uint8_t *blue, const uint8_t *red, size_t count, uint8_t *room, uint8_t *pixels);

  /* The same sum of what is left out of them, where no wave's square is more than most, in steps. */
  float (*loss)(const float scaled[JPEG_VALUES], const float squares[JPEG_VALUES], float most);

  /* Lightness, 16 a level. */
  void (*levels)(const uint8_t *const bands[JPEG_BANDS], size_t count, int16_t *levels);

  /* Adds how far each pixel lies from the mean of the four beside it; rows have a pixel more on both sides. */
  void (*add_far)(const int16_t *above, const int16_t *here, const int16_t *below, size_t count, uint16_t *far);

  /* Columns of pixels to cells, in levels of a mean pixel's distance. */
  void (*fold)(const uint16_t *far, size_t cells, float *out);

  /* How busy blocks are, by four rows of cells: a block's own and one around. room: for 6 (count + 1) numbers. */
  void (*busy)(const float *const cells[JPEG_CELL], size_t count, float own_part, float *room, float *out);
};

/* The loops for this machine, of a generation of processors (enum metric_cpu) no newer than asked for. All give the same
 * numbers. */
const struct jpeg_rows *jpeg_rows_for(int newest);

#endif
