/* native/png/deflate.c and deflate_end.c: zlib reads back what they write. */
#define FUZZ_TARGET
#include "fuzz.h"

#include <zlib.h>

size_t leanpix_deflate(const uint8_t *bytes, size_t length, int is_smooth, uint8_t *to, size_t room);
size_t leanpix_open_deflate(uint8_t *bytes, size_t length);

static const uint8_t LAST_BLOCK[] = {3, 0}; /* of fixed codes, and empty */

/* Whether an open stream and a last block give the bytes. */
static int is_read_back(const uint8_t *stream, size_t size, const uint8_t *bytes, size_t length) {
  uint8_t *whole = malloc(size + sizeof LAST_BLOCK), *out = malloc(length + 1);
  CHECK(whole != NULL && out != NULL);
  memcpy(whole, stream, size);
  memcpy(whole + size, LAST_BLOCK, sizeof LAST_BLOCK);
  z_stream reader = {.next_in = whole, .avail_in = (uInt)(size + sizeof LAST_BLOCK), .next_out = out,
                     .avail_out = (uInt)length + 1};
  CHECK(inflateInit2(&reader, -15) == Z_OK);
  int is_whole = inflate(&reader, Z_FINISH) == Z_STREAM_END && reader.avail_in == 0 && reader.total_out == length &&
                 memcmp(out, bytes, length) == 0;
  inflateEnd(&reader);
  free(whole);
  free(out);
  return is_whole;
}

static void write_stream(struct input input, int is_short) {
  int is_smooth = (int)take(&input, 0, 1);
  size_t length = take_side(&input, 0, 120000);
  size_t needed = length + length / 10 + 1000, room = take(&input, 0, 3) ? needed : take(&input, 0, (uint32_t)needed);
  uint8_t *bytes = take_bytes(&input, length), *to = malloc(room ? room : 1);
  CHECK(to != NULL);
  size_t size = leanpix_deflate(bytes, length, is_smooth, to, room);
  CHECK(size <= room);
  if (is_short) CHECK(size == 0);
  if (size > 0) CHECK(is_read_back(to, size, bytes, length));
  else CHECK(is_short || room < needed);
  free(bytes);
  free(to);
}

/* A stream of zlib's, whole or hurt. */
static void open_stream(struct input input) {
  int level = (int)take(&input, 0, 9), strategy = (int)take(&input, 0, Z_FIXED), is_hurt = (int)take(&input, 0, 1);
  size_t length = take_side(&input, 0, 40000), hurt_at = take(&input, 0, 65535), cut = is_hurt ? take(&input, 0, 300) : 0;
  uint8_t hurt_by = (uint8_t)take(&input, 0, 255), *bytes = take_bytes(&input, length);
  z_stream writer = {0};
  CHECK(deflateInit2(&writer, level, Z_DEFLATED, -15, 8, strategy) == Z_OK);
  size_t room = deflateBound(&writer, length) + 5;
  uint8_t *stream = malloc(room);
  CHECK(stream != NULL);
  writer.next_in = bytes;
  writer.avail_in = (uInt)length;
  writer.next_out = stream;
  writer.avail_out = (uInt)room;
  CHECK(deflate(&writer, Z_FINISH) == Z_STREAM_END);
  size_t size = writer.total_out;
  deflateEnd(&writer);
  if (is_hurt) {
    size -= cut < size ? cut : size - 1;
    stream[hurt_at % size] ^= hurt_by;
  }
  uint8_t *exact = malloc(size + 5); /* as much room as is promised, and no more */
  CHECK(exact != NULL);
  memcpy(exact, stream, size);
  size_t opened = leanpix_open_deflate(exact, size);
  CHECK(opened <= size + 5);
  if (!is_hurt) CHECK(opened > 0 && is_read_back(exact, opened, bytes, length));
  free(exact);
  free(stream);
  free(bytes);
}

/* Anything at all. */
static void open_noise(struct input input) {
  uint8_t *bytes = malloc(input.size + 5);
  CHECK(bytes != NULL);
  memcpy(bytes, input.data, input.size);
  CHECK(leanpix_open_deflate(bytes, input.size) <= input.size + 5);
  free(bytes);
}

void fuzz_one(struct input input, int is_short) {
  switch (take(&input, 0, 3)) {
  case 0: open_noise(input); break;
  case 1: open_stream(input); break;
  default: write_stream(input, is_short);
  }
}
