/* native/jpeg: files of any bytes are refused or packed to the same coefficients, and what was packed is read again. */
#define FUZZ_TARGET
#include "fuzz.h"

#include "../../native/jpeg/read.h"
#include "../../native/metric/metric_rows.h"

enum { MOST_PIXELS = 1 << 16 };

int leanpix_jpeg_pack(const uint8_t *file, size_t size, size_t most_pixels, double until_cpu_s,
                      size_t most_bytes, uint8_t **output,
                      size_t *output_bytes);
int leanpix_jpeg_decode(const uint8_t *file, size_t size, size_t width, size_t height, int bands, int cpu,
                        uint8_t *pixels);

/* A picture of coefficients from the case: what a reader is given to read. */
static void make(struct input *input, struct jpeg_picture *picture) {
  memset(picture, 0, sizeof *picture);
  picture->width = take_side(input, 1, 200);
  picture->height = take_side(input, 1, 200);
  picture->components = (int)take(input, 1, JPEG_COMPONENTS);
  for (int i = 0; i < picture->components; ++i) {
    struct jpeg_component *one = &picture->component[i];
    *one = (struct jpeg_component){.id = i + 1, .table = (int)take(input, 0, 1)};
    one->across = (int)take(input, 1, 4);
    one->down = (int)take(input, 1, 4);
  }
  for (int table = 0; table < 2; ++table) {
    picture->has_table[table] = 1;
    for (int i = 0; i < JPEG_VALUES; ++i) picture->tables[table][i] = (uint16_t)take(input, 1, table ? 400 : 200);
  }
}

static void fill(struct input *input, struct jpeg_picture *picture) {
  const int bits = (int)take(input, 1, 10), few = (int)take(input, 1, 64);
  for (int i = 0; i < picture->components; ++i) {
    struct jpeg_component *one = &picture->component[i];
    const size_t blocks = one->width * one->height;
    uint8_t *bytes = take_bytes(input, blocks * JPEG_VALUES * 2);
    for (size_t at = 0; at < blocks * JPEG_VALUES; ++at) {
      const int value = (bytes[2 * at] << 8 | bytes[2 * at + 1]) & ((1 << bits) - 1);
      const int is_kept = at % JPEG_VALUES < (size_t)few && bytes[2 * at] % 3 == 0;
      one->values[at] = (int16_t)(is_kept ? bytes[2 * at + 1] & 1 ? value : -value : 0);
    }
    for (size_t block = 0; block < blocks; ++block) {
      for (int place = 0; place < JPEG_VALUES; ++place) {
        one->filled[block][0] |= (uint64_t)(one->values[block * JPEG_VALUES + (size_t)place] != 0) << place;
      }
      jpeg_sort_by_size(one->values + block * JPEG_VALUES, one->filled[block]);
    }
    free(bytes);
  }
}

static void check_same(const struct jpeg_picture *one, const struct jpeg_picture *other) {
  CHECK(one->width == other->width && one->height == other->height && one->components == other->components);
  for (int i = 0; i < one->components; ++i) {
    const struct jpeg_component *first = &one->component[i], *second = &other->component[i];
    const size_t blocks = first->width * first->height;
    CHECK(first->width == second->width && first->height == second->height);
    CHECK(memcmp(one->tables[first->table], other->tables[second->table], sizeof *one->tables) == 0);
    CHECK(memcmp(first->values, second->values, blocks * JPEG_VALUES * sizeof *first->values) == 0);
    CHECK(memcmp(first->filled, second->filled, blocks * sizeof *first->filled) == 0);
  }
}

/* Reads a file into memory of exactly its size; the outcome. */
static enum jpeg_outcome read_file(const uint8_t *file, size_t size, struct jpeg_picture *picture) {
  struct jpeg_bytes kept = {0};
  uint8_t *exact = malloc(size ? size : 1);
  CHECK(exact != NULL);
  if (size) memcpy(exact, file, size);
  memset(picture, 0, sizeof *picture);
  const enum jpeg_outcome outcome = jpeg_read(exact, size, MOST_PIXELS, 0, picture, &kept);
  free(kept.data);
  free(exact);
  return outcome;
}

/* Pixels of what is read are the same by each generation of processors, and none are written of another size. */
static void check_shown(const uint8_t *file, size_t size, const struct jpeg_picture *picture, int is_short) {
  const size_t width = picture->width, height = picture->height, bytes = width * height * (size_t)picture->components;
  uint8_t *plain = malloc(bytes), *newest = malloc(bytes);
  CHECK(plain != NULL && newest != NULL);
  const int first = leanpix_jpeg_decode(file, size, width, height, picture->components, METRIC_PLAIN, plain);
  const int second = leanpix_jpeg_decode(file, size, width, height, picture->components, METRIC_AVX512, newest);
  CHECK(first == second || is_short);
  if (first == JPEG_DONE && second == JPEG_DONE) CHECK(memcmp(plain, newest, bytes) == 0);
  CHECK(leanpix_jpeg_decode(file, size, width, height + 1, picture->components, METRIC_PLAIN, NULL) != JPEG_DONE);
  free(plain);
  free(newest);
}

/* With as many bytes as it takes a file is packed as it was without a limit, with fewer it is not. */
static void check_limits(const uint8_t *file, size_t size, const uint8_t *data, size_t data_bytes, int is_short) {
  uint8_t *output = NULL;
  size_t bytes = 0;
  const int within = leanpix_jpeg_pack(file, size, MOST_PIXELS, 0, data_bytes, &output, &bytes);
  CHECK(within == JPEG_DONE || (is_short && within == JPEG_NO_MEMORY));
  if (within == JPEG_DONE) CHECK(bytes == data_bytes && memcmp(output, data, bytes) == 0);
  if (within == JPEG_DONE) free(output);
  const int over = leanpix_jpeg_pack(file, size, MOST_PIXELS, 0, data_bytes - 1, &output, &bytes);
  CHECK(over == JPEG_LARGER || (is_short && over == JPEG_NO_MEMORY));
}

/* Packs a file and reads both; whether it was packed. */
static int pack_and_check(const uint8_t *file, size_t size, int is_short) {
  struct jpeg_picture before, after;
  uint8_t *output = NULL;
  size_t bytes = 0;
  const int packed = leanpix_jpeg_pack(file, size, MOST_PIXELS, 0, 0, &output, &bytes);
  CHECK(is_short || packed != JPEG_NO_MEMORY);
  if (packed != JPEG_DONE) return 0;
  check_limits(file, size, output, bytes, is_short);
  const enum jpeg_outcome first = read_file(file, size, &before), second = read_file(output, bytes, &after);
  CHECK(is_short || (first == JPEG_DONE && second == JPEG_DONE));
  if (first == JPEG_DONE && second == JPEG_DONE) check_same(&before, &after);
  if (first == JPEG_DONE) check_shown(file, size, &before, is_short);
  jpeg_free_values(&before);
  jpeg_free_values(&after);
  free(output);
  return 1;
}

void fuzz_one(struct input input, int is_short) {
  const int is_file = take(&input, 0, 3) == 0;
  if (is_file) {
    pack_and_check(input.data, input.size, is_short);
    return;
  }
  struct jpeg_picture picture, again;
  struct jpeg_bytes out = {0};
  const int hurts = (int)take(&input, 0, 3);
  make(&input, &picture);
  if (jpeg_lay_out(&picture) == JPEG_DONE) {
    fill(&input, &picture);
    jpeg_put_short(&out, 0xFFD8);
    const enum jpeg_outcome written = jpeg_write(&out, &picture, 0, SIZE_MAX);
    CHECK(written == JPEG_DONE || (is_short && written == JPEG_NO_MEMORY));
    if (written == JPEG_DONE) {
      const enum jpeg_outcome read = read_file(out.data, out.size, &again);
      CHECK(read == JPEG_DONE || is_short);
      if (read == JPEG_DONE) check_same(&picture, &again);
      jpeg_free_values(&again);
      for (int i = 0; i < hurts; ++i) {
        const uint32_t at = take(&input, 0, (uint32_t)out.size - 1);
        out.data[at] ^= (uint8_t)take(&input, 1, 255);
      }
      CHECK(pack_and_check(out.data, out.size, is_short) || is_short || hurts);
    }
  } else {
    CHECK(is_short);
  }
  free(out.data);
  jpeg_free_values(&picture);
}
