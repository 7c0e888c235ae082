/* Cases for libFuzzer. Each is run twice: with every allocation granted, then with one of them refused. */
#define FUZZ_TARGET
#include "fuzz.h"

uint32_t take(struct input *input, uint32_t least, uint32_t most) {
  uint32_t value = 0;
  for (uint64_t range = (uint64_t)most - least; range; range >>= 8) {
    value = value << 8 | (input->size ? *input->data : 0);
    if (input->size) ++input->data, --input->size;
  }
  return least + (uint32_t)(value % ((uint64_t)most - least + 1));
}

uint32_t take_side(struct input *input, uint32_t least, uint32_t most) {
  uint32_t span = most - least, is_long = take(input, 0, 7) == 7;
  return take(input, least, least + (is_long ? span : span / 12));
}

static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

uint8_t *take_bytes(struct input *input, size_t count) {
  enum { NOISE, FEW, RUNS, REPEATED, SLOPE, GIVEN, KINDS };
  uint32_t kind = take(input, 0, KINDS - 1), state = take(input, 1, 65535), few = take(input, 1, 16);
  size_t period = take(input, 1, 4096), run = 0;
  uint8_t *bytes = malloc(count ? count : 1), value = 0;
  CHECK(bytes != NULL);
  for (size_t i = 0; i < count; ++i) {
    uint32_t random = next_random(&state);
    switch (kind) {
    case NOISE: bytes[i] = (uint8_t)random; break;
    case FEW: bytes[i] = (uint8_t)(random % few * 37); break;
    case RUNS:
      if (run-- == 0) run = random % (few * 64), value = (uint8_t)(random >> 16);
      bytes[i] = value;
      break;
    case REPEATED: bytes[i] = i < period || random % 251 == 0 ? (uint8_t)random : bytes[i - period]; break;
    case SLOPE: bytes[i] = (uint8_t)(i / few + random % few); break;
    default: bytes[i] = input->size ? input->data[i % input->size] : 0;
    }
  }
  /* What is given lies over the rest, so that mutations reach single bytes. */
  for (size_t i = 0; i < input->size && i < count; ++i) bytes[i] ^= kind == GIVEN ? 0 : input->data[i];
  return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, size};
  size_t which = take(&input, 0, 255);
  fuzz_refuse(0);
  fuzz_one(input, 0);
  size_t calls = fuzz_calls();
  if (calls == 0) return 0;
  fuzz_refuse(which % calls + 1);
  fuzz_one(input, 1);
  CHECK(fuzz_calls() > which % calls);
  return 0;
}
