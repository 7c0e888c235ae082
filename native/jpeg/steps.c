/* How coarse each frequency is at a distance (docs/decisions/0251 has what was measured). */
#include <math.h>

#include "encode.h"

/* Where much is lost, the highest waves are lost first (docs/decisions/0313): how luma's shape changes between two
 * distances. */
static const float COARSE_FROM = 1.5f, COARSE_AT = 4.6f, COARSE_RISE = 0.25f, COARSE_MEAN = 0.9f;

enum { FIRST_WAVES = 3, SECOND_WAVES = 6, COARSEST = 255 }; /* places of the zigzag before which these end */
static const float FURTHEST = 9.899495f;                    /* of a frequency from the mean, in waves: 7 both ways */

/* Steps are a common one times these: of the mean, of the first and the second waves, and rising with the frequency. */
static const struct shape {
  float mean, first, second, rise, curve;
} SHAPES[] = {{0.67f, 0.75f, 0.85f, 1.8f, -0.4f}, {0.78f, 0.8f, 1, 1, 0}}; /* luma, chroma */

/* The common step at distances: with it a photograph's score is that of jpegli's encode at the same distance. */
static const struct {
  float distance, step;
} STEPS[] = {
    {0.1f, 0.88f}, {0.2f, 1.168f}, {0.35f, 1.722f}, {0.55f, 2.418f}, {0.8f, 3.348f}, {1.2f, 4.813f}, {1.9f, 7.128f},
    {2.8f, 9.719f}, {4, 12.95f}, {5.2f, 15.86f}, {6.4f, 18.83f}, {10, 27.7f}, {18, 49.42f}, {25, 69.66f},
};
enum { POINTS = sizeof STEPS / sizeof *STEPS };

/* Along straight lines between the logarithms of both. */
static float common_step(float distance) {
  int i = 0;
  while (i < POINTS - 2 && distance > STEPS[i + 1].distance) ++i;
  const float part = logf(distance / STEPS[i].distance) / logf(STEPS[i + 1].distance / STEPS[i].distance);
  return STEPS[i].step * powf(STEPS[i + 1].step / STEPS[i].step, part);
}

/* Luma's or chroma's at a distance. */
static struct shape shape_at(float distance, int is_chroma) {
  struct shape shape = SHAPES[is_chroma];
  if (is_chroma) return shape;
  const float part = fminf(1, fmaxf(0, logf(distance / COARSE_FROM) / logf(COARSE_AT / COARSE_FROM)));
  shape.rise += COARSE_RISE * part;
  shape.mean *= 1 - (1 - COARSE_MEAN) * part;
  return shape;
}

static float relative_step(const struct shape *shape, int place) {
  if (place == 0) return shape->mean;
  const float across = JPEG_ZIGZAG[place] % JPEG_SIDE, down = (float)(JPEG_ZIGZAG[place] / JPEG_SIDE);
  const float far = sqrtf(across * across + down * down) / FURTHEST;
  const float risen = expf(shape->rise * far + shape->curve * far * far);
  return risen * (place < FIRST_WAVES ? shape->first : place < SECOND_WAVES ? shape->second : 1);
}

void jpeg_ideal_steps(float steps[JPEG_VALUES], float distance, int is_chroma, float low_step) {
  const float common = common_step(distance);
  const struct shape shape = shape_at(distance, is_chroma);
  /* The finest steps are all 1: from a distance of 0.25 down to 0.1 they lose their shape. */
  const float shaped = fminf(1, fmaxf(0, logf(distance / 0.1f) / logf(2.5f)));
  for (int i = 0; i < JPEG_VALUES; ++i) {
    float step = common * powf(relative_step(&shape, i), shaped);
    if (low_step > 0 && i < SECOND_WAVES) {
      step = fminf(step, low_step * (i == 0 ? 1 : i < FIRST_WAVES ? 1.5f : 2));
    }
    steps[i] = fminf(COARSEST, fmaxf(1, step));
  }
}
