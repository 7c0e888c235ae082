/* Where a deflate stream ends, so that another may follow it: its last block is read, bit by bit, up to its end.
 *
 * Streams are of our own making: what is malformed is refused, not explained.
 */
#include <stdint.h>
#include <string.h>

#include "../export.h"

enum { STORED, FIXED, DYNAMIC };
enum { MAX_BITS = 15, LITERALS = 288, DISTANCES = 32, LENGTH_CODES = 19, END = 256 };

struct stream {
  const uint8_t *bytes;
  size_t bits, at;
};

/* A value by the next MAX_BITS bits: symbol << 4 | length; 0 where there is none. */
struct codes {
  uint16_t at[1 << MAX_BITS];
};

static unsigned peek(const struct stream *stream, int count) {
  uint32_t window = 0;
  size_t first = stream->at / 8, last = (stream->bits + 7) / 8;
  for (size_t i = 0; i < 4 && first + i < last; ++i) window |= (uint32_t)stream->bytes[first + i] << (8 * i);
  return window >> (stream->at % 8) & ((1u << count) - 1);
}

static unsigned take(struct stream *stream, int count) {
  unsigned value = peek(stream, count);
  stream->at += (size_t)count;
  return value;
}

static unsigned reversed(unsigned code, int length) {
  unsigned turned = 0;
  for (int i = 0; i < length; ++i, code >>= 1) turned = turned << 1 | (code & 1);
  return turned;
}

static void make_codes(struct codes *codes, const uint8_t *lengths, int count) {
  unsigned used[MAX_BITS + 1] = {0}, next[MAX_BITS + 2] = {0};
  for (int i = 0; i < count; ++i) used[lengths[i]]++;
  used[0] = 0;
  for (int length = 1; length <= MAX_BITS; ++length) next[length + 1] = (next[length] + used[length]) << 1;
  memset(codes, 0, sizeof *codes);
  for (int i = 0; i < count; ++i) {
    int length = lengths[i];
    if (length == 0) continue;
    unsigned first = reversed(next[length]++ & ((1u << length) - 1), length);
    for (unsigned place = first; place < 1u << MAX_BITS; place += 1u << length) {
      codes->at[place] = (uint16_t)(i << 4 | length);
    }
  }
}

static int symbol(struct stream *stream, const struct codes *codes) {
  unsigned found = codes->at[peek(stream, MAX_BITS)];
  stream->at += found & 15;
  return found == 0 || stream->at > stream->bits ? -1 : (int)(found >> 4);
}

static int read_lengths(struct stream *stream, struct codes *codes, uint8_t *lengths, int count) {
  for (int i = 0; i < count;) {
    int value = symbol(stream, codes), repeated = 0;
    if (value < 0) return -1;
    if (value < 16) {
      lengths[i++] = (uint8_t)value;
      continue;
    }
    if (value == 16 && i == 0) return -1;
    uint8_t length = value == 16 ? lengths[i - 1] : 0;
    repeated = value == 16 ? 3 + (int)take(stream, 2) : value == 17 ? 3 + (int)take(stream, 3) : 11 + (int)take(stream, 7);
    if (repeated > count - i) return -1;
    memset(lengths + i, length, (size_t)repeated);
    i += repeated;
  }
  return 0;
}

static int read_dynamic(struct stream *stream, struct codes *literals, struct codes *distances) {
  static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  int literal_count = 257 + (int)take(stream, 5), distance_count = 1 + (int)take(stream, 5);
  int length_count = 4 + (int)take(stream, 4);
  uint8_t of_lengths[LENGTH_CODES] = {0}, lengths[LITERALS + DISTANCES] = {0};
  if (literal_count > LITERALS) return -1;
  for (int i = 0; i < length_count; ++i) of_lengths[order[i]] = (uint8_t)take(stream, 3);
  make_codes(literals, of_lengths, LENGTH_CODES);
  if (read_lengths(stream, literals, lengths, literal_count + distance_count)) return -1;
  make_codes(literals, lengths, literal_count);
  make_codes(distances, lengths + literal_count, distance_count);
  return 0;
}

static void make_fixed(struct codes *literals, struct codes *distances) {
  uint8_t lengths[LITERALS];
  memset(lengths, 8, 144);
  memset(lengths + 144, 9, 112);
  memset(lengths + 256, 7, 24);
  memset(lengths + 280, 8, 8);
  make_codes(literals, lengths, LITERALS);
  memset(lengths, 5, DISTANCES);
  make_codes(distances, lengths, DISTANCES);
}

static int skip_symbols(struct stream *stream, const struct codes *literals, const struct codes *distances) {
  for (;;) {
    int value = symbol(stream, literals);
    if (value < 0 || value == END) return value < 0 ? -1 : 0;
    if (value < END) continue;
    stream->at += value < 265 || value >= 285 ? 0 : (size_t)(value - 261) / 4;
    int distance = symbol(stream, distances);
    if (distance < 0) return -1;
    stream->at += distance < 4 ? 0 : (size_t)(distance - 2) / 2;
  }
}

static int skip_stored(struct stream *stream) {
  stream->at = (stream->at + 7) / 8 * 8;
  size_t length = take(stream, 16);
  take(stream, 16);
  stream->at += 8 * length;
  return stream->at > stream->bits ? -1 : 0;
}

static int skip_block(struct stream *stream, unsigned kind, struct codes *literals, struct codes *distances) {
  if (kind == STORED) return skip_stored(stream);
  if (kind == FIXED) make_fixed(literals, distances);
  else if (kind != DYNAMIC || read_dynamic(stream, literals, distances)) return -1;
  return skip_symbols(stream, literals, distances);
}

/* Take a raw deflate stream's end away in place, so that another stream can follow: its last block becomes one of
 * many, and an empty stored block fills up the byte. Returns the new length, at most 5 bytes more than the old, for
 * which there has to be room; 0 where this is no whole stream. */
LEANPIX_EXPORT size_t leanpix_open_deflate(uint8_t *bytes, size_t length) {
  struct codes literals, distances;
  struct stream stream = {bytes, 8 * length, 0};
  size_t last_block = 0;
  unsigned is_last = 0;
  while (!is_last) {
    last_block = stream.at;
    is_last = take(&stream, 1);
    if (stream.at > stream.bits || skip_block(&stream, take(&stream, 2), &literals, &distances)) return 0;
  }
  bytes[last_block / 8] &= (uint8_t)~(1u << last_block % 8);
  size_t end = (stream.at + 3 + 7) / 8;
  memset(bytes + length, 0, 5);
  bytes[stream.at / 8] &= (uint8_t)((1u << stream.at % 8) - 1);
  memcpy(bytes + end, (const uint8_t[]){0, 0, 0xff, 0xff}, 4);
  return end + 4;
}
