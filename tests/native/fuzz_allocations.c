/* What the kernels get for malloc and the others: counted, and refused once. */
#define FUZZ_TARGET
#include "fuzz.h"

static size_t calls, refused; /* the number of the call that is refused, from 1 on; 0: none */

void fuzz_refuse(size_t number) {
  calls = 0;
  refused = number;
}

size_t fuzz_calls(void) { return calls; }

static int is_granted(void) { return ++calls != refused; }

void *fuzz_malloc(size_t bytes) { return is_granted() ? malloc(bytes) : NULL; }
void *fuzz_calloc(size_t count, size_t bytes) { return is_granted() ? calloc(count, bytes) : NULL; }
void *fuzz_realloc(void *memory, size_t bytes) { return is_granted() ? realloc(memory, bytes) : NULL; }
void *fuzz_aligned_alloc(size_t alignment, size_t bytes) {
  CHECK(bytes % alignment == 0); /* C11 says so, and some C libraries insist */
  return is_granted() ? aligned_alloc(alignment, bytes) : NULL;
}
