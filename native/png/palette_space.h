/* The space in which palettes are chosen and pixels mapped to them: distances in it are about what is seen.
 *
 * Samples are raised to a power and weighted by channel, colours weighted by their alpha.
 */
#ifndef LEANPIX_PALETTE_SPACE_H
#define LEANPIX_PALETTE_SPACE_H

#include <math.h>
#include <stdint.h>

enum { CHANNELS = 4, MAX_COLOURS = 256, LEVELS = 256, ALPHA = 3, OPAQUE = 255 };

typedef float point __attribute__((vector_size(CHANNELS * sizeof(float))));
typedef float space_table[LEVELS][CHANNELS];

static const point WEIGHTS = {0.5f, 1.0f, 0.45f, 1.3f};
static const double POWER = 1.21;

static inline float squared(point difference) {
  point squares = difference * difference;
  return squares[0] + squares[1] + squares[2] + squares[3];
}

static inline void make_table(space_table table) {
  for (int value = 0; value < LEVELS; ++value) {
    double share = value / 255.0;
    for (int channel = 0; channel < CHANNELS; ++channel) {
      table[value][channel] = (float)(WEIGHTS[channel] * (channel == ALPHA ? share : pow(share, POWER)));
    }
  }
}

static inline point place(space_table table, int red, int green, int blue, int alpha) {
  point colour = {table[red][0], table[green][1], table[blue][2], 0};
  if (alpha != OPAQUE) colour *= (float)alpha / OPAQUE;
  colour[ALPHA] = table[alpha][ALPHA];
  return colour;
}

#endif
