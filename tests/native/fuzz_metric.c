/* native/metric: sums that are finite, none for equal pictures, and nearly the same by each generation's loops. */
#define FUZZ_TARGET
#include "fuzz.h"

#include <math.h>

enum { CHANNELS = 3, SUMS = 6, MOST_SCALES = 6, NEWEST = 2 };

struct leanpix_reference;
struct leanpix_reference *leanpix_reference_open(const uint8_t *pixels, size_t width, size_t height, int bands, int scales,
                                                 const uint8_t *needs, int keeps, int newest_cpu);
int leanpix_reference_compare(struct leanpix_reference *reference, const uint8_t *distorted, double *sums);
void leanpix_reference_close(struct leanpix_reference *reference);

struct pair {
  const uint8_t *one, *other;
  size_t width, height;
  int bands, scales, keeps;
  uint8_t needs[MOST_SCALES * CHANNELS];
};

static int compared(const struct pair *pair, const uint8_t *other, int cpu, double *sums) {
  struct leanpix_reference *reference = leanpix_reference_open(pair->one, pair->width, pair->height, pair->bands,
                                                               pair->scales, pair->needs, pair->keeps, cpu);
  if (reference == NULL) return -1;
  int failed = leanpix_reference_compare(reference, other, sums);
  leanpix_reference_close(reference);
  return failed;
}

void fuzz_one(struct input input, int is_short) {
  struct pair pair = {.width = take_side(&input, 8, 400), .height = take_side(&input, 8, 200), .bands = take(&input, 0, 1) ? 3 : 1};
  size_t bytes = pair.width * pair.height * (size_t)pair.bands, most = 1;
  while (most < MOST_SCALES && pair.width >> most >= 8 && pair.height >> most >= 8) ++most;
  pair.scales = (int)take(&input, 1, (uint32_t)most);
  pair.keeps = (int)take(&input, 0, 1);
  for (int i = 0; i < pair.scales * CHANNELS; ++i) pair.needs[i] = (uint8_t)take(&input, 0, 3);
  uint8_t *one = take_bytes(&input, bytes), *other = take_bytes(&input, bytes);
  pair.one = one;
  size_t count = (size_t)pair.scales * CHANNELS * SUMS;
  double *sums = malloc(count * sizeof *sums), *plain = malloc(count * sizeof *plain);
  CHECK(sums != NULL && plain != NULL);

  int failed = compared(&pair, other, NEWEST, sums);
  CHECK(failed == 0 || is_short);
  for (size_t i = 0; !failed && i < count; ++i) CHECK(isfinite(sums[i]) && sums[i] >= 0);
  if (!failed && compared(&pair, other, 0, plain) == 0) {
    for (size_t i = 0; i < count; ++i) CHECK(fabs(sums[i] - plain[i]) <= 1e-2 * fabs(plain[i]) + 1e-2);
  }
  if (compared(&pair, one, NEWEST, sums) == 0) {
    for (size_t i = 0; i < count; ++i) CHECK(sums[i] == 0);
  } else {
    CHECK(is_short);
  }
  free(one);
  free(other);
  free(sums);
  free(plain);
}
