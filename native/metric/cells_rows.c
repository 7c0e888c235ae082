/* The row loops of the cells for two generations of processors, and the choice of one at run time, as metric_rows.c has
 * it: without byte shuffles, which the oldest 64-bit processors of Intel and AMD lack, colours are parted one by one. */
#include "cells_rows.h"

#include "metric_rows.h"

#define CPU
#define NAME(name) plain_##name
#include "cells_rows_body.h"

#if defined(__x86_64__)

#define CPU __attribute__((target("avx2")))
#define NAME(name) avx2_##name
#include "cells_rows_body.h"

const struct cells_rows *cells_rows_for(int newest) {
  return newest >= METRIC_AVX2 && metric_newest_cpu() >= METRIC_AVX2 ? &avx2_rows : &plain_rows;
}

#else

const struct cells_rows *cells_rows_for(int newest) {
  (void)newest;
  return &plain_rows;
}

#endif
