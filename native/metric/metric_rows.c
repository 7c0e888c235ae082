/* The row loops of SSIMULACRA2 for several generations of processors, and the choice of one at run time.
 *
 * Attributes and a table rather than target_clones: clones need GNU libc's indirect functions, and GCC picks a clone
 * for an `arch=` by the processor's name, which a virtual machine does not tell.
 */
#include "metric_rows.h"

#include <math.h>

/* The normalised weights of a Gaussian of sigma 1.5 at the distances 0 to 5. */
#define W0 0.2660117248617943f
#define W1 0.21300553771125366f
#define W2 0.1093606895097f
#define W3 0.03600077212843082f
#define W4 0.007598758135239184f
#define W5 0.0010283800844791099f

static const float SSIM_C2 = 0.0009f;
static const float OPSIN_BIAS = 0.0037930732552754493f;
static const float OPSIN_BIAS_ROOT = 0.15595420054924863f;


#define CPU
#define NAME(name) plain_##name
#include "metric_rows_body.h"

#if defined(__x86_64__)

#define CPU __attribute__((target("avx2,fma")))
#define NAME(name) avx2_##name
#include "metric_rows_body.h"

#define CPU __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define NAME(name) avx512_##name
#include "metric_rows_body.h"

const struct metric_rows *metric_rows_for(int newest) {
  __builtin_cpu_init();
  if (newest >= METRIC_AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    return &avx512_rows;
  }
  if (newest >= METRIC_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return &avx2_rows;
  }
  return &plain_rows;
}

#else

const struct metric_rows *metric_rows_for(int newest) {
  (void)newest;
  return &plain_rows;
}

#endif
