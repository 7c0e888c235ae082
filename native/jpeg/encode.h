/* A JPEG from pixels: what its parts hand to each other. Pictures come in rows of RGB or gray, 8 bits a sample. */
#ifndef LEANPIX_JPEG_ENCODE_H
#define LEANPIX_JPEG_ENCODE_H

#include "coefficients.h"
#include "rows.h"

/* What an encode is asked to do; leanpix/engine/codecs/jpeg/own_encoder.py declares the same struct. */
struct leanpix_jpeg_job {
  const uint8_t *pixels; /* rows of width * bands bytes, without gaps */
  uint32_t width, height;
  int32_t bands;     /* 1 gray, 3 RGB */
  int32_t is_halved; /* chroma has half the width and height */
  float distance;    /* how coarse: 0.01 to 100, about Butteraugli's at the most differing place */
  int32_t is_even;   /* busy blocks as fine as others: lines of a pixel are busy */
  float low_step;    /* how coarse the lowest frequencies may be: of a block's mean; 0: as the distance has it */
  int32_t newest_cpu; /* generation of processors to make use of (enum metric_cpu): files are the same by all */
  int32_t quality; /* 1 to 100: libjpeg's, in steps for thumbnails, and distance and what follows it count for nothing;
                    * 0: by distance */
  double until_cpu_s; /* of the process' processor time; 0: as long as it takes */
  uint8_t *shown; /* gets the pixels as a decoder of the file shows them, as many as there are; null: nobody asks */
};

/* The steps of a component's table at a job's distance, before they are rounded, in zigzag order. */
void jpeg_ideal_steps(float steps[JPEG_VALUES], const struct leanpix_jpeg_job *job, int is_chroma);

/* The whole step of a mean that an ideal one becomes. */
float jpeg_mean_step(float ideal);

/* Steps of a quality for thumbnails, of luma and chroma alike, in zigzag order. */
void jpeg_thumbnail_steps(float steps[JPEG_VALUES], int quality);

/* How much worse than its smooth places each block of luma may be, 0 to 1, row after row. */
enum jpeg_outcome jpeg_masking(float *masking, const struct leanpix_jpeg_job *job, size_t across, size_t down);

/* The samples of a unit's row of blocks, edges repeated to whole units. */
struct jpeg_planes {
  const struct jpeg_rows *rows;
  size_t width[3]; /* in samples: whole blocks */
  float *plane[3]; /* luma, and chroma at its own size; less 128 */
  float *half[2];  /* chroma halved, a sample more on each side; null where it is not */
  float *spare;
  uint8_t *bands[2][JPEG_BANDS]; /* of two rows of pixels */
  long next_row;                 /* of pixels: what is kept belongs above it */
};
enum jpeg_outcome jpeg_planes_make(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job);
void jpeg_planes_fill(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row);
void jpeg_planes_free(struct jpeg_planes *planes);

/* A block of luma whose white rises where it ends within the block; 0: there is nothing to be changed. mean_step: of the
 * block's mean. */
int jpeg_overshoot(float to[JPEG_VALUES], const float *samples, size_t stride, float mean_step);

/* What the symbols of AC values take, in bits. */
enum { JPEG_AC_SIZES = 12 };
struct jpeg_rates {
  float bits[JPEG_AC_SIZES][JPEG_VALUES]; /* by the value's size and the zeros before it, with the value's own bits */
  float end;
};
struct jpeg_counts {
  double symbols[256];
};
void jpeg_count_symbols(struct jpeg_counts *counts, const int16_t *values, uint64_t filled);
void jpeg_rates_from(struct jpeg_rates *rates, const struct jpeg_counts *counts);

/* A table as the choice of values needs it. */
struct jpeg_quantiser {
  float by[JPEG_VALUES];     /* one over the step, as jpeg_rows' transform has it */
  float weight[JPEG_VALUES]; /* of an error in steps, squared */
};

/* Values of a block without regard to what they take. Both return which are not zero. */
uint64_t jpeg_round(int16_t *values, const float *scaled);

/* Values that have the least of error + slope * bits; errors in steps, squared. may: the places of half a step or more. */
uint64_t jpeg_choose(int16_t *values, const float *scaled, uint64_t may, const struct jpeg_quantiser *quantiser,
                     const struct jpeg_rates *rates, float slope);

/* A block's mean, whose value is chosen together with those told before and after it. */
enum { JPEG_LEVELS = 3, JPEG_MEAN_SIZES = 12 };
struct jpeg_mean {
  float scaled, slope;
  int16_t *values; /* of the block */
  uint64_t *filled;
  int16_t lowest;            /* of the levels it is chosen from */
  uint8_t from[JPEG_LEVELS]; /* of each, the level before */
};

/* What a component's blocks have told so far. */
struct jpeg_mean_chain {
  int before;
  uint32_t counts[JPEG_MEAN_SIZES]; /* of the sizes of steps */
};

/* Means in the order in which they are told. weight: of an error in steps, squared. */
void jpeg_choose_means(struct jpeg_mean *means, size_t count, float weight, struct jpeg_mean_chain *chain);

#endif
