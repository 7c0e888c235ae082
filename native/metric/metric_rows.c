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

#include <cpuid.h>

/* Which registers the operating system keeps for a process: the XCR0 of Intel's manual, volume 1, chapter 13. */
static uint32_t kept_registers(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* The processor is asked itself. __builtin_cpu_supports asks the compiler's run-time library, and that of zig, which the
 * published wheels are compiled by, answers no to everything. */
static int asked_cpu(void) {
  const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;                  /* leaf 1, ecx */
  const uint32_t avx2 = 1u << 5;                                                      /* leaf 7, ebx */
  const uint32_t avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;                  /* the same: f, dq, bw, vl */
  const uint32_t ymm = 0x06, zmm = 0xe6;                                              /* of XCR0 */
  uint32_t a, b, c, d, wanted = fma | osxsave | avx;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & wanted) != wanted || (kept_registers() & ymm) != ymm) {
    return METRIC_PLAIN;
  }
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & avx2)) {
    return METRIC_PLAIN;
  }
  return (b & avx512) == avx512 && (kept_registers() & zmm) == zmm ? METRIC_AVX512 : METRIC_AVX2;
}

/* Asked once: on a virtual machine the question goes to its host, and takes as long as a row of pixels. */
int metric_newest_cpu(void) {
  static _Atomic int known = -1; /* threads that ask at the same time find the same */
  if (known < 0) known = asked_cpu();
  return known;
}

const struct metric_rows *metric_rows_for(int newest) {
  static const struct metric_rows *const rows[] = {&plain_rows, &avx2_rows, &avx512_rows};
  const int here = metric_newest_cpu();
  return rows[newest < here ? newest : here];
}

#else

int metric_newest_cpu(void) { return METRIC_PLAIN; }

const struct metric_rows *metric_rows_for(int newest) {
  (void)newest;
  return &plain_rows;
}

#endif
