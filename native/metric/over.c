/* A picture with alpha as it is seen over a gray ground. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../export.h"

enum { OPAQUE = 255 };

/* count pixels of 2 or 4 bands, the last one alpha; to: the same without it. */
LEANPIX_EXPORT void leanpix_over(const uint8_t *pixels, size_t count, int bands, int ground, uint8_t *to) {
  const int colours = bands - 1;
  for (size_t i = 0; i < count; ++i, pixels += bands, to += colours) {
    const unsigned alpha = pixels[colours];
    const unsigned shown = (OPAQUE - alpha) * (unsigned)ground + OPAQUE / 2;
    for (int band = 0; band < colours; ++band) {
      const unsigned sum = pixels[band] * alpha + shown;
      to[band] = (uint8_t)((sum + 1 + (sum >> 8)) >> 8); /* sum / 255, of numbers below 65,535 */
    }
  }
}
