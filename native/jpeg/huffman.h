/* Huffman codes of a JPEG: made for counts, and written before a scan (ITU T.81, annexes C and K.2). */
#ifndef LEANPIX_JPEG_HUFFMAN_H
#define LEANPIX_JPEG_HUFFMAN_H

#include <stdint.h>

enum { HUFFMAN_SYMBOLS = 256, HUFFMAN_BITS = 16 };

struct huffman_code {
  uint16_t words[HUFFMAN_SYMBOLS];
  uint8_t lengths[HUFFMAN_SYMBOLS];   /* 0: no such symbol */
  uint8_t at_length[HUFFMAN_BITS + 1]; /* how many symbols have a word of so many bits */
  uint8_t order[HUFFMAN_SYMBOLS];     /* symbols from the shortest word to the longest */
  int symbols;
};

/* The best code for the counts with words of at most 16 bits, none of which is all ones. */
void huffman_make(struct huffman_code *code, const uint32_t counts[HUFFMAN_SYMBOLS]);

/* What symbols counted so take with their code, without the code itself. */
uint64_t huffman_bits(const struct huffman_code *code, const uint32_t counts[HUFFMAN_SYMBOLS]);

#endif
