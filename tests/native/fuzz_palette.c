/* native/png/palette*.c: counted against a list, chosen within what is allowed, mapped within the palette. */
#define FUZZ_TARGET
#include "fuzz.h"

enum { MOST = 256, RGBA = 4 };

int leanpix_few_colours(const uint8_t *pixels, size_t count, int bands, uint8_t *colours);
int leanpix_choose_palette(const uint8_t *pixels, size_t count, int bands, int most_colours, double most_error,
                           uint8_t *palette);
int leanpix_map_to_palette(const uint8_t *pixels, size_t width, size_t height, int bands, const uint8_t *palette,
                           int colours, float dither, float most_error, float tolerance, uint8_t *indices);

static void as_rgba(const uint8_t *pixel, int bands, uint8_t *rgba) {
  rgba[3] = bands % 2 ? 255 : pixel[bands - 1];
  for (int i = 0; i < 3; ++i) rgba[i] = rgba[3] ? pixel[bands < 3 ? 0 : i] : 0;
}

static int index_of(const uint8_t *colours, int count, const uint8_t *rgba) {
  for (int i = 0; i < count; ++i) {
    if (memcmp(colours + RGBA * i, rgba, RGBA) == 0) return i;
  }
  return -1;
}

static int counted(const uint8_t *pixels, size_t count, int bands, uint8_t *colours) {
  int found = 0;
  for (size_t i = 0; i < count; ++i) {
    uint8_t rgba[RGBA];
    as_rgba(pixels + i * (size_t)bands, bands, rgba);
    if (index_of(colours, found, rgba) >= 0) continue;
    if (found == MOST) return MOST + 1;
    memcpy(colours + RGBA * found++, rgba, RGBA);
  }
  return found;
}

void fuzz_one(struct input input, int is_short) {
  int bands = (int)take(&input, 1, 4), most = (int)take(&input, 1, MOST);
  size_t width = take_side(&input, 1, 300), height = take_side(&input, 1, 300), count = width * height;
  double most_error = take(&input, 0, 1000) / 1e6;
  float dither = (float)take(&input, 0, 100) / 100, feature = (float)take(&input, 0, 255) / 2000;
  float tolerance = (float)take(&input, 0, 255) / 1e5f;
  uint8_t *pixels = take_bytes(&input, count * (size_t)bands), *indices = malloc(count);
  uint8_t *few = malloc(MOST * RGBA), *expected = malloc(MOST * RGBA), *palette = malloc((size_t)most * RGBA);
  CHECK(indices != NULL && few != NULL && expected != NULL && palette != NULL);

  int found = leanpix_few_colours(pixels, count, bands, few);
  CHECK(found == counted(pixels, count, bands, expected));
  CHECK(memcmp(few, expected, (size_t)(found > MOST ? MOST : found) * RGBA) == 0);

  int colours = leanpix_choose_palette(pixels, count, bands, most, most_error, palette);
  CHECK(colours == -1 ? is_short : colours >= 1 && colours <= most);
  if (colours > 0) {
    uint8_t *exact = malloc((size_t)colours * RGBA);
    CHECK(exact != NULL);
    memcpy(exact, palette, (size_t)colours * RGBA);
    int failed = leanpix_map_to_palette(pixels, width, height, bands, exact, colours, dither, feature, tolerance, indices);
    CHECK(failed == 0 || is_short);
    for (size_t i = 0; !failed && i < count; ++i) CHECK(indices[i] < colours);
    free(exact);
  }

  /* A picture's own colours, undithered: each pixel keeps the one that it has. */
  if (found <= MOST) {
    int failed = leanpix_map_to_palette(pixels, width, height, bands, few, found, 0, feature, 0, indices);
    CHECK(failed == 0 || is_short);
    for (size_t i = 0; !failed && i < count; ++i) {
      uint8_t rgba[RGBA];
      as_rgba(pixels + i * (size_t)bands, bands, rgba);
      CHECK(memcmp(few + RGBA * indices[i], rgba, RGBA) == 0 || rgba[3] < 255);
    }
  }
  free(pixels);
  free(indices);
  free(few);
  free(expected);
  free(palette);
}
