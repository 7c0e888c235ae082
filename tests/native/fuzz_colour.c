/* native/webp/colour_plane.c and colour_rows.c: what is written for a picture's transformed rows, read as RFC 9649 says,
 * gives these rows. That the transforms are the format's is tested by libwebp (tests/engine/test_lossless_webp.py). */
#define FUZZ_TARGET
#include "fuzz.h"

#include "../../native/webp/colour_rows.h"
#include "../../native/webp/lossless.h"
#include "webp_reader.h"

enum { FIRST_CACHED = 280, GREENS = FIRST_CACHED + 1024, GREEN_BITS = 11, SYMBOLS = GREENS + 3 * 256 + DISTANCE_SYMBOLS };
enum { MOST_GROUPS = 3, MODES = 14, MOST_COLOURS = 256 };

struct sink {
  const uint16_t *groups;
  uint32_t *counts;
  const struct code *codes;
  int32_t group_bits, cache_bits;
  struct writer writer;
};

struct tokens;
int leanpix_choose_modes(const struct source *source, uint8_t *modes);
struct tokens *leanpix_colour_tokens(const struct source *source, int cache_bits);
void leanpix_free_colour_tokens(struct tokens *tokens);
int leanpix_replay_tokens(const struct tokens *tokens, const struct source *source, struct sink *sink);

static uint32_t *transformed(const struct source *source) {
  struct rows rows;
  size_t width = coded_width(source);
  uint32_t *all = malloc(width * source->height * sizeof *all);
  CHECK(all != NULL);
  if (leanpix_open_rows(&rows, source)) { /* an allocation was refused */
    leanpix_close_rows(&rows);
    free(all);
    return NULL;
  }
  for (size_t y = 0; y < source->height; ++y) leanpix_next_row(&rows, all + y * width);
  leanpix_close_rows(&rows);
  return all;
}

struct decoder {
  struct bit_reader reader;
  uint32_t cache[1024];
  int cache_bits;
};

static void see(struct decoder *decoder, uint32_t pixel) {
  if (decoder->cache_bits) decoder->cache[pixel * 0x1e35a7bdu >> (32 - decoder->cache_bits)] = pixel;
}

static void read_back(struct decoder *decoder, const uint32_t *pixels, size_t size, size_t width) {
  struct bit_reader *reader = &decoder->reader;
  for (size_t at = 0; at < size;) {
    uint32_t symbol = read_bits(reader, GREEN_BITS);
    if (symbol < LITERALS) {
      uint32_t red = read_bits(reader, 8), blue = read_bits(reader, 8), alpha = read_bits(reader, 8);
      CHECK(pixels[at] == (alpha << 24 | red << 16 | symbol << 8 | blue));
      see(decoder, pixels[at++]);
    } else if (symbol >= FIRST_CACHED) {
      CHECK(symbol - FIRST_CACHED < 1u << decoder->cache_bits && decoder->cache[symbol - FIRST_CACHED] == pixels[at]);
      see(decoder, pixels[at++]);
    } else {
      size_t length = read_value(reader, symbol - LITERALS), distance = read_distance(reader, width);
      CHECK(distance >= 1 && distance <= at && length <= size - at);
      for (; length > 0; --length, ++at) {
        CHECK(pixels[at] == pixels[at - distance]);
        see(decoder, pixels[at]);
      }
    }
  }
}

static size_t make_codes(struct code *codes, const uint32_t *counts, uint32_t groups) {
  size_t bits = 0;
  for (uint32_t group = 0; group < groups; ++group, codes += SYMBOLS, counts += SYMBOLS) {
    bits += fixed_codes(codes, counts, FIRST_CACHED, GREEN_BITS, LITERALS);
    for (int i = FIRST_CACHED; i < GREENS; ++i) {
      codes[i] = (struct code){(uint16_t)i, GREEN_BITS};
      bits += counts[i] * (size_t)GREEN_BITS;
    }
    for (int i = GREENS; i < SYMBOLS - DISTANCE_SYMBOLS; ++i) {
      codes[i] = (struct code){(uint16_t)((i - GREENS) % 256), 8};
      bits += counts[i] * (size_t)8;
    }
    int distances = SYMBOLS - DISTANCE_SYMBOLS;
    bits += fixed_codes(codes + distances, counts + distances, DISTANCE_SYMBOLS, DISTANCE_BITS, 0);
  }
  return bits;
}

static void check_tokens(struct input *input, const struct source *source, const struct tokens *tokens, int cache_bits,
                         const uint32_t *expected) {
  size_t width = coded_width(source), size = width * source->height;
  int group_bits = (int)take(input, 2, 9);
  size_t across = (width + ((size_t)1 << group_bits) - 1) >> group_bits;
  size_t tiles = across * ((source->height + ((size_t)1 << group_bits) - 1) >> group_bits);
  uint32_t groups = take(input, 1, MOST_GROUPS), held_count = take(input, 0, 7);
  uint16_t *group_of = malloc(tiles * sizeof *group_of);
  uint32_t *counts = calloc((size_t)groups * SYMBOLS, sizeof *counts);
  struct code *codes = malloc((size_t)groups * SYMBOLS * sizeof *codes);
  CHECK(group_of != NULL && counts != NULL && codes != NULL);
  for (size_t i = 0; i < tiles; ++i) group_of[i] = (uint16_t)(i % groups);

  struct sink counting = {group_of, counts, NULL, group_bits, cache_bits, {NULL, 0, 0, 0}};
  if (leanpix_replay_tokens(tokens, source, &counting) == 0) {
    size_t bits = held_count + make_codes(codes, counts, groups);
    uint8_t *out = malloc((bits + 7) / 8 + 1);
    CHECK(out != NULL);
    struct sink writing = {group_of, NULL, codes, group_bits, cache_bits, {out, 0, 0, (int)held_count}};
    if (leanpix_replay_tokens(tokens, source, &writing) == 0) {
      CHECK(writing.writer.size == (bits + 7) / 8);
      struct decoder decoder = {{out, writing.writer.size, held_count}, {0}, cache_bits};
      read_back(&decoder, expected, size, width);
      CHECK(decoder.reader.at == bits);
    }
    free(out);
  }
  free(group_of);
  free(counts);
  free(codes);
}

void fuzz_one(struct input input, int is_short) {
  uint8_t *modes = NULL, *pixels;
  uint32_t *colours = NULL, *expected;
  struct source source = {.bands = (int32_t)take(&input, 1, 4), .is_green_subtracted = (int32_t)take(&input, 0, 1)};
  source.width = take_side(&input, 1, 400);
  source.height = take_side(&input, 1, 64);
  source.tile_bits = (int32_t)take(&input, 2, 9);
  int kind = (int)take(&input, 0, 2), cache_bits = take(&input, 0, 1) ? 10 : 0;
  if (kind == 0) {
    source.bundle_power = (int32_t)take(&input, 0, 3);
    uint32_t most = source.bundle_power == 0 ? MOST_COLOURS : 1u << (8 >> source.bundle_power);
    source.colour_count = (int32_t)take(&input, 1, most);
  }
  source.pixels = pixels = take_bytes(&input, source.width * source.height * (size_t)source.bands);
  if (kind == 0) { /* a table of numbers: gray pixels that are in it */
    colours = malloc((size_t)source.colour_count * sizeof *colours);
    CHECK(colours != NULL);
    for (int i = 0; i < source.colour_count; ++i) colours[i] = 0xff000000u | (uint32_t)i * 0x010101u;
    for (size_t i = 0; i < source.width * source.height * (size_t)source.bands; ++i) {
      int is_alpha = source.bands % 2 == 0 && i % (size_t)source.bands == (size_t)source.bands - 1;
      pixels[i] = is_alpha ? 255 : (uint8_t)(pixels[i - i % (size_t)source.bands] % source.colour_count);
    }
    source.colours = colours;
  }
  if (kind == 1) {
    size_t side = (size_t)1 << source.tile_bits;
    size_t tiles = ((source.width + side - 1) / side) * ((source.height + side - 1) / side);
    modes = malloc(tiles);
    CHECK(modes != NULL);
    int failed = leanpix_choose_modes(&source, modes);
    CHECK(failed == 0 || is_short);
    for (size_t i = 0; i < tiles; ++i) {
      CHECK(failed || modes[i] < MODES);
      if (failed || take(&input, 0, 1)) modes[i] = (uint8_t)take(&input, 0, MODES - 1); /* each of them, somewhere */
    }
    source.modes = modes;
  }
  expected = transformed(&source);
  if (expected != NULL) {
    struct tokens *tokens = leanpix_colour_tokens(&source, cache_bits);
    CHECK(tokens != NULL || is_short);
    if (tokens != NULL) {
      check_tokens(&input, &source, tokens, cache_bits, expected);
      leanpix_free_colour_tokens(tokens);
    }
  }
  free(expected);
  free(pixels);
  free(modes);
  free(colours);
}
