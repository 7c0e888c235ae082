/* What the coders of WebP's lossless format (RFC 9649, section 3) share: bits, prefix codes of values, near distances.
 */
#ifndef LEANPIX_LOSSLESS_H
#define LEANPIX_LOSSLESS_H

#include <stddef.h>
#include <stdint.h>

enum { LITERALS = 256, NEAR_CODES = 120, NEAR_ROWS = 8, NEAR_PLACES = 16 };

/* Codes of near distances, by rows up and places left, from -8. */
struct near {
  uint8_t codes[NEAR_ROWS][NEAR_PLACES + 1];
};

/* A symbol's code, its first bit lowest. */
struct code {
  uint16_t bits;
  uint16_t length;
};

struct writer {
  uint8_t *out;
  size_t size;
  uint64_t held;
  int count;
};

void leanpix_know_near(struct near *near);

/* What stands for a distance in a picture of this width: 1 to 120 where it is a near one, else 120 more than it is. */
static inline uint32_t distance_code(const struct near *near, size_t distance, size_t width) {
  size_t rows = distance / width, left = distance % width, right = width - left;
  uint8_t code = 0;
  if (rows < NEAR_ROWS && left <= 8) code = near->codes[rows][8 + left];
  if (!code && rows + 1 < NEAR_ROWS && right < 8) code = near->codes[rows + 1][8 - right];
  return code ? code : (uint32_t)distance + NEAR_CODES;
}

/* The symbol of a length or of a distance's code, from 1 on, and how many bits follow it. */
static inline int prefix(uint32_t value, int *extra_bits) {
  uint32_t from_zero = value - 1;
  *extra_bits = 0;
  if (from_zero < 4) return (int)from_zero;
  int high = 31 - __builtin_clz(from_zero);
  *extra_bits = high - 1;
  return 2 * high + (from_zero >> (high - 1) & 1);
}

static inline void put(struct writer *writer, uint32_t bits, int count) {
  writer->held |= (uint64_t)bits << writer->count;
  for (writer->count += count; writer->count >= 8; writer->count -= 8) {
    writer->out[writer->size++] = (uint8_t)writer->held;
    writer->held >>= 8;
  }
}

#endif
