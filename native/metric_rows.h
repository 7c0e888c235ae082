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

/* The sums over a map's pixels. The order is leanpix/engine/metric_weights.py's. */
enum metric_sum { SSIM_1, SSIM_4, ARTIFACT_1, ARTIFACT_4, DETAIL_1, DETAIL_4, METRIC_SUMS };

/* sRGB bytes to linear light by a table of 256, one row a band. bands is 3, or 1 for gray. */
void metric_linear_row(const uint8_t *pixels, size_t width, int bands, const float *table, float *const linear[3]);

/* Linear light to positive XYB. x and b may be null where they are not needed. */
void metric_opsin_row(float *const linear[3], size_t width, float *x, float *y, float *b);

/* (a - b) squared, and a squared plus b squared. */
void metric_products_row(const float *a, const float *b, size_t width, float *difference, float *squares);

/* The Gaussian of sigma 1.5 over 11 pixels. in has zeros in its margins. */
void metric_blur_across(const float *in, size_t width, float *out);

/* The same over 11 rows. */
void metric_blur_down(const float *const rows[BLUR_ROWS], size_t first, size_t count, float *out);

/* Adds the SSIM map's sums: from the means of both, the mean squared difference, the mean sum of squares. */
void metric_add_ssim(const float *mean_a, const float *mean_b, const float *difference, const float *squares,
                     size_t count, double *sums);

/* Adds the sums of the artifact and lost detail maps: from both pictures and their means. */
void metric_add_edges(const float *a, const float *mean_a, const float *b, const float *mean_b, size_t count,
                      double *sums);

/* Means of two by two pixels; lower is upper under an odd height, and an odd last column counts once. */
void metric_halve_row(const float *upper, const float *lower, size_t width, float *out);

#endif
