/* The means of blocks by what they take: each is told as a step from the one before it, so that those of a row of units
 * are chosen together, by a trellis of three levels at each block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"

static const float NEVER = 1e30f;
static const int LEAST = -1024, MOST = 1023;
enum { STEPS = 2 * JPEG_LEVELS - 1 }; /* that lead from one of a mean's levels to one of the next mean's */

/* By what was told so far. */
static void bits_from(float bits[JPEG_MEAN_SIZES], const uint32_t counts[JPEG_MEAN_SIZES]) {
  double all = 0;
  for (int size = 0; size < JPEG_MEAN_SIZES; ++size) all += counts[size] + 1.0;
  for (int size = 0; size < JPEG_MEAN_SIZES; ++size) bits[size] = (float)(log2(all / (counts[size] + 1.0)) + size);
}

static inline int size_of_step(int step) { return jpeg_size((unsigned)abs(step)); }

/* The levels to choose from: the nearest one, and one on either side. */
static int lowest_level(float scaled) {
  const int lowest = (int)floorf(scaled + 0.5f) - 1;
  return lowest < LEAST ? LEAST : lowest > MOST - (JPEG_LEVELS - 1) ? MOST - (JPEG_LEVELS - 1) : lowest;
}

/* Ways to each level of a mean: the least error and bits so far, and where each comes from. From neighbouring levels
 * the same few steps lead to neighbouring ones. */
static inline void add_mean(struct jpeg_mean *mean, float cost[JPEG_LEVELS], int lowest_before, const float *bits,
                            float weight) {
  float taken[STEPS], least[JPEG_LEVELS];
  mean->lowest = (int16_t)lowest_level(mean->scaled);
  for (int i = 0; i < STEPS; ++i) {
    const int size = size_of_step(mean->lowest - lowest_before + i - (JPEG_LEVELS - 1));
    taken[i] = size < JPEG_MEAN_SIZES ? mean->slope * bits[size] : INFINITY;
  }
  for (int level = 0; level < JPEG_LEVELS; ++level) {
    const float off = (float)(mean->lowest + level) - mean->scaled;
    float best = NEVER;
    int from = 0;
    for (int before = 0; before < JPEG_LEVELS; ++before) {
      const float sum = cost[before] + taken[level - before + JPEG_LEVELS - 1];
      from = sum < best ? before : from;
      best = sum < best ? sum : best;
    }
    mean->from[level] = (uint8_t)from;
    least[level] = best + off * off * weight;
  }
  memcpy(cost, least, sizeof least);
}

static int least_of(const float cost[JPEG_LEVELS]) {
  int least = 0;
  for (int level = 1; level < JPEG_LEVELS; ++level) {
    if (cost[level] < cost[least]) least = level;
  }
  return least;
}

void jpeg_choose_means(struct jpeg_mean *means, size_t count, float weight, struct jpeg_mean_chain *chain) {
  float bits[JPEG_MEAN_SIZES], cost[JPEG_LEVELS] = {0, NEVER, NEVER};
  bits_from(bits, chain->counts);
  int lowest = chain->before;
  for (size_t i = 0; i < count; ++i) {
    add_mean(&means[i], cost, lowest, bits, weight);
    lowest = means[i].lowest;
  }
  int level = least_of(cost);
  for (size_t i = count; i-- > 0;) {
    means[i].values[0] = (int16_t)(means[i].lowest + level);
    level = means[i].from[level];
  }
  for (size_t i = 0; i < count; ++i) {
    ++chain->counts[size_of_step(means[i].values[0] - chain->before)];
    chain->before = means[i].values[0];
  }
}
