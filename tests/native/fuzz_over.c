/* native/metric/over.c: each sample between the picture's and the ground's, as a division has it. */
#define FUZZ_TARGET
#include "fuzz.h"

void leanpix_over(const uint8_t *pixels, size_t count, int bands, int ground, uint8_t *to);

void fuzz_one(struct input input, int is_short) {
  int bands = take(&input, 0, 1) ? 4 : 2, ground = (int)take(&input, 0, 255);
  size_t count = take_side(&input, 1, 500), colours = (size_t)bands - 1;
  uint8_t *pixels = take_bytes(&input, count * (size_t)bands), *to = malloc(count * colours);
  CHECK(to != NULL);
  (void)is_short; /* nothing is allocated */
  leanpix_over(pixels, count, bands, ground, to);
  for (size_t i = 0; i < count; ++i) {
    int alpha = pixels[i * (size_t)bands + colours];
    for (size_t band = 0; band < colours; ++band) {
      int sum = pixels[i * (size_t)bands + band] * alpha + ground * (255 - alpha);
      CHECK(to[i * colours + band] == (sum + 127) / 255);
    }
  }
  free(pixels);
  free(to);
}
