/* Deflate's prefix codes: made for the counts of a block, written before it, and used in it. */
#include "deflate_codes.h"

#include <stdlib.h>
#include <string.h>

#include "../huffman_depths.h"

enum { MOST_BITS = 15, MOST_KIND_BITS = 7, FEWEST_KINDS = 4 };
enum { REPEATED = 16, FEW_ZEROS = 17, MANY_ZEROS = 18 }; /* kinds of code lengths that stand for several */

const uint16_t LENGTH_BASE[LENGTHS] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
const uint8_t LENGTH_EXTRA[LENGTHS] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                       2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
const uint16_t DISTANCE_BASE[DISTANCES] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
                                           33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
                                           1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
const uint8_t DISTANCE_EXTRA[DISTANCES] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                           6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

static const uint8_t KIND_ORDER[KINDS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
static const uint8_t KIND_EXTRA[KINDS] = {[REPEATED] = 2, [FEW_ZEROS] = 3, [MANY_ZEROS] = 7};

/* What stands before a block: the lengths of both codes one after the other, told by kinds with a code of their own. */
struct header {
  uint8_t lengths[LITERALS + DISTANCES], kinds[LITERALS + DISTANCES], extra[LITERALS + DISTANCES];
  uint8_t kind_lengths[KINDS];
  int literals, distances, count, kinds_told;
};

void make_code_table(struct code_table *table) {
  for (int length = LEAST, code = 0; length <= MOST; ++length) {
    if (code < LENGTHS - 1 && length >= LENGTH_BASE[code + 1]) ++code;
    table->lengths[length] = (uint8_t)code;
  }
  for (int distance = 1, code = 0; distance <= WINDOW; ++distance) {
    if (code < DISTANCES - 1 && distance >= DISTANCE_BASE[code + 1]) ++code;
    if (distance <= 256) table->near[distance - 1] = (uint8_t)code;
    table->far[(distance - 1) / 128] = (uint8_t)code;
  }
}

static int by_count(const void *one, const void *other) {
  const struct leaf *first = one, *second = other;
  int order = (first->count > second->count) - (first->count < second->count);
  return order ? order : first->symbol - second->symbol;
}

/* The lengths of the best code for the counts, of at most so many bits. There are always two, for some readers refuse
 * a code of one. */
static void make_lengths(const uint32_t *counts, int symbols, int most, uint8_t *lengths) {
  struct leaf leaves[LITERALS];
  int used = 0, at_depth[MOST_BITS + 1] = {0};
  memset(lengths, 0, (size_t)symbols);
  for (int i = 0; i < symbols; ++i) {
    if (counts[i]) leaves[used++] = (struct leaf){counts[i], i};
  }
  for (int i = 0; used < 2; ++i) {
    if (!counts[i]) leaves[used++] = (struct leaf){1, i};
  }
  qsort(leaves, (size_t)used, sizeof *leaves, by_count);
  huffman_depths(leaves, used, most, at_depth);
  for (int depth = most, i = 0; depth > 0; --depth) {
    for (int left = at_depth[depth]; left > 0; --left) lengths[leaves[i++].symbol] = (uint8_t)depth;
  }
}

/* The words of a code, which are read from their highest bit on, turned to be written from the lowest. */
static void make_words(const uint8_t *lengths, int symbols, uint16_t *words) {
  unsigned used[MOST_BITS + 1] = {0}, next[MOST_BITS + 2] = {0};
  for (int i = 0; i < symbols; ++i) ++used[lengths[i]];
  used[0] = 0;
  for (int length = 1; length <= MOST_BITS; ++length) next[length + 1] = (next[length] + used[length]) << 1;
  for (int i = 0; i < symbols; ++i) {
    unsigned word = lengths[i] ? next[lengths[i]]++ : 0, turned = 0;
    for (int bit = 0; bit < lengths[i]; ++bit, word >>= 1) turned = turned << 1 | (word & 1);
    words[i] = (uint16_t)turned;
  }
}

static void tell(struct header *header, int kind, int extra) {
  header->kinds[header->count] = (uint8_t)kind;
  header->extra[header->count++] = (uint8_t)extra;
}

/* As many of a run as a kind can stand for, again and again; how many are left. */
static int tell_run(struct header *header, int kind, int least, int most, int run) {
  while (run >= least) {
    int here = run < most ? run : most;
    tell(header, kind, here - least);
    run -= here;
  }
  return run;
}

static void tell_lengths(struct header *header) {
  int all = header->literals + header->distances;
  header->count = 0;
  for (int i = 0, run; i < all; i += run) {
    int length = header->lengths[i], left;
    for (run = 1; i + run < all && header->lengths[i + run] == length;) ++run;
    if (length == 0) {
      left = tell_run(header, FEW_ZEROS, 3, 10, tell_run(header, MANY_ZEROS, 11, 138, run));
    } else {
      tell(header, length, 0);
      left = tell_run(header, REPEATED, 3, 6, run - 1);
    }
    while (left-- > 0) tell(header, length, 0);
  }
}

static void make_header(struct header *header, const struct counts *counts) {
  uint8_t distances[DISTANCES];
  uint32_t used[KINDS] = {0};
  make_lengths(counts->literals, LITERALS, MOST_BITS, header->lengths);
  make_lengths(counts->distances, DISTANCES, MOST_BITS, distances);
  for (header->literals = LITERALS; !header->lengths[header->literals - 1];) --header->literals;
  for (header->distances = DISTANCES; !distances[header->distances - 1];) --header->distances;
  memcpy(header->lengths + header->literals, distances, (size_t)header->distances);
  tell_lengths(header);
  for (int i = 0; i < header->count; ++i) ++used[header->kinds[i]];
  make_lengths(used, KINDS, MOST_KIND_BITS, header->kind_lengths);
  header->kinds_told = KINDS;
  while (header->kinds_told > FEWEST_KINDS && !header->kind_lengths[KIND_ORDER[header->kinds_told - 1]]) {
    --header->kinds_told;
  }
}

size_t block_bits(const struct counts *counts) {
  struct header header;
  make_header(&header, counts);
  size_t bits = 17 + 3 * (size_t)header.kinds_told;
  for (int i = 0; i < header.count; ++i) bits += header.kind_lengths[header.kinds[i]] + KIND_EXTRA[header.kinds[i]];
  for (int i = 0; i < header.literals; ++i) {
    size_t extra = i < FIRST_LENGTH ? 0 : LENGTH_EXTRA[i - FIRST_LENGTH];
    bits += counts->literals[i] * (header.lengths[i] + extra);
  }
  for (int i = 0; i < header.distances; ++i) {
    bits += counts->distances[i] * (size_t)(header.lengths[header.literals + i] + DISTANCE_EXTRA[i]);
  }
  return bits;
}

static void write_header(struct bit_writer *writer, const struct header *header) {
  uint16_t words[KINDS];
  make_words(header->kind_lengths, KINDS, words);
  put_bits(writer, 2 << 1, 3); /* not the last block, with codes of its own */
  put_bits(writer, (unsigned)header->literals - 257, 5);
  put_bits(writer, (unsigned)header->distances - 1, 5);
  put_bits(writer, (unsigned)header->kinds_told - FEWEST_KINDS, 4);
  for (int i = 0; i < header->kinds_told; ++i) put_bits(writer, header->kind_lengths[KIND_ORDER[i]], 3);
  for (int i = 0; i < header->count; ++i) {
    int kind = header->kinds[i];
    put_bits(writer, words[kind], header->kind_lengths[kind]);
    put_bits(writer, header->extra[i], KIND_EXTRA[kind]);
  }
}

void write_block(struct bit_writer *writer, const struct code_table *table, const struct counts *counts,
                 const struct match *symbols, size_t count) {
  struct header header;
  uint16_t literals[LITERALS], distances[DISTANCES];
  make_header(&header, counts);
  write_header(writer, &header);
  const uint8_t *lengths = header.lengths, *distance_lengths = lengths + header.literals;
  make_words(lengths, header.literals, literals);
  make_words(distance_lengths, header.distances, distances);
  for (size_t i = 0; i < count; ++i) {
    struct match symbol = symbols[i];
    if (symbol.distance == 0) {
      put_bits(writer, literals[symbol.length], lengths[symbol.length]);
      continue;
    }
    int length = table->lengths[symbol.length], distance = distance_code(table, symbol.distance);
    put_bits(writer, literals[FIRST_LENGTH + length], lengths[FIRST_LENGTH + length]);
    put_bits(writer, (unsigned)symbol.length - LENGTH_BASE[length], LENGTH_EXTRA[length]);
    put_bits(writer, distances[distance], distance_lengths[distance]);
    put_bits(writer, (unsigned)symbol.distance - DISTANCE_BASE[distance], DISTANCE_EXTRA[distance]);
  }
  put_bits(writer, literals[END], lengths[END]);
}
