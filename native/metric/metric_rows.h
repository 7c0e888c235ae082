/* The loops over one row of pixels that the metric spends its time in (metric_rows.c). */
#ifndef LEANPIX_METRIC_ROWS_H
#define LEANPIX_METRIC_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum {
  BLUR_RADIUS = 5,
  BLUR_ROWS = 2 * BLUR_RADIUS + 1,
  ROW_MARGIN = 16, /* zeros on both sides of a row: at least the radius, and a multiple of a vector */
};

/* The sums over a map's pixels. The order is leanpix/engine/judging/ssimulacra2_weights.py's. */
enum metric_sum { SSIM_1, SSIM_4, ARTIFACT_1, ARTIFACT_4, DETAIL_1, DETAIL_4, METRIC_SUMS };

/* The generations of processors that the loops are compiled for. Where a generation is not there, the next older one
 * serves; other architectures have the plain one only, which suits NEON as it is. */
enum metric_cpu { METRIC_PLAIN, METRIC_AVX2, METRIC_AVX512 };

struct metric_rows {
  /* sRGB bytes to linear light by a table of 256, one row a band. bands is 3, or 1 for gray. */
  void (*linear_row)(const uint8_t *pixels, size_t width, int bands, const float *table, float *const linear[3]);

  /* Linear light to positive XYB. x and b may be null where they are not needed. */
  void (*opsin_row)(float *const linear[3], size_t width, float *x, float *y, float *b);

  /* (a - b) squared, and a squared plus b squared. */
  void (*products_row)(const float *a, const float *b, size_t width, float *difference, float *squares);

  /* The Gaussian of sigma 1.5 over 11 pixels. in has zeros in its margins. */
  void (*blur_across)(const float *in, size_t width, float *out);

  /* The same over 11 rows. */
  void (*blur_down)(const float *const rows[BLUR_ROWS], size_t first, size_t count, float *out);

  /* Adds the SSIM map's sums: from the means of both, the mean squared difference, the mean sum of squares. */
  void (*add_ssim)(const float *mean_a, const float *mean_b, const float *difference, const float *squares,
                       size_t count, double *sums);

  /* Adds the sums of the artifact and lost detail maps: from both pictures and their means. */
  void (*add_edges)(const float *a, const float *mean_a, const float *b, const float *mean_b, size_t count,
                        double *sums);

  /* Means of two by two pixels; lower is upper under an odd height, and an odd last column counts once. */
  void (*halve_row)(const float *upper, const float *lower, size_t width, float *out);
};

/* The newest generation, of enum metric_cpu, that processor and operating system have. */
int metric_newest_cpu(void);

/* The loops for this machine, none newer than asked for; 0 and above. */
const struct metric_rows *metric_rows_for(int newest);

#endif
