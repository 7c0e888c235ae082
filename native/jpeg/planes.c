/* Luma and chroma of a row of units (JFIF's YCbCr), chroma halved so that what a decoder makes of it is the nearest. */
#include "encode.h"

#include <stdlib.h>
#include <string.h>

/* How much of what is missing halved chroma gets back: all of it looks sharper, and takes more bytes. */
static const float SHARPNESS = 0.6f;

enum { ABOVE = 2, UNIT = 16, WIDE_ROWS = UNIT + 2 * ABOVE, HALF_ROWS = WIDE_ROWS / 2, SPARE_ROWS = 3 };

static size_t rounded_up(size_t number, size_t to) { return (number + to - 1) / to * to; }

enum jpeg_outcome jpeg_planes_make(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job) {
  memset(planes, 0, sizeof *planes);
  const size_t side = job->is_halved ? UNIT : JPEG_SIDE, width = rounded_up(job->width, side);
  planes->width[0] = width;
  planes->width[1] = planes->width[2] = job->is_halved ? width / 2 : width;
  size_t floats = width * side;
  if (job->bands == 3) floats += job->is_halved ? width * (SPARE_ROWS + 2 * WIDE_ROWS + HALF_ROWS) : 2 * width * side;
  float *at = malloc(floats * sizeof *at);
  if (at == NULL) return JPEG_NO_MEMORY;
  planes->plane[0] = at;
  at += width * side;
  if (job->bands != 3) return JPEG_DONE;
  if (!job->is_halved) {
    planes->plane[1] = at;
    planes->plane[2] = at + width * side;
    return JPEG_DONE;
  }
  for (int i = 0; i < 2; ++i) {
    planes->wide[i] = at;
    at += width * WIDE_ROWS;
    planes->plane[1 + i] = at;
    at += width / 2 * HALF_ROWS;
  }
  planes->spare = at;
  return JPEG_DONE;
}

void jpeg_planes_free(struct jpeg_planes *planes) { free(planes->plane[0]); }

static void repeat_last(float *row, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) row[i] = row[from - 1];
}

static void row_of_luma(float *luma, const uint8_t *pixels, const struct leanpix_jpeg_job *job, size_t width) {
  for (size_t i = 0; i < job->width; ++i) {
    luma[i] = job->bands == 3
                  ? 0.299f * pixels[3 * i] + 0.587f * pixels[3 * i + 1] + 0.114f * pixels[3 * i + 2] - 128.0f
                  : pixels[i] - 128.0f;
  }
  repeat_last(luma, job->width, width);
}

static void row_of_chroma(float *blue, float *red, const uint8_t *pixels, size_t count, size_t width) {
  for (size_t i = 0; i < count; ++i) {
    const float r = pixels[3 * i], g = pixels[3 * i + 1], b = pixels[3 * i + 2];
    blue[i] = -0.168735892f * r - 0.331264108f * g + 0.5f * b;
    red[i] = 0.5f * r - 0.418687589f * g - 0.081312411f * b;
  }
  repeat_last(blue, count, width);
  repeat_last(red, count, width);
}

static const uint8_t *row_at(const struct leanpix_jpeg_job *job, long row) {
  const long last = (long)job->height - 1;
  return job->pixels + (size_t)(row < 0 ? 0 : row > last ? last : row) * job->width * (size_t)job->bands;
}

/* Four pixels' mean. */
static void halve(float *half, const float *wide, size_t width, size_t rows) {
  for (size_t row = 0; row < rows; ++row, wide += 2 * width, half += width / 2) {
    for (size_t i = 0; i < width / 2; ++i) {
      half[i] = 0.25f * (wide[2 * i] + wide[2 * i + 1] + wide[width + 2 * i] + wide[width + 2 * i + 1]);
    }
  }
}

/* What is missing of the pixels where a decoder draws lines between the centres, of which each counts three times as
 * much as its neighbour; added to the halved ones, whose first and last row stay. */
static void sharpen(float *half, const float *wide, size_t width, float *spare) {
  const size_t count = width / 2;
  float *missing = spare, *before = spare + 2 * width; /* of two rows of pixels; the row before, as it was */
  memcpy(before, half, count * sizeof *before);
  for (size_t row = 1; row + 1 < HALF_ROWS; ++row) {
    float *now = half + row * count;
    const float *after = now + count;
    for (size_t part = 0; part < 2; ++part) {
      const float *beside = part ? after : before, *want = wide + (2 * row + part) * width;
      float *line = missing + part * width;
      for (size_t i = 0; i < count; ++i) {
        const size_t left = i ? i - 1 : 0, right = i + 1 < count ? i + 1 : i;
        const float middle = 3 * now[i] + beside[i];
        line[2 * i] = want[2 * i] - (3 * middle + 3 * now[left] + beside[left]) * 0.0625f;
        line[2 * i + 1] = want[2 * i + 1] - (3 * middle + 3 * now[right] + beside[right]) * 0.0625f;
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const float *first = missing + 2 * i, *second = first + width;
      before[i] = now[i];
      now[i] += SHARPNESS * 0.25f * (first[0] + first[1] + second[0] + second[1]);
    }
  }
}

void jpeg_planes_fill(struct jpeg_planes *planes, const struct leanpix_jpeg_job *job, size_t first_row) {
  const size_t width = planes->width[0], rows = job->is_halved ? UNIT : JPEG_SIDE;
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t *pixels = row_at(job, (long)(first_row + row));
    row_of_luma(planes->plane[0] + row * width, pixels, job, width);
    if (job->bands == 3 && !job->is_halved) {
      row_of_chroma(planes->plane[1] + row * width, planes->plane[2] + row * width, pixels, job->width, width);
    }
  }
  if (job->bands != 3 || !job->is_halved) return;
  for (size_t row = 0; row < WIDE_ROWS; ++row) {
    const uint8_t *pixels = row_at(job, (long)(first_row + row) - ABOVE);
    row_of_chroma(planes->wide[0] + row * width, planes->wide[1] + row * width, pixels, job->width, width);
  }
  for (int i = 0; i < 2; ++i) {
    halve(planes->plane[1 + i], planes->wide[i], width, HALF_ROWS);
    sharpen(planes->plane[1 + i], planes->wide[i], width, planes->spare);
  }
}

const float *jpeg_planes_of(const struct jpeg_planes *planes, int component) {
  return planes->plane[component] + (component && planes->wide[0] ? planes->width[1] * ABOVE / 2 : 0);
}
