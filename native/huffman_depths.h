/* How deep the leaves of the best prefix code lie: what deflate's codes and JPEG's have in common. */
#ifndef LEANPIX_HUFFMAN_DEPTHS_H
#define LEANPIX_HUFFMAN_DEPTHS_H

#include <stdint.h>

enum { HUFFMAN_MOST_LEAVES = 286 }; /* deflate's literals and lengths; a JPEG's code has 257 */

struct leaf {
  uint32_t count;
  int symbol;
};

/* Count in at_depth[1..most], which are zero, how many of the leaves have words of so many bits. The leaves, two at
 * least, are sorted from the rarest on. */
void huffman_depths(const struct leaf *leaves, int count, int most, int *at_depth);

#endif
