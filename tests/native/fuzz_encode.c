/* native/jpeg/encode.c: any picture at any distance becomes a file that is read again, the same each time and by
 * the loops of each generation of processors. */
#define FUZZ_TARGET
#include "fuzz.h"

#include "../../native/jpeg/encode.h"
#include "../../native/jpeg/read.h"
#include "../../native/metric/metric_rows.h"

enum { MOST_PIXELS = 1 << 20 };

int leanpix_jpeg_encode(const struct leanpix_jpeg_job *job, uint8_t **output, size_t *output_bytes);

static struct leanpix_jpeg_job make(struct input *input) {
  struct leanpix_jpeg_job job = {.width = take_side(input, 1, 200), .height = take_side(input, 1, 200)};
  job.bands = take(input, 0, 3) ? 3 : 1;
  job.is_halved = (int32_t)take(input, 0, 1);
  job.distance = (float)take(input, 1, 10000) / 100;
  job.is_even = take(input, 0, 3) == 0;
  job.low_step = (float)(take(input, 0, 3) ? 0 : take(input, 1, 40)) / 8;
  job.quality = (int32_t)(take(input, 0, 2) ? 0 : take(input, 1, 100));
  return job;
}

static void check_readable(const struct leanpix_jpeg_job *job, const uint8_t *file, size_t size, int is_short) {
  struct jpeg_picture picture;
  struct jpeg_bytes kept = {0};
  memset(&picture, 0, sizeof picture);
  const enum jpeg_outcome outcome = jpeg_read(file, size, MOST_PIXELS, 0, &picture, &kept);
  CHECK(outcome == JPEG_DONE || (is_short && outcome == JPEG_NO_MEMORY));
  if (outcome == JPEG_DONE) {
    CHECK(picture.width == job->width && picture.height == job->height && picture.components == job->bands);
    CHECK(picture.across == (job->bands == 3 && job->is_halved ? 2 : 1));
  }
  jpeg_free_values(&picture);
  free(kept.data);
}

/* Whether there is a file. */
static int encode(const struct leanpix_jpeg_job *job, uint8_t **file, size_t *bytes, int is_short) {
  const int outcome = leanpix_jpeg_encode(job, file, bytes);
  CHECK(outcome == JPEG_DONE || (is_short && outcome == JPEG_NO_MEMORY));
  return outcome == JPEG_DONE;
}

static void check_refused(struct leanpix_jpeg_job job) {
  uint8_t *output = NULL;
  size_t bytes = 0;
  CHECK(leanpix_jpeg_encode(&job, &output, &bytes) == JPEG_UNSUPPORTED && output == NULL);
}

void fuzz_one(struct input input, int is_short) {
  struct leanpix_jpeg_job job = make(&input);
  uint8_t *pixels = take_bytes(&input, (size_t)job.width * job.height * (size_t)job.bands);
  uint8_t *first = NULL, *second = NULL;
  size_t first_bytes = 0, second_bytes = 0;
  job.pixels = pixels;
  uint8_t *shown = malloc(2 * (size_t)job.width * job.height * (size_t)job.bands), *again = shown;
  CHECK(shown != NULL);
  again += (size_t)job.width * job.height * (size_t)job.bands;
  job.newest_cpu = METRIC_AVX512;
  job.shown = shown;
  const int made = encode(&job, &first, &first_bytes, is_short);
  job.newest_cpu = METRIC_PLAIN;
  job.shown = again;
  if (made) check_readable(&job, first, first_bytes, is_short);
  if (encode(&job, &second, &second_bytes, is_short) && made) {
    CHECK(first_bytes == second_bytes && memcmp(first, second, first_bytes) == 0);
    CHECK(memcmp(shown, again, (size_t)(again - shown)) == 0);
  }
  check_refused((struct leanpix_jpeg_job){.pixels = pixels, .width = 0, .height = 1, .bands = 3, .distance = 1});
  check_refused((struct leanpix_jpeg_job){.pixels = pixels, .width = 1, .height = 1 << 16, .bands = 3, .distance = 1});
  check_refused((struct leanpix_jpeg_job){.pixels = pixels, .width = 1, .height = 1, .bands = 2, .distance = 1});
  check_refused((struct leanpix_jpeg_job){.pixels = pixels, .width = 1, .height = 1, .bands = 1, .distance = 0});
  check_refused((struct leanpix_jpeg_job){.pixels = pixels, .width = 1, .height = 1, .bands = 1, .quality = 101});
  free(first);
  free(second);
  free(shown);
  free(pixels);
}
