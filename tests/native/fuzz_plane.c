/* native/webp/alpha_plane.c: what is written for a plane, read as RFC 9649 says, gives the plane. */
#define FUZZ_TARGET
#include "fuzz.h"

#include "../../native/webp/lossless.h"
#include "webp_reader.h"

enum { GREENS = 280, GREEN_BITS = 9 };

struct tokens;
struct tokens *leanpix_plane_tokens(const uint8_t *plane, size_t width, size_t height, uint32_t *greens,
                                    uint32_t *distances);
void leanpix_free_tokens(struct tokens *tokens);
size_t leanpix_write_tokens(const struct tokens *tokens, const uint8_t *plane, const struct code *greens,
                            const struct code *distances, uint32_t held, int held_count, uint8_t *out);

static void read_back(struct bit_reader *reader, const uint8_t *plane, size_t size, size_t width) {
  for (size_t at = 0; at < size;) {
    uint32_t symbol = read_bits(reader, GREEN_BITS);
    if (symbol < LITERALS) {
      CHECK(plane[at++] == symbol);
      continue;
    }
    size_t length = read_value(reader, symbol - LITERALS);
    size_t distance = read_distance(reader, width);
    CHECK(distance >= 1 && distance <= at && length <= size - at);
    for (; length > 0; --length, ++at) CHECK(plane[at] == plane[at - distance]);
  }
}

void fuzz_one(struct input input, int is_short) {
  struct code greens[GREENS], distances[DISTANCE_SYMBOLS];
  uint32_t green_counts[GREENS] = {0}, distance_counts[DISTANCE_SYMBOLS] = {0};
  size_t width = take_side(&input, 1, 1500), height = take_side(&input, 1, 120), bits = take(&input, 0, 7), held_count = bits;
  uint32_t held = take(&input, 0, 255) & ((1u << held_count) - 1);
  uint8_t *plane = take_bytes(&input, width * height);
  struct tokens *tokens = leanpix_plane_tokens(plane, width, height, green_counts, distance_counts);
  CHECK((tokens == NULL) == is_short);
  if (tokens != NULL) {
    bits += fixed_codes(greens, green_counts, GREENS, GREEN_BITS, LITERALS);
    bits += fixed_codes(distances, distance_counts, DISTANCE_SYMBOLS, DISTANCE_BITS, 0);
    uint8_t *out = malloc((bits + 7) / 8 + 1);
    CHECK(out != NULL);
    size_t size = leanpix_write_tokens(tokens, plane, greens, distances, held, (int)held_count, out);
    CHECK(size == (bits + 7) / 8);
    struct bit_reader reader = {out, size, 0};
    CHECK(read_bits(&reader, (int)held_count) == held);
    read_back(&reader, plane, width * height, width);
    CHECK(reader.at == bits);
    leanpix_free_tokens(tokens);
    free(out);
  }
  free(plane);
}
