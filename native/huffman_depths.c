/* Huffman's own way on sorted counts; what is deeper than the words may be is moved up as far as it has to. */
#include "huffman_depths.h"

/* How many leaves lie at each depth of the best tree; deeper ones count for the last depth. */
static void count_depths(const struct leaf *leaves, int count, int most, int *at_depth) {
  uint64_t sums[HUFFMAN_MOST_LEAVES];
  int parents[2 * HUFFMAN_MOST_LEAVES], depths[HUFFMAN_MOST_LEAVES], leaf = 0, inner = 0;
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
    ++at_depth[depth < most ? depth : most];
  }
}

/* Leaves that were too deep share the place of others higher up, until all have one. */
static void fit_depths(int most, int *at_depth) {
  long taken = 0;
  for (int depth = 1; depth <= most; ++depth) taken += (long)at_depth[depth] << (most - depth);
  for (; taken > 1L << most; --taken) {
    int depth = most - 1;
    while (!at_depth[depth]) --depth;
    --at_depth[depth];
    at_depth[depth + 1] += 2;
    --at_depth[most];
  }
}

void huffman_depths(const struct leaf *leaves, int count, int most, int *at_depth) {
  count_depths(leaves, count, most, at_depth);
  fit_depths(most, at_depth);
}
