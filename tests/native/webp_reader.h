/* RFC 9649, section 5.2.2, read back: values with their extra bits and distances by the map of near ones. */
#ifndef WEBP_READER_H
#define WEBP_READER_H

#include "fuzz.h"

enum { DISTANCE_SYMBOLS = 40, DISTANCE_BITS = 6, NEAR_MAP = 120 };

struct bit_reader {
  const uint8_t *bytes;
  size_t size, at;
};

static inline uint32_t read_bits(struct bit_reader *reader, int count) {
  uint32_t value = 0;
  CHECK(reader->at + (size_t)count <= 8 * reader->size);
  for (int i = 0; i < count; ++i, ++reader->at) {
    value |= (uint32_t)(reader->bytes[reader->at / 8] >> reader->at % 8 & 1) << i;
  }
  return value;
}

static inline uint32_t read_value(struct bit_reader *reader, uint32_t symbol) {
  if (symbol < 4) return symbol + 1;
  int extra = (int)(symbol - 2) >> 1;
  return ((2 + (symbol & 1)) << extra) + read_bits(reader, extra) + 1;
}

/* The map as the RFC prints it: (columns to the left, rows up). */
static const int8_t NEAR_PAIRS[NEAR_MAP][2] = {
    {0, 1},  {1, 0},  {1, 1},  {-1, 1}, {0, 2},  {2, 0},  {1, 2},  {-1, 2}, {2, 1},  {-2, 1}, {2, 2},  {-2, 2},
    {0, 3},  {3, 0},  {1, 3},  {-1, 3}, {3, 1},  {-3, 1}, {2, 3},  {-2, 3}, {3, 2},  {-3, 2}, {0, 4},  {4, 0},
    {1, 4},  {-1, 4}, {4, 1},  {-4, 1}, {3, 3},  {-3, 3}, {2, 4},  {-2, 4}, {4, 2},  {-4, 2}, {0, 5},  {3, 4},
    {-3, 4}, {4, 3},  {-4, 3}, {5, 0},  {1, 5},  {-1, 5}, {5, 1},  {-5, 1}, {2, 5},  {-2, 5}, {5, 2},  {-5, 2},
    {4, 4},  {-4, 4}, {3, 5},  {-3, 5}, {5, 3},  {-5, 3}, {0, 6},  {6, 0},  {1, 6},  {-1, 6}, {6, 1},  {-6, 1},
    {2, 6},  {-2, 6}, {6, 2},  {-6, 2}, {4, 5},  {-4, 5}, {5, 4},  {-5, 4}, {3, 6},  {-3, 6}, {6, 3},  {-6, 3},
    {0, 7},  {7, 0},  {1, 7},  {-1, 7}, {5, 5},  {-5, 5}, {7, 1},  {-7, 1}, {4, 6},  {-4, 6}, {6, 4},  {-6, 4},
    {2, 7},  {-2, 7}, {7, 2},  {-7, 2}, {3, 7},  {-3, 7}, {7, 3},  {-7, 3}, {5, 6},  {-5, 6}, {6, 5},  {-6, 5},
    {8, 0},  {4, 7},  {-4, 7}, {7, 4},  {-7, 4}, {8, 1},  {8, 2},  {6, 6},  {-6, 6}, {8, 3},  {5, 7},  {-5, 7},
    {7, 5},  {-7, 5}, {8, 4},  {6, 7},  {-6, 7}, {7, 6},  {-7, 6}, {8, 5},  {7, 7},  {-7, 7}, {8, 6},  {8, 7},
};

static inline size_t read_distance(struct bit_reader *reader, size_t width) {
  uint32_t code = read_value(reader, read_bits(reader, DISTANCE_BITS));
  if (code > NEAR_MAP) return code - NEAR_MAP;
  int64_t distance = NEAR_PAIRS[code - 1][0] + NEAR_PAIRS[code - 1][1] * (int64_t)width;
  return distance < 1 ? 1 : (size_t)distance;
}

/* Codes that are their symbols, all of one length; how many bits the counted symbols take with them. From first on
 * they are values with extra bits. */
static inline size_t fixed_codes(struct code *codes, const uint32_t *counts, int symbols, int length, int first) {
  size_t bits = 0;
  for (int i = 0; i < symbols; ++i) {
    codes[i] = (struct code){(uint16_t)i, (uint16_t)length};
    int value = i - first;
    bits += counts[i] * (size_t)(length + (value >= 4 ? (value - 2) >> 1 : 0));
  }
  return bits;
}

#endif
