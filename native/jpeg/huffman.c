/* Huffman codes, by Huffman's own way on sorted counts; what is deeper than 16 bits is moved up as far as it has to. */
#include "huffman.h"

#include <stdlib.h>
#include <string.h>

enum { LEAVES = HUFFMAN_SYMBOLS + 1, RESERVED = HUFFMAN_SYMBOLS };

struct leaf {
  uint32_t count;
  int symbol;
};

static int by_count(const void *one, const void *other) {
  const struct leaf *first = one, *second = other;
  int order = (first->count > second->count) - (first->count < second->count);
  return order ? order : second->symbol - first->symbol;
}

/* How many leaves of the best tree lie at each depth; deeper ones count for the last depth. At least two leaves. */
static void count_depths(const struct leaf *leaves, int count, int *at_depth) {
  uint64_t sums[LEAVES];
  int parents[2 * LEAVES], depths[LEAVES], leaf = 0, inner = 0;
  for (int made = 0; made < count - 1; ++made) {
    sums[made] = 0;
    for (int child = 0; child < 2; ++child) {
      int is_leaf = leaf < count && (inner >= made || leaves[leaf].count <= sums[inner]);
      sums[made] += is_leaf ? leaves[leaf].count : sums[inner];
      parents[is_leaf ? leaf++ : count + inner++] = made;
    }
  }
  depths[count - 2] = 0;
  for (int i = count - 3; i >= 0; --i) depths[i] = depths[parents[count + i]] + 1;
  for (int i = 0; i < count; ++i) {
    int depth = depths[parents[i]] + 1;
    ++at_depth[depth < HUFFMAN_BITS ? depth : HUFFMAN_BITS];
  }
}

/* Leaves that were too deep share the place of others higher up, until all have one. */
static void fit_depths(int *at_depth) {
  long taken = 0;
  for (int depth = 1; depth <= HUFFMAN_BITS; ++depth) taken += (long)at_depth[depth] << (HUFFMAN_BITS - depth);
  for (; taken > 1L << HUFFMAN_BITS; --taken) {
    int depth = HUFFMAN_BITS - 1;
    while (!at_depth[depth]) --depth;
    --at_depth[depth];
    at_depth[depth + 1] += 2;
    --at_depth[HUFFMAN_BITS];
  }
}

static void make_words(struct huffman_code *code) {
  unsigned word = 0;
  for (int length = 1, i = 0; length <= HUFFMAN_BITS; ++length, word <<= 1) {
    for (int left = code->at_length[length]; left > 0; --left) code->words[code->order[i++]] = (uint16_t)word++;
  }
}

/* The leaf that no symbol has is the rarest, so that it takes the last of the longest words, which is all ones. */
void huffman_make(struct huffman_code *code, const uint32_t counts[HUFFMAN_SYMBOLS]) {
  struct leaf leaves[LEAVES];
  int used = 0, at_depth[HUFFMAN_BITS + 1] = {0};
  memset(code, 0, sizeof *code);
  leaves[used++] = (struct leaf){0, RESERVED};
  for (int i = 0; i < HUFFMAN_SYMBOLS; ++i) {
    if (counts[i]) leaves[used++] = (struct leaf){counts[i], i};
  }
  code->symbols = used - 1;
  if (code->symbols == 0) return;
  qsort(leaves, (size_t)used, sizeof *leaves, by_count);
  count_depths(leaves, used, at_depth);
  fit_depths(at_depth);
  int longest = HUFFMAN_BITS;
  while (!at_depth[longest]) --longest;
  --at_depth[longest];
  for (int depth = 1, i = used - 1, place = 0; depth <= HUFFMAN_BITS; ++depth) {
    code->at_length[depth] = (uint8_t)at_depth[depth];
    for (int left = at_depth[depth]; left > 0; --left, --i) {
      code->lengths[leaves[i].symbol] = (uint8_t)depth;
      code->order[place++] = (uint8_t)leaves[i].symbol;
    }
  }
  make_words(code);
}

uint64_t huffman_bits(const struct huffman_code *code, const uint32_t counts[HUFFMAN_SYMBOLS]) {
  uint64_t bits = 0;
  for (int i = 0; i < HUFFMAN_SYMBOLS; ++i) bits += (uint64_t)counts[i] * code->lengths[i];
  return bits;
}
