/* What the fuzz targets share. Each one defines fuzz_one; main and the mutations are libFuzzer's. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocations.h"

#define CHECK(holds)                                               \
  do {                                                             \
    if (!(holds)) {                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);  \
      abort();                                                     \
    }                                                              \
  } while (0)

/* The bytes of a case, taken from the front; zeros when they are used up. */
struct input {
  const uint8_t *data;
  size_t size;
};

/* Runs a kernel on a case and checks its answer; is_short: an allocation fails, and the kernel has to say so. */
void fuzz_one(struct input input, int is_short);

/* A number from least to most. */
uint32_t take(struct input *input, uint32_t least, uint32_t most);

/* A side from least to most, mostly a short one: small cases are many. */
uint32_t take_side(struct input *input, uint32_t least, uint32_t most);

/* So many bytes in memory of exactly their size, to be freed: noise, a few values, runs, a repeated part, a slope, or
 * the rest of the case, over and over. */
uint8_t *take_bytes(struct input *input, size_t count);

#endif
