/* Luma and chroma of a row of units (JFIF's YCbCr), chroma halved so that what a decoder makes of it is the nearest. */
#include "encode.h"

#include <stdlib.h>
#include <string.h>

/* How much of what is missing halved chroma gets back: all of it looks sharper, and takes more bytes. */
static const float SHARPNESS = 0.9f, THUMBNAIL_SHARPNESS = 0.3f;

/* A unit's rows of pixels, and those of the halved row above and below it. */
enum { UNIT = 16, MORE = 2, LUMA_ROWS = UNIT + MORE, HALF_ROWS = JPEG_SIDE + 2, NOWHERE = -1 };

static size_t rounded_up(size_t number, size_t to) { return (number + to - 1) / to * to; }

static int is_halved(const struct leanpix_jpeg_job *job) { return job->bands == JPEG_BANDS && job->is_halved; }

static size_t half_stride(const struct jpeg_planes *planes) { return planes->width[1] + 2; }

/* Floats come first, whose alignment bytes do not need. */
enum jpeg_outcome jpeg_planes_make(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job) {
  memset(planes, 0, sizeof *planes);
  const int halved = is_halved(job), is_colour = job->bands == JPEG_BANDS;
  const size_t width = rounded_up(job->width, halved ? UNIT : JPEG_SIDE);
  planes->rows = jpeg_rows_for(job->newest_cpu);
  planes->next_row = NOWHERE;
  planes->width[0] = width;
  planes->width[1] = planes->width[2] = halved ? width / 2 : width;
  const size_t luma = width * (halved ? LUMA_ROWS : JPEG_SIDE), chroma = planes->width[1] * JPEG_SIDE;
  const size_t half = halved ? half_stride(planes) * HALF_ROWS : 0, spare = halved ? half_stride(planes) : 0;
  const size_t floats = luma + (is_colour ? 2 * (chroma + half) + spare : 0);
  float *at = malloc(floats * sizeof *at + (is_colour ? 2 * JPEG_BANDS * width : 0));
  if (at == NULL) return JPEG_NO_MEMORY;
  planes->plane[0] = at;
  if (!is_colour) return JPEG_DONE;
  at += luma;
  for (int i = 0; i < 2; ++i) {
    planes->plane[1 + i] = at;
    planes->half[i] = at + chroma;
    at += chroma + half;
  }
  planes->spare = at;
  uint8_t *bytes = (uint8_t *)(at + spare);
  for (int i = 0; i < 2 * JPEG_BANDS; ++i) planes->bands[i / JPEG_BANDS][i % JPEG_BANDS] = bytes + (size_t)i * width;
  return JPEG_DONE;
}

void jpeg_planes_free(struct jpeg_planes *planes) { free(planes->plane[0]); }

static const uint8_t *row_at(const struct leanpix_jpeg_job *job, long row) {
  const long last = (long)job->height - 1;
  return job->pixels + (size_t)(row < 0 ? 0 : row > last ? last : row) * job->width * (size_t)job->bands;
}

/* The bands of a row, its last pixel repeated to whole units. */
static void split(const struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, long row,
                  uint8_t *const bands[JPEG_BANDS]) {
  planes->rows->split(row_at(job, row), job->width, bands);
  for (int i = 0; i < JPEG_BANDS; ++i) {
    memset(bands[i] + job->width, bands[i][job->width - 1], planes->width[0] - job->width);
  }
}

static const uint8_t *const *bands_of(const struct jpeg_planes *planes, int row) {
  return (const uint8_t *const *)planes->bands[row];
}

static void fill_gray(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row) {
  const size_t width = planes->width[0];
  for (size_t row = 0; row < JPEG_SIDE; ++row) {
    const uint8_t *pixels = row_at(job, (long)(first_row + row));
    float *luma = planes->plane[0] + row * width;
    for (size_t i = 0; i < job->width; ++i) luma[i] = pixels[i] - 128.0f;
    for (size_t i = job->width; i < width; ++i) luma[i] = luma[i - 1];
  }
}

static void fill_whole(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row) {
  const size_t width = planes->width[0];
  for (size_t row = 0; row < JPEG_SIDE; ++row) {
    split(planes, job, (long)(first_row + row), planes->bands[0]);
    planes->rows->luma(bands_of(planes, 0), width, planes->plane[0] + row * width);
    planes->rows->chroma(bands_of(planes, 0), width, planes->plane[1] + row * width, planes->plane[2] + row * width);
  }
}

/* What the rows before have left of luma's next two and of halved chroma's first two. */
static void keep_last(struct jpeg_planes *planes) {
  const size_t width = planes->width[0], stride = half_stride(planes);
  memcpy(planes->plane[0], planes->plane[0] + UNIT * width, MORE * width * sizeof(float));
  for (int i = 0; i < 2; ++i) {
    memcpy(planes->half[i], planes->half[i] + JPEG_SIDE * stride, 2 * stride * sizeof(float));
  }
}

/* The pixels' rows of a halved one; the first halved row is the one above the unit's. */
static void fill_pair(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row, size_t half_row) {
  const size_t width = planes->width[0], count = planes->width[1];
  const long down = 2 * ((long)half_row - 1);
  for (int i = 0; i < 2; ++i) {
    split(planes, job, (long)first_row + down + i, planes->bands[i]);
    if (down < 0) continue;
    planes->rows->luma(bands_of(planes, i), width, planes->plane[0] + (size_t)(down + i) * width);
  }
  float *half[2];
  for (int i = 0; i < 2; ++i) half[i] = planes->half[i] + half_row * half_stride(planes);
  planes->rows->halve(bands_of(planes, 0), bands_of(planes, 1), count, half[0] + 1, half[1] + 1);
  for (int i = 0; i < 2; ++i) {
    half[i][0] = half[i][1];
    half[i][count + 1] = half[i][count];
  }
}

static void fill_halved(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row) {
  const size_t stride = half_stride(planes), count = planes->width[1];
  const int goes_on = planes->next_row == (long)first_row;
  const float sharpness = job->quality ? THUMBNAIL_SHARPNESS : SHARPNESS;
  if (goes_on) keep_last(planes);
  for (size_t row = goes_on ? 2 : 0; row < HALF_ROWS; ++row) fill_pair(planes, job, first_row, row);
  for (int i = 0; i < 2; ++i) {
    for (size_t row = 0; row < JPEG_SIDE; ++row) {
      const float *above = planes->half[i] + row * stride;
      planes->rows->sharpen(above, above + stride, above + 2 * stride, count, sharpness, planes->spare,
                            planes->plane[1 + i] + row * count);
    }
  }
  planes->next_row = (long)(first_row + UNIT);
}

void jpeg_planes_fill(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row) {
  if (job->bands != JPEG_BANDS) fill_gray(planes, job, first_row);
  else if (job->is_halved) fill_halved(planes, job, first_row);
  else fill_whole(planes, job, first_row);
}
