/* Included before every kernel that is fuzzed: its allocations are counted, and one of them can be made to fail. */
#ifndef FUZZ_ALLOCATIONS_H
#define FUZZ_ALLOCATIONS_H

#include <stddef.h>
#include <stdlib.h>

/* From now on the call of this number is refused, counted from 1; 0: none. How many there were since. */
void fuzz_refuse(size_t number);
size_t fuzz_calls(void);

void *fuzz_malloc(size_t bytes);
void *fuzz_calloc(size_t count, size_t bytes);
void *fuzz_realloc(void *memory, size_t bytes);
void *fuzz_aligned_alloc(size_t alignment, size_t bytes);

#ifndef FUZZ_TARGET
#define malloc fuzz_malloc
#define calloc fuzz_calloc
#define realloc fuzz_realloc
#define aligned_alloc fuzz_aligned_alloc
#endif

#endif
