/* Huffman codes of a JPEG, whose words have at most 16 bits. */
#include "huffman.h"

#include <string.h>

#include "../huffman_depths.h"

enum { LEAVES = HUFFMAN_SYMBOLS + 1, RESERVED = HUFFMAN_SYMBOLS };

/* The rarest first, of those as rare the highest symbol. By insertion: they are few, and qsort calls for each step. */
static void sort(struct leaf *leaves, int count) {
  for (int i = 1; i < count; ++i) {
    const struct leaf one = leaves[i];
    int at = i;
    /* Those that stand before it were put in with lower symbols. */
    for (; at > 0 && leaves[at - 1].count >= one.count; --at) leaves[at] = leaves[at - 1];
    leaves[at] = one;
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
  sort(leaves, used);
  huffman_depths(leaves, used, HUFFMAN_BITS, at_depth);
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
