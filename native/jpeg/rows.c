/* The encoder's loops for two generations of processors, and the choice of one at run time, as metric_rows.c has it.
 * Neither joins a product and a sum, so that a file is the same by both. */
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../metric/metric_rows.h"

typedef uint16_t __attribute__((may_alias)) pair; /* two samples beside each other */

/* A row of a block. */
typedef float eight __attribute__((vector_size(JPEG_SIDE * sizeof(float))));
typedef int32_t eight_whole __attribute__((vector_size(JPEG_SIDE * sizeof(int32_t))));
typedef uint8_t eight_bytes __attribute__((vector_size(JPEG_SIDE)));

/* Numbers of two rows by their places, the second one's from 8 on. */
#if defined(__clang__)
#define MIXED(one, other, ...) __builtin_shufflevector(one, other, __VA_ARGS__)
#else
#define MIXED(one, other, ...) __builtin_shuffle(one, other, (eight_whole){__VA_ARGS__})
#endif

/* The first byte's bits to the lowest of each byte, and so on: by squares of one, two and four bits. */
static inline uint64_t turned_bits(uint64_t bits) {
  uint64_t apart = (bits ^ bits >> 7) & 0x00AA00AA00AA00AAu;
  bits ^= apart ^ apart << 7;
  apart = (bits ^ bits >> 14) & 0x0000CCCC0000CCCCu;
  bits ^= apart ^ apart << 14;
  apart = (bits ^ bits >> 28) & 0x00000000F0F0F0F0u;
  return bits ^ apart ^ apart << 28;
}

static const float BLUE_OF_RED = -0.168735892f, BLUE_OF_GREEN = -0.331264108f;
static const float RED_OF_GREEN = -0.418687589f, RED_OF_BLUE = -0.081312411f;

#define C(k, cosine) static const float COS##k = cosine##f * 0.5f
C(1, 0.98078528040323044913);
C(2, 0.92387953251128675613);
C(3, 0.83146961230254523708);
C(4, 0.70710678118654752440);
C(5, 0.55557023301960222474);
C(6, 0.38268343236508977173);
C(7, 0.19509032201612826785);

/* Where each place of the zigzag is found, column after column. */
static const uint8_t TURNED[JPEG_VALUES] = {
    0,  8,  1,  2,  9,  16, 24, 17, 10, 3,  4,  11, 18, 25, 32, 40, 33, 26, 19, 12, 5,  6,
    13, 20, 27, 34, 41, 48, 56, 49, 42, 35, 28, 21, 14, 7,  15, 22, 29, 36, 43, 50, 57, 58,
    51, 44, 37, 30, 23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63,
};

/* What no picture's waves reach: sums of what lies within have 32 bits, and of a column that has no more all of a
 * transform's numbers have 16, beyond which decoders differ. */
enum { MOST_WAVE = 16383, MOST_HALFWAY = 32767, MOST_COLUMN = 2952 };

#define CPU
#define NAME(name) plain_##name
#include "rows_body.h"

#if defined(__x86_64__)

#define CPU __attribute__((target("avx2")))
#define NAME(name) avx2_##name
#include "rows_body.h"

const struct jpeg_rows *jpeg_rows_for(int newest) {
  return newest >= METRIC_AVX2 && metric_newest_cpu() >= METRIC_AVX2 ? &avx2_rows : &plain_rows;
}

#else

const struct jpeg_rows *jpeg_rows_for(int newest) {
  (void)newest;
  return &plain_rows;
}

#endif
