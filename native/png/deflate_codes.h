/* Deflate's symbols and prefix codes, and the bits that are written with them. */
#ifndef LEANPIX_DEFLATE_CODES_H
#define LEANPIX_DEFLATE_CODES_H

#include <stddef.h>
#include <stdint.h>

enum { WINDOW = 1 << 15, LEAST = 3, MOST = 258 }; /* of a match: how far back, its shortest and longest */
enum { LITERALS = 286, DISTANCES = 30, END = 256, FIRST_LENGTH = 257, LENGTHS = 29, KINDS = 19 };

struct match {
  uint16_t length, distance;
};

/* How often a block has each symbol: bytes, END, the codes of lengths; the codes of distances. */
struct counts {
  uint32_t literals[LITERALS], distances[DISTANCES];
};

/* A code has a base and says how many bits follow, which are added to it. */
extern const uint16_t LENGTH_BASE[LENGTHS], DISTANCE_BASE[DISTANCES];
extern const uint8_t LENGTH_EXTRA[LENGTHS], DISTANCE_EXTRA[DISTANCES];

/* The codes of lengths, and of distances: up to 256 one by one, above in steps of 128. */
struct code_table {
  uint8_t lengths[MOST + 1], near[256], far[WINDOW / 128];
};

static inline int distance_code(const struct code_table *table, unsigned distance) {
  return distance <= 256 ? table->near[distance - 1] : table->far[(distance - 1) / 128];
}

/* Bits of a stream, the first in the lowest bit of a byte. at goes on beyond room, where nothing is written. */
struct bit_writer {
  uint8_t *to;
  size_t room, at;
  uint64_t held;
  int count;
};

static inline void put_bits(struct bit_writer *writer, unsigned value, int count) {
  writer->held |= (uint64_t)value << writer->count;
  writer->count += count;
  for (; writer->count >= 8; writer->count -= 8, writer->held >>= 8) {
    if (writer->at < writer->room) writer->to[writer->at] = (uint8_t)writer->held;
    ++writer->at;
  }
}

void make_code_table(struct code_table *table);

/* The bits of a whole block of so many symbols, with the codes that are best for it. */
size_t block_bits(const struct counts *counts);

/* Write such a block, which is not the last one. A literal is a match without a distance: its byte is the length. */
void write_block(struct bit_writer *writer, const struct code_table *table, const struct counts *counts,
                 const struct match *symbols, size_t count);

#endif
