/* How coarse each frequency is at a distance (docs/decisions/0251, 0314, 0315 and 0364 have what was measured). */
#include <math.h>

#include "encode.h"

enum { FIRST_WAVES = 3, SECOND_WAVES = 6, COARSEST = 255 }; /* places of the zigzag before which these end */
static const float FURTHEST = 9.899495f;                    /* of a frequency from the mean, in waves: 7 both ways */

/* Steps are a common one times these: of the mean, of the first and the second waves, and rising with the frequency. */
static const struct shape {
  float all, mean, first, second, rise, curve, seen;
} SHAPES[] = {{1, 0.6f, 0.54f, 0.7f, 1.95f, -0.4f, 0.32f}, {1.09f, 0.55f, 0.8f, 1, 1.8f, 0, 0}}; /* luma, chroma */

/* How shapes change between two distances: where much is lost, luma's highest waves are lost first (docs/decisions/0313),
 * and chroma's are not: small coloured things would bleed. */
static const float COARSE_FROM = 1.5f, COARSE_AT = 4.6f;
static const struct {
  float mean, rise, seen; /* a factor, additions */
} COARSE[] = {{0.85f, 0.25f, 0.08f}, {1, -0.5f, 0}}; /* luma, chroma */

/* Whole chroma has four times the samples of halved chroma: all steps times these, so that luma gets its part of the bytes
 * and the score at a distance stays what it is (docs/decisions/0364). From a distance of 1 down to 0.2 that fades. */
static const float WHOLE_CHROMA[] = {0.92f, 2.1f}; /* luma, chroma */

/* 0 at a distance of none and finer ones, 1 at one of all and coarser ones. */
static float part_between(float none, float all, float distance) {
  return fminf(1, fmaxf(0, logf(distance / none) / logf(all / none)));
}

/* What eyes see of each wave of luma: the table of T.81's K.1, row after row; a part of the shape, by the logarithm. */
static const float SEEN_COMMON = 14;
static const uint8_t SEEN[JPEG_VALUES] = {
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
};

/* The common step at distances: with it a photograph's score is that of jpegli's encode at the same distance. */
static const struct {
  float distance, step;
} STEPS[] = {
    {0.1f, 0.88f}, {0.2f, 1.27f}, {0.35f, 1.55f}, {0.55f, 2.26f}, {0.8f, 3.22f}, {1.2f, 4.76f}, {1.9f, 7.46f},
    {2.8f, 10.6f}, {4, 15.1f}, {5.2f, 18.25f}, {6.4f, 21.5f}, {10, 33.9f}, {18, 60.2f}, {25, 84.8f},
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
  const float part = part_between(COARSE_FROM, COARSE_AT, distance);
  shape.rise += COARSE[is_chroma].rise * part;
  shape.seen += COARSE[is_chroma].seen * part;
  shape.mean *= 1 - (1 - COARSE[is_chroma].mean) * part;
  return shape;
}

static float shaped_step(const struct shape *shape, int place) {
  if (place == 0) return shape->mean;
  const float across = JPEG_ZIGZAG[place] % JPEG_SIDE, down = (float)(JPEG_ZIGZAG[place] / JPEG_SIDE);
  const float far = sqrtf(across * across + down * down) / FURTHEST;
  const float risen = expf(shape->rise * far + shape->curve * far * far);
  return risen * (place < FIRST_WAVES ? shape->first : place < SECOND_WAVES ? shape->second : 1);
}

static float relative_step(const struct shape *shape, int place) {
  const float step = shaped_step(shape, place);
  return powf(step, 1 - shape->seen) * powf((float)SEEN[JPEG_ZIGZAG[place]] / SEEN_COMMON, shape->seen);
}

void jpeg_ideal_steps(float steps[JPEG_VALUES], const struct leanpix_jpeg_job *job, int is_chroma) {
  const float distance = job->distance, low_step = job->low_step;
  const struct shape shape = shape_at(distance, is_chroma);
  /* The finest steps are all 1: from a distance of 0.35 down to 0.1 they lose their shape. */
  const float shaped = part_between(0.1f, 0.35f, distance);
  const int is_whole = job->bands == JPEG_BANDS && !job->is_halved;
  const float whole = is_whole ? powf(WHOLE_CHROMA[is_chroma], part_between(0.2f, 1, distance)) : 1;
  const float common = common_step(distance) * whole;
  for (int i = 0; i < JPEG_VALUES; ++i) {
    float step = common * powf(shape.all * relative_step(&shape, i), shaped);
    if (low_step > 0 && i < SECOND_WAVES) {
      step = fminf(step, low_step * (i == 0 ? 1 : i < FIRST_WAVES ? 1.5f : 2));
    }
    steps[i] = fminf(COARSEST, fmaxf(1, step));
  }
}

/* Steps of 4 and 8 are halves and whole levels of a sample: what lies beside them is rounded once more by every decoder, and
 * shows as bands where a sky changes slowly. */
static const struct {
  float from, below, step;
} WHOLE[] = {{3.5f, 5.66f, 4}, {5.66f, 11.3f, 8}};
enum { WHOLES = sizeof WHOLE / sizeof *WHOLE };

float jpeg_mean_step(float ideal) {
  for (int i = 0; i < WHOLES; ++i) {
    if (ideal >= WHOLE[i].from && ideal < WHOLE[i].below) return WHOLE[i].step;
  }
  return floorf(ideal + 0.5f);
}

/* N. Robidoux's table, row after row: where a pixel is much of what is shown, coarse in the highest waves alone. */
static const uint16_t THUMBNAIL[JPEG_VALUES] = {
    16, 16, 16, 18, 25, 37, 56, 85,
    16, 17, 20, 27, 34, 40, 53, 75,
    16, 20, 24, 31, 43, 62, 91, 135,
    18, 27, 31, 40, 53, 74, 106, 156,
    25, 34, 43, 53, 69, 94, 131, 189,
    37, 40, 62, 74, 94, 124, 169, 238,
    56, 53, 91, 106, 131, 169, 226, 311,
    85, 75, 135, 156, 189, 238, 311, 418,
};

void jpeg_thumbnail_steps(float steps[JPEG_VALUES], int quality) {
  const int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  for (int i = 0; i < JPEG_VALUES; ++i) {
    const int step = (THUMBNAIL[JPEG_ZIGZAG[i]] * percent + 50) / 100;
    steps[i] = (float)(step < 1 ? 1 : step > COARSEST ? COARSEST : step);
  }
}
