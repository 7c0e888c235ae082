/* Memory for a picture's coefficients. */
#include "coefficients.h"

#include <stdlib.h>
#include <time.h>

const uint8_t JPEG_ZIGZAG[JPEG_VALUES] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

static size_t divided_up(size_t number, size_t by) { return (number + by - 1) / by; }

enum jpeg_outcome jpeg_lay_out(struct jpeg_picture *picture) {
  picture->across = picture->down = 1;
  for (int i = 0; i < picture->components; ++i) {
    const struct jpeg_component *one = &picture->component[i];
    if (one->across > picture->across) picture->across = one->across;
    if (one->down > picture->down) picture->down = one->down;
  }
  picture->units_across = divided_up(picture->width, (size_t)picture->across * JPEG_SIDE);
  picture->units_down = divided_up(picture->height, (size_t)picture->down * JPEG_SIDE);
  for (int i = 0; i < picture->components; ++i) {
    struct jpeg_component *one = &picture->component[i];
    size_t columns = divided_up(picture->width * (size_t)one->across, (size_t)picture->across);
    size_t rows = divided_up(picture->height * (size_t)one->down, (size_t)picture->down);
    one->width = divided_up(columns, JPEG_SIDE);
    one->height = divided_up(rows, JPEG_SIDE);
    one->values = calloc(one->width * one->height, JPEG_VALUES * sizeof *one->values);
    one->filled = calloc(one->width * one->height, sizeof *one->filled);
    if (one->values == NULL || one->filled == NULL) return JPEG_NO_MEMORY;
  }
  return JPEG_DONE;
}

void jpeg_sort_by_size(const int16_t *values, uint64_t filled[JPEG_MASKS]) {
  uint64_t found[JPEG_MASKS] = {0};
  for (uint64_t left = filled[0]; left; left &= left - 1) {
    const int at = __builtin_ctzll(left), number = abs(values[at]);
    for (int mask = 1; mask < JPEG_MASKS; ++mask) found[mask] |= (uint64_t)(number >> mask != 0) << at;
  }
  for (int mask = 1; mask < JPEG_MASKS; ++mask) filled[mask] = found[mask];
}

void jpeg_free_values(struct jpeg_picture *picture) {
  for (int i = 0; i < JPEG_COMPONENTS; ++i) {
    free(picture->component[i].values);
    free(picture->component[i].filled);
  }
}

int jpeg_is_late(double until_cpu_s) {
  struct timespec now;
  if (until_cpu_s <= 0) return 0;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9 > until_cpu_s;
}
