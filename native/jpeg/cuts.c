/* What a band takes that is cut into two, for several places of the cut in one walk through its blocks: but for the first
 * value behind a cut, whose run begins there, and for blocks that end, both parts have the symbols of the whole. */
#include <stdlib.h>
#include <string.h>

#include "scans.h"

enum { SIXTEEN_ZEROS = 0xF0, MOST_RUN = 0x7FFF, PARTS = JPEG_CUTS + 1, LAST = JPEG_VALUES - 1 };
enum { BEFORE, BEHIND, SIDES };

const int JPEG_CUT_AFTER[JPEG_CUTS] = {2, 5, 8, 12, 18};

/* One side of a cut. */
struct side {
  int32_t counts[HUFFMAN_SYMBOLS]; /* of what differs from the whole's symbols, which may be less than none */
  int64_t extra_bits;
  uint32_t ended;
};

struct cuts {
  uint32_t counts[PARTS][HUFFMAN_SYMBOLS]; /* of the values between two cuts, as the whole has them */
  uint64_t extra_bits[PARTS];
  struct side sides[JPEG_CUTS][SIDES];
};

static inline void count_value(int32_t *counts, int run, int size, int by) {
  counts[SIXTEEN_ZEROS] += by * (run >> 4);
  counts[(run & 15) << 4 | size] += by;
}

static inline void end_run(struct side *side) {
  if (side->ended == 0) return;
  const int size = jpeg_size(side->ended) - 1;
  ++side->counts[size << 4];
  side->extra_bits += size;
  side->ended = 0;
}

/* A block that has values on this side, or none, and whether they reach the side's last place. */
static inline void add_ends(struct side *side, int has_values, int is_open) {
  if (has_values) end_run(side);
  if (is_open && ++side->ended == MOST_RUN) end_run(side);
}

static void add_block(struct cuts *cuts, const int16_t *values, uint64_t filled, int low) {
  int done = 0, part = 0;
  for (uint64_t left = filled; left; left &= left - 1) {
    const int at = __builtin_ctzll(left), run = at - done - 1, size = jpeg_size((unsigned)abs(values[at]) >> low);
    for (; part < JPEG_CUTS && at > JPEG_CUT_AFTER[part]; ++part) {
      const int shorter = at - JPEG_CUT_AFTER[part] - 1;
      if (done == JPEG_CUT_AFTER[part]) continue;
      count_value(cuts->sides[part][BEHIND].counts, run, size, -1);
      count_value(cuts->sides[part][BEHIND].counts, shorter, size, 1);
    }
    cuts->counts[part][SIXTEEN_ZEROS] += (uint32_t)run >> 4;
    ++cuts->counts[part][(run & 15) << 4 | size];
    cuts->extra_bits[part] += (uint64_t)size;
    done = at;
  }
  for (int cut = 0; cut < JPEG_CUTS; ++cut) {
    const int after = JPEG_CUT_AFTER[cut];
    const uint64_t before = filled & (~(uint64_t)0 >> (LAST - after)), behind = filled ^ before;
    add_ends(&cuts->sides[cut][BEFORE], before != 0, !(before >> after));
    add_ends(&cuts->sides[cut][BEHIND], behind != 0, !(behind >> LAST));
  }
}

static uint64_t bits_of(const struct cuts *cuts, int cut, int which, size_t step) {
  const struct side *side = &cuts->sides[cut][which];
  uint32_t counts[HUFFMAN_SYMBOLS];
  uint64_t extra_bits = (uint64_t)side->extra_bits;
  memcpy(counts, side->counts, sizeof counts);
  for (int part = which == BEFORE ? 0 : cut + 1; part <= (which == BEFORE ? cut : JPEG_CUTS); ++part) {
    for (int i = 0; i < HUFFMAN_SYMBOLS; ++i) counts[i] += cuts->counts[part][i];
    extra_bits += cuts->extra_bits[part];
  }
  return jpeg_band_bits(counts, extra_bits, step);
}

void jpeg_cut_bits(uint64_t bits[JPEG_CUTS][2], const struct jpeg_picture *picture, int component, int low, size_t step) {
  const struct jpeg_component *one = &picture->component[component];
  struct cuts cuts;
  memset(&cuts, 0, sizeof cuts);
  for (size_t row = 0; row < one->height; row += step) {
    for (size_t at = row * one->width; at < (row + 1) * one->width; ++at) {
      add_block(&cuts, one->values + at * JPEG_VALUES, one->filled[at][low] & ~(uint64_t)1, low);
    }
  }
  for (int cut = 0; cut < JPEG_CUTS; ++cut) {
    for (int which = 0; which < SIDES; ++which) {
      end_run(&cuts.sides[cut][which]);
      bits[cut][which] = bits_of(&cuts, cut, which, step);
    }
  }
}
