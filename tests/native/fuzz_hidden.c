/* native/webp/hidden_colours.c: what is seen stays, what is not takes a colour from between those that are. */
#define FUZZ_TARGET
#include "fuzz.h"

int leanpix_hidden_colours(const uint8_t *pixels, size_t width, size_t height, uint8_t *to, uint64_t counts[2]);

void fuzz_one(struct input input, int is_short) {
  size_t width = take_side(&input, 1, 200), height = take_side(&input, 1, 200), count = width * height;
  uint8_t *pixels = take_bytes(&input, count * 4), *to = malloc(count * 4);
  CHECK(to != NULL);
  for (size_t i = 0; i < count; ++i) {
    if (pixels[i * 4 + 3] < 100) pixels[i * 4 + 3] = 0;
  }
  uint64_t counts[2];
  int failed = leanpix_hidden_colours(pixels, width, height, to, counts);
  CHECK(failed == (is_short ? -1 : 0));
  uint8_t least[3] = {255, 255, 255}, most[3] = {0};
  int is_any_seen = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!pixels[i * 4 + 3]) continue;
    is_any_seen = 1;
    for (int band = 0; band < 3; ++band) {
      uint8_t level = pixels[i * 4 + (size_t)band];
      if (level < least[band]) least[band] = level;
      if (level > most[band]) most[band] = level;
    }
  }
  for (size_t i = 0; i < count && !failed; ++i) {
    const uint8_t *before = pixels + i * 4, *after = to + i * 4;
    CHECK(before[3] == after[3]);
    if (before[3]) CHECK(!memcmp(before, after, 3));
    for (int band = 0; band < 3 && is_any_seen; ++band) CHECK(after[band] >= least[band] && after[band] <= most[band]);
  }
  if (!failed) CHECK(counts[1] <= counts[0] && counts[0] <= ((width + 1) / 2) * ((height + 1) / 2));
  free(pixels);
  free(to);
}
