/* The different colours of a picture, as long as they are few. */
#include <stdint.h>
#include <string.h>

#include "../export.h"

enum { SLOTS = 1024, MAX_COLOURS = 256 };

static uint32_t packed(const uint8_t *pixel, int bands) {
  uint32_t alpha = bands % 2 ? 255 : pixel[bands - 1];
  if (alpha == 0) return 0; /* nobody sees which colour it is */
  if (bands < 3) return pixel[0] * 0x010101u | alpha << 24;
  return pixel[0] | (uint32_t)pixel[1] << 8 | (uint32_t)pixel[2] << 16 | alpha << 24;
}

/* Write the colours of pixels of 1 to 4 bands as RGBA; returns how many, or 257 where there are more than 256. */
LEANPIX_EXPORT int leanpix_few_colours(const uint8_t *pixels, size_t count, int bands, uint8_t *colours) {
  uint32_t slots[SLOTS], last = 0;
  uint8_t taken[SLOTS];
  int found = 0;
  memset(taken, 0, sizeof taken);
  for (size_t i = 0; i < count; ++i, pixels += bands) {
    uint32_t colour = packed(pixels, bands);
    if (i > 0 && colour == last) continue;
    last = colour;
    uint32_t slot = colour * 2654435761u >> 22;
    while (taken[slot] && slots[slot] != colour) slot = (slot + 1) % SLOTS;
    if (taken[slot]) continue;
    if (found == MAX_COLOURS) return MAX_COLOURS + 1;
    taken[slot] = 1;
    slots[slot] = colour;
    for (int byte = 0; byte < 4; ++byte) colours[4 * found + byte] = (uint8_t)(colour >> (8 * byte));
    ++found;
  }
  return found;
}
