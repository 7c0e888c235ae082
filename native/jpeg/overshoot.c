/* White that ends in a block: all that is above white is shown as white, so that it may rise towards its middle, and the
 * waves of its edges ring less (K. Lesinski's deringing, as mozjpeg has it). */
#include <math.h>
#include <string.h>

#include "encode.h"

static const float WHITE = 127, NEARLY_WHITE = 126.5f, MOST_OVERSHOOT = 31;

static inline int is_white(float sample) { return sample >= NEARLY_WHITE; }

/* How steeply samples rise to a run of white from what lies before it, the nearest first. */
static float rise(float near, float far) { return fmaxf(near - far, WHITE - near); }

/* A run's samples along a curve that leaves both ends at their slopes. */
static void bend(float *samples, int first, int end, float most) {
  const int last = JPEG_VALUES - 1, length = end - first;
  const float *at = samples;
  float before = rise(at[JPEG_ZIGZAG[first > 0 ? first - 1 : 0]], at[JPEG_ZIGZAG[first > 1 ? first - 2 : 0]]);
  float after = rise(at[JPEG_ZIGZAG[end < last ? end : last]], at[JPEG_ZIGZAG[end < last ? end + 1 : last]]);
  if (first == 0) before = after;
  if (end == JPEG_VALUES) after = before;
  for (int i = first; i < end; ++i) {
    const float part = (float)(i - first + 1) / (float)(length + 1), left = 1 - part;
    const float above = (float)length * part * left * (before * left + after * part);
    samples[JPEG_ZIGZAG[i]] = fminf(most, ceilf(WHITE + above));
  }
}

int jpeg_overshoot(float to[JPEG_VALUES], const float *samples, size_t stride, float mean_step) {
  int whites = 0;
  float sum = 0;
  for (int row = 0; row < JPEG_SIDE; ++row) {
    for (int i = 0; i < JPEG_SIDE; ++i) whites += is_white(samples[(size_t)row * stride + (size_t)i]);
  }
  if (whites == 0 || whites == JPEG_VALUES) return 0;
  for (int row = 0; row < JPEG_SIDE; ++row) {
    memcpy(to + row * JPEG_SIDE, samples + (size_t)row * stride, JPEG_SIDE * sizeof *to);
  }
  for (int i = 0; i < JPEG_VALUES; ++i) sum += to[i];
  /* No further than to where the block's mean would be white. */
  const float room = (WHITE * JPEG_VALUES - sum) / (float)whites;
  const float most = WHITE + fminf(fminf(MOST_OVERSHOOT, 2 * mean_step), room);
  for (int first = 0; first < JPEG_VALUES;) {
    int end = first;
    while (end < JPEG_VALUES && is_white(to[JPEG_ZIGZAG[end]])) ++end;
    if (end > first) bend(to, first, end, most);
    first = end + 1;
  }
  return 1;
}
