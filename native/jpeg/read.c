/* Segments and scans of a JPEG. What is not as the standard has it makes the file damaged: nothing is guessed. */
#include "read.h"

#include <stdlib.h>
#include <string.h>

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DQT = 0xDB, DRI = 0xDD, DHT = 0xC4, SOF0 = 0xC0, SOF1 = 0xC1, SOF2 = 0xC2 };
enum { APP0 = 0xE0, APP15 = 0xEF, COM = 0xFE, RST0 = 0xD0, RST7 = 0xD7, TEM = 0x01 };
enum { NEAR_BITS = 9, MOST_SIZE = 15, MOST_DC = 1 << 14, END = 64, CODES = 4 };
enum { HELD_BITS = 64, WHOLE_BITS = 10 }; /* what is held at most; a look ahead that may show a whole value */

struct reading_code {
  uint16_t near[1 << NEAR_BITS]; /* length * 256 + symbol of the word that a look ahead begins with; 0: a longer one */
  int32_t after[HUFFMAN_BITS + 2]; /* the first number of a length that no word has */
  int32_t offset[HUFFMAN_BITS + 1]; /* from a word to the place of its symbol */
  uint8_t symbols[HUFFMAN_SYMBOLS];
  int is_there;
};

/* What a look ahead of WHOLE_BITS begins with, where that is all of an AC value. */
struct whole_value {
  int16_t value;
  uint8_t symbol; /* the zeros before it, and its size */
  uint8_t bits;   /* that it takes; 0: it is none, or not all there */
};

struct reader {
  const uint8_t *at, *end;
  uint64_t held;
  int held_bits;
  int missing_bits; /* zeros that were held where the data had ended */
  int is_damaged;
  double until_cpu_s;
  struct jpeg_picture *picture;
  struct jpeg_bytes *kept;
  int is_progressive, has_frame;
  unsigned restart_units;
  struct reading_code codes[2][CODES];
  struct whole_value whole[CODES][1 << WHOLE_BITS]; /* of AC codes */
  /* of the current scan */
  int count, order[JPEG_COMPONENTS], dc_code[JPEG_COMPONENTS], ac_code[JPEG_COMPONENTS];
  int from, to, high, low;
  int before[JPEG_COMPONENTS];
  unsigned ended; /* blocks to come that have nothing more in this band */
  uint8_t seen[JPEG_COMPONENTS][JPEG_VALUES]; /* of a value: 0, or 1 and the bits that are to come */
};

static inline uint64_t eight_bytes(const uint8_t *at) {
  uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8 | at[i];
  return word;
}

/* Whether any byte of a word is 0xFF. */
static inline int has_marker(uint64_t word) {
  return ((~word - 0x0101010101010101u) & word & 0x8080808080808080u) != 0;
}

/* Bytes of the entropy-coded data up to the next marker; zeros after it. */
static void hold(struct reader *reader) {
  if (reader->end - reader->at >= 8) {
    const uint64_t word = eight_bytes(reader->at);
    const int bytes = (HELD_BITS - 1 - reader->held_bits) / 8;
    if (!has_marker(word)) {
      reader->held = reader->held << 8 * bytes | word >> (HELD_BITS - 8 * bytes);
      reader->held_bits += 8 * bytes;
      reader->at += bytes;
      return;
    }
  }
  while (reader->held_bits <= 56) {
    unsigned byte = 0;
    if (reader->at < reader->end && (reader->at[0] != 0xFF || (reader->end - reader->at > 1 && reader->at[1] == 0))) {
      byte = reader->at[0];
      reader->at += byte == 0xFF ? 2 : 1;
    } else {
      reader->missing_bits += 8;
    }
    reader->held = reader->held << 8 | byte;
    reader->held_bits += 8;
  }
}

static inline unsigned look(struct reader *reader, int bits) {
  if (reader->held_bits < bits) hold(reader);
  return (unsigned)(reader->held >> (reader->held_bits - bits)) & ((1u << bits) - 1);
}

static inline unsigned take_bits(struct reader *reader, int bits) {
  if (bits == 0) return 0;
  unsigned value = look(reader, bits);
  reader->held_bits -= bits;
  return value;
}

/* A number of a size: of its upper half as it is, otherwise negative. */
static inline int number_of(unsigned bits, int size) {
  return bits >> (size - 1) ? (int)bits : (int)bits - (1 << size) + 1;
}

static inline int take_number(struct reader *reader, int size) {
  return size ? number_of(take_bits(reader, size), size) : 0;
}

/* Length * 256 + symbol of the word that a look ahead of HUFFMAN_BITS begins with; 0: no word does. */
static inline unsigned word_of(const struct reading_code *code, unsigned ahead) {
  const unsigned near = code->near[ahead >> (HUFFMAN_BITS - NEAR_BITS)];
  if (near) return near;
  for (int length = NEAR_BITS + 1; length <= HUFFMAN_BITS; ++length) {
    const int32_t word = (int32_t)(ahead >> (HUFFMAN_BITS - length));
    if (word < code->after[length]) return (unsigned)length << 8 | code->symbols[(word + code->offset[length]) & 255];
  }
  return 0;
}

static inline unsigned take_symbol(struct reader *reader, const struct reading_code *code) {
  const unsigned word = word_of(code, look(reader, HUFFMAN_BITS));
  if (word == 0) reader->is_damaged = 1;
  reader->held_bits -= (int)(word >> 8);
  return word & 255;
}

static int begin_data(struct reader *reader) {
  const int is_whole = reader->missing_bits <= reader->held_bits;
  reader->held = 0;
  reader->held_bits = reader->missing_bits = 0;
  reader->ended = 0;
  memset(reader->before, 0, sizeof reader->before);
  return is_whole;
}

static void set(int16_t *values, uint64_t *filled, int at, int value) {
  values[at] = (int16_t)value;
  *filled |= (uint64_t)(value != 0) << at;
}

/* A value in its place, and in the masks of those of its size. */
static inline void add_value(int16_t *values, uint64_t filled[JPEG_MASKS], int at, int value, int size) {
  values[at] = (int16_t)value;
  const uint64_t bit = (uint64_t)1 << at;
  for (int mask = 0; mask < JPEG_MASKS; ++mask) filled[mask] |= bit & -(uint64_t)(size > mask);
}

static void read_dc(struct reader *reader, int which, int16_t *values, uint64_t filled[JPEG_MASKS]) {
  if (reader->high) {
    if (take_bits(reader, 1)) set(values, filled, 0, values[0] | 1 << reader->low);
    return;
  }
  const int i = reader->order[which], size = (int)take_symbol(reader, &reader->codes[0][reader->dc_code[which]]);
  if (size > MOST_SIZE) reader->is_damaged = 1;
  if (reader->is_damaged) return;
  reader->before[i] += take_number(reader, size);
  const int value = reader->before[i] * (1 << reader->low);
  if (reader->before[i] <= -MOST_DC || reader->before[i] >= MOST_DC || value <= -MOST_DC || value >= MOST_DC) {
    reader->is_damaged = 1;
    return;
  }
  add_value(values, filled, 0, value, jpeg_size((unsigned)abs(value)));
}

/* What is held, from the highest bit on, and with what follows it: at least 2 * HUFFMAN_BITS of the data. Behind those
 * that are held lie the next ones, or zeros. */
static inline uint64_t hold_ahead(struct reader *reader, uint64_t ahead, int *held_bits) {
  const uint64_t word = reader->end - reader->at >= 8 ? eight_bytes(reader->at) : ~(uint64_t)0;
  if (!has_marker(word)) {
    const int bytes = (HELD_BITS - 1 - *held_bits) / 8;
    ahead |= word >> *held_bits;
    *held_bits += 8 * bytes;
    reader->at += bytes;
    return ahead;
  }
  reader->held = *held_bits ? ahead >> (HELD_BITS - *held_bits) : 0;
  reader->held_bits = *held_bits;
  hold(reader);
  *held_bits = reader->held_bits;
  return reader->held << (HELD_BITS - *held_bits);
}

/* A block's AC values of a sequential scan, in zigzag order and sorted by size or, in_rows, where a decoder needs them.
 * What is held lies in variables of its own: values are written in between. */
static inline __attribute__((always_inline)) void read_sequential(struct reader *reader, int which, int in_rows,
                                                                  int16_t *restrict values, uint64_t filled[JPEG_MASKS]) {
  const struct reading_code *code = &reader->codes[1][reader->ac_code[which]];
  const struct whole_value *whole = reader->whole[reader->ac_code[which]];
  uint64_t ahead = reader->held_bits ? reader->held << (HELD_BITS - reader->held_bits) : 0, found[JPEG_MASKS] = {0};
  int held_bits = reader->held_bits, at = 1;
  while (at < JPEG_VALUES) {
    if (held_bits < 2 * HUFFMAN_BITS) ahead = hold_ahead(reader, ahead, &held_bits);
    const struct whole_value seen = whole[ahead >> (HELD_BITS - WHOLE_BITS)];
    int value = seen.value, size = seen.symbol & 15, bits = seen.bits;
    if (bits) {
      at += seen.symbol >> 4;
    } else {
      const unsigned word = word_of(code, (unsigned)(ahead >> (HELD_BITS - HUFFMAN_BITS)));
      const int run = word >> 4 & 15, length = (int)(word >> 8);
      size = word & 15;
      bits = length + size;
      if (word == 0) reader->is_damaged = 1;
      if (size == 0 && run < 15) {
        reader->is_damaged |= run != 0;
        ahead <<= bits;
        held_bits -= bits;
        break;
      }
      value = size ? number_of((unsigned)(ahead << length >> (HELD_BITS - size)), size) : 0;
      at += run;
    }
    ahead <<= bits;
    held_bits -= bits;
    if (at >= JPEG_VALUES) {
      reader->is_damaged = 1;
      break;
    }
    if (in_rows) {
      values[JPEG_ZIGZAG[at]] = (int16_t)value;
    } else if (size) {
      add_value(values, found, at, value, size);
    }
    ++at;
  }
  reader->held = held_bits ? ahead >> (HELD_BITS - held_bits) : 0;
  reader->held_bits = held_bits;
  if (in_rows) filled[0] |= (uint64_t)(at > 1) << 1; /* there are some */
  else for (int mask = 0; mask < JPEG_MASKS; ++mask) filled[mask] |= found[mask];
}

/* A block's values of a band, for the first time. */
static void read_first(struct reader *reader, const struct reading_code *code, int16_t *values, uint64_t *filled) {
  int at = reader->from > 0 ? reader->from : 1;
  if (reader->ended) {
    --reader->ended;
    return;
  }
  for (; at <= reader->to; ++at) {
    const int symbol = (int)take_symbol(reader, code), run = symbol >> 4, size = symbol & 15;
    if (size == 0 && run < 15) {
      reader->ended = (1u << run) - 1 + take_bits(reader, run);
      return;
    }
    at += run;
    const int value = take_number(reader, size) * (1 << reader->low);
    if (at > reader->to || value > INT16_MAX || value < -INT16_MAX || reader->is_damaged) {
      reader->is_damaged |= size != 0 || at > reader->to;
      return;
    }
    if (size) set(values, filled, at, value);
  }
}

static void refine(struct reader *reader, int16_t *value) {
  const int one = 1 << reader->low;
  if (take_bits(reader, 1) && (*value & one) == 0) *value = (int16_t)(*value + (*value > 0 ? one : -one));
}

/* One more bit for a band: values told before get theirs as they are passed, new ones begin. */
static void read_refined(struct reader *reader, const struct reading_code *code, int16_t *values, uint64_t *filled) {
  const int one = 1 << reader->low;
  int at = reader->from;
  while (at <= reader->to && !reader->ended && !reader->is_damaged) {
    const int symbol = (int)take_symbol(reader, code), size = symbol & 15;
    int run = symbol >> 4, value = 0;
    if (size == 0 && run < 15) {
      reader->ended = (1u << run) + take_bits(reader, run);
      break;
    }
    if (size > 1) reader->is_damaged = 1;
    if (size == 1) value = take_bits(reader, 1) ? one : -one;
    for (; at <= reader->to; ++at) {
      if (values[at]) refine(reader, &values[at]);
      else if (run-- == 0) break;
    }
    if (at > reader->to) {
      reader->is_damaged = 1;
      return;
    }
    if (value) set(values, filled, at, value);
    ++at;
  }
  if (!reader->ended) return;
  for (; at <= reader->to; ++at) {
    if (values[at]) refine(reader, &values[at]);
  }
  --reader->ended;
}

static void read_block(struct reader *reader, int which, int16_t *values, uint64_t filled[JPEG_MASKS]) {
  const struct reading_code *code = &reader->codes[1][reader->ac_code[which]];
  if (reader->from == 0) read_dc(reader, which, values, filled);
  if (reader->to == 0 || reader->is_damaged) return;
  if (reader->picture->is_in_rows) read_sequential(reader, which, 1, values, filled);
  else if (!reader->is_progressive) read_sequential(reader, which, 0, values, filled);
  else if (reader->high) read_refined(reader, code, values, filled);
  else read_first(reader, code, values, filled);
}

static void read_unit(struct reader *reader, size_t column, size_t row) {
  int16_t nothing[JPEG_VALUES];
  uint64_t none[JPEG_MASKS];
  for (int which = 0; which < reader->count; ++which) {
    struct jpeg_component *one = &reader->picture->component[reader->order[which]];
    const size_t across = reader->count > 1 ? (size_t)one->across : 1, down = reader->count > 1 ? (size_t)one->down : 1;
    for (size_t y = row * down; y < (row + 1) * down; ++y) {
      for (size_t x = column * across; x < (column + 1) * across && !reader->is_damaged; ++x) {
        const size_t at = y * one->width + x;
        if (x < one->width && y < one->height) {
          read_block(reader, which, one->values + at * JPEG_VALUES, one->filled[at]);
          continue;
        }
        memset(nothing, 0, sizeof nothing); /* fills the unit only */
        memset(none, 0, sizeof none);
        read_block(reader, which, nothing, none);
      }
    }
  }
}

/* To behind the marker RSTn; 0 where another one or none comes. */
static int pass_restart(struct reader *reader, unsigned number) {
  if (!begin_data(reader)) return 0;
  while (reader->end - reader->at > 2 && reader->at[0] == 0xFF && reader->at[1] == 0xFF) ++reader->at;
  if (reader->end - reader->at < 2 || reader->at[0] != 0xFF || reader->at[1] != RST0 + number % 8) return 0;
  reader->at += 2;
  return 1;
}

static enum jpeg_outcome read_units(struct reader *reader) {
  const struct jpeg_component *one = &reader->picture->component[reader->order[0]];
  const size_t columns = reader->count > 1 ? reader->picture->units_across : one->width;
  const size_t rows = reader->count > 1 ? reader->picture->units_down : one->height;
  unsigned left = reader->restart_units, restarts = 0;
  begin_data(reader);
  for (size_t row = 0; row < rows; ++row) {
    if (jpeg_is_late(reader->until_cpu_s)) return JPEG_LATE;
    for (size_t column = 0; column < columns; ++column) {
      if (reader->restart_units && left-- == 0) {
        if (!pass_restart(reader, restarts++)) return JPEG_DAMAGED;
        left = reader->restart_units - 1;
      }
      read_unit(reader, column, row);
      if (reader->is_damaged) return JPEG_DAMAGED;
    }
    if (reader->missing_bits > reader->held_bits) return JPEG_DAMAGED;
  }
  return begin_data(reader) ? JPEG_DONE : JPEG_DAMAGED;
}

/* Whether a scan's band follows what scans before it told; the sequence is what makes each bit told once. */
static int follows(struct reader *reader) {
  if (!reader->is_progressive) {
    for (int which = 0; which < reader->count; ++which) {
      if (reader->seen[reader->order[which]][0]++) return 0;
    }
    return reader->from == 0 && reader->to == JPEG_VALUES - 1 && reader->high == 0 && reader->low == 0;
  }
  if (reader->to >= JPEG_VALUES || reader->from > reader->to || reader->low > 13) return 0;
  if (reader->from == 0 ? reader->to != 0 : reader->count != 1) return 0;
  if (reader->high && reader->high != reader->low + 1) return 0;
  for (int which = 0; which < reader->count; ++which) {
    uint8_t *seen = reader->seen[reader->order[which]];
    if (reader->from && !seen[0]) return 0;
    for (int at = reader->from; at <= reader->to; ++at) {
      if (seen[at] != (reader->high ? reader->high + 1 : 0)) return 0;
      seen[at] = (uint8_t)(reader->low + 1);
    }
  }
  return 1;
}

static int has_codes(const struct reader *reader) {
  for (int which = 0; which < reader->count; ++which) {
    if (reader->from == 0 && !reader->high && !reader->codes[0][reader->dc_code[which]].is_there) return 0;
    if (reader->to > 0 && !reader->codes[1][reader->ac_code[which]].is_there) return 0;
  }
  return 1;
}

static enum jpeg_outcome read_scan(struct reader *reader, const uint8_t *body, size_t size) {
  if (!reader->has_frame || size < 4 || size != 4 + 2 * (size_t)body[0]) return JPEG_DAMAGED;
  struct jpeg_picture *picture = reader->picture;
  int blocks = 0;
  reader->count = body[0];
  if (reader->count < 1 || reader->count > picture->components) return JPEG_DAMAGED;
  for (int which = 0, next = 0; which < reader->count; ++which) {
    const uint8_t *entry = body + 1 + 2 * which;
    while (next < picture->components && picture->component[next].id != entry[0]) ++next;
    if (next == picture->components || entry[1] >> 4 >= CODES || (entry[1] & 15) >= CODES) return JPEG_DAMAGED;
    blocks += picture->component[next].across * picture->component[next].down;
    reader->order[which] = next++; /* in the frame's order, so that none comes twice */
    reader->dc_code[which] = entry[1] >> 4;
    reader->ac_code[which] = entry[1] & 15;
  }
  const uint8_t *rest = body + 1 + 2 * reader->count;
  reader->from = rest[0];
  reader->to = rest[1];
  reader->high = rest[2] >> 4;
  reader->low = rest[2] & 15;
  if ((reader->count > 1 && blocks > 10) || !follows(reader) || !has_codes(reader)) return JPEG_DAMAGED;
  return read_units(reader);
}

static enum jpeg_outcome read_tables(struct reader *reader, const uint8_t *body, size_t size) {
  while (size > 0) {
    const int is_wide = body[0] >> 4, table = body[0] & 15;
    const size_t needed = 1 + (size_t)JPEG_VALUES * (is_wide ? 2 : 1);
    if (is_wide > 1 || table >= JPEG_TABLES || size < needed) return JPEG_DAMAGED;
    uint16_t steps[JPEG_VALUES];
    for (int i = 0; i < JPEG_VALUES; ++i) {
      steps[i] = (uint16_t)(is_wide ? body[1 + 2 * i] << 8 | body[2 + 2 * i] : body[1 + i]);
      if (steps[i] == 0) return JPEG_DAMAGED;
    }
    /* A table that changes between scans would need two. */
    if (reader->picture->has_table[table] && memcmp(steps, reader->picture->tables[table], sizeof steps) != 0) {
      return JPEG_UNSUPPORTED;
    }
    memcpy(reader->picture->tables[table], steps, sizeof steps);
    reader->picture->has_table[table] = 1;
    body += needed;
    size -= needed;
  }
  return JPEG_DONE;
}

/* Words are numbers in order of their lengths: after[n] is the first of length n that is none, offset leads to places. */
static int make_reading_code(struct reading_code *code, const uint8_t *at_length, const uint8_t *symbols, int count) {
  int32_t word = 0, place = 0;
  memset(code, 0, sizeof *code);
  memcpy(code->symbols, symbols, (size_t)count);
  for (int length = 1; length <= HUFFMAN_BITS; ++length, word *= 2) {
    code->offset[length] = place - word;
    for (int i = 0; i < at_length[length - 1]; ++i, ++word, ++place) {
      if (word >= (1 << length) - 1) return 0; /* no word is all ones */
      if (length > NEAR_BITS) continue;
      const int shift = NEAR_BITS - length;
      for (int tail = 0; tail < 1 << shift; ++tail) {
        code->near[word << shift | tail] = (uint16_t)(length << 8 | symbols[place]);
      }
    }
    code->after[length] = word;
  }
  code->is_there = 1;
  return 1;
}

static void make_whole_values(struct whole_value whole[1 << WHOLE_BITS], const struct reading_code *code) {
  memset(whole, 0, sizeof *whole << WHOLE_BITS);
  for (unsigned ahead = 0; ahead < 1 << WHOLE_BITS; ++ahead) {
    const unsigned near = code->near[ahead >> (WHOLE_BITS - NEAR_BITS)], size = near & 15;
    const int left = WHOLE_BITS - (int)(near >> 8) - (int)size;
    if (near == 0 || size == 0 || left < 0) continue;
    const int number = (int)(ahead >> left & ((1u << size) - 1)), is_upper = number >> (size - 1);
    whole[ahead].value = (int16_t)(is_upper ? number : number - (1 << size) + 1);
    whole[ahead].symbol = (uint8_t)near;
    whole[ahead].bits = (uint8_t)(WHOLE_BITS - left);
  }
}

static enum jpeg_outcome read_codes(struct reader *reader, const uint8_t *body, size_t size) {
  while (size > 0) {
    int count = 0;
    if (size < 1 + HUFFMAN_BITS) return JPEG_DAMAGED;
    for (int i = 1; i <= HUFFMAN_BITS; ++i) count += body[i];
    const int kind = body[0] >> 4, number = body[0] & 15;
    if (count > HUFFMAN_SYMBOLS || size < 1 + HUFFMAN_BITS + (size_t)count || kind > 1 || number >= CODES) return JPEG_DAMAGED;
    for (int i = 0; kind == 0 && i < count; ++i) {
      if (body[1 + HUFFMAN_BITS + i] > MOST_SIZE) return JPEG_DAMAGED;
    }
    if (!make_reading_code(&reader->codes[kind][number], body + 1, body + 1 + HUFFMAN_BITS, count)) return JPEG_DAMAGED;
    if (kind == 1) make_whole_values(reader->whole[number], &reader->codes[kind][number]);
    body += 1 + HUFFMAN_BITS + count;
    size -= 1 + HUFFMAN_BITS + (size_t)count;
  }
  return JPEG_DONE;
}

static enum jpeg_outcome read_frame(struct reader *reader, const uint8_t *body, size_t size, size_t most_pixels) {
  struct jpeg_picture *picture = reader->picture;
  if (reader->has_frame || size < 6 || size != 6 + 3 * (size_t)body[5]) return JPEG_DAMAGED;
  if (body[0] != 8) return JPEG_UNSUPPORTED;
  picture->height = (size_t)body[1] << 8 | body[2];
  picture->width = (size_t)body[3] << 8 | body[4];
  picture->components = body[5];
  if (picture->components < 1 || picture->components > JPEG_COMPONENTS) return JPEG_UNSUPPORTED;
  if (picture->height == 0 || picture->width == 0) return JPEG_UNSUPPORTED;
  if (picture->height > most_pixels / picture->width) return JPEG_UNSUPPORTED;
  for (int i = 0; i < picture->components; ++i) {
    const uint8_t *entry = body + 6 + 3 * i;
    struct jpeg_component *one = &picture->component[i];
    *one = (struct jpeg_component){.id = entry[0], .across = entry[1] >> 4, .down = entry[1] & 15, .table = entry[2]};
    if (one->across < 1 || one->across > 4 || one->down < 1 || one->down > 4 || one->table >= JPEG_TABLES) return JPEG_DAMAGED;
    for (int j = 0; j < i; ++j) {
      if (picture->component[j].id == one->id) return JPEG_DAMAGED;
    }
  }
  reader->has_frame = 1;
  return jpeg_lay_out(picture);
}

static enum jpeg_outcome read_segment(struct reader *reader, int marker, const uint8_t *body, size_t size,
                                      size_t most_pixels) {
  if ((marker >= APP0 && marker <= APP15) || marker == COM) {
    jpeg_put(reader->kept, body - 4, size + 4);
    return reader->kept->is_short ? JPEG_NO_MEMORY : JPEG_DONE;
  }
  switch (marker) {
  case DQT: return read_tables(reader, body, size);
  case DHT: return read_codes(reader, body, size);
  case SOF0:
  case SOF1:
  case SOF2:
    reader->is_progressive = marker == SOF2;
    reader->picture->is_in_rows &= !reader->is_progressive;
    return read_frame(reader, body, size, most_pixels);
  case SOS: return read_scan(reader, body, size);
  case DRI: reader->restart_units = size == 2 ? (unsigned)body[0] << 8 | body[1] : 0; return size == 2 ? JPEG_DONE : JPEG_DAMAGED;
  default: return JPEG_UNSUPPORTED;
  }
}

/* All values of all components, to the last bit. */
static int is_complete(const struct reader *reader) {
  for (int i = 0; i < reader->picture->components; ++i) {
    const uint8_t *seen = reader->seen[i];
    if (!reader->picture->has_table[reader->picture->component[i].table]) return 0;
    if (!reader->is_progressive && !seen[0]) return 0;
    for (int at = 0; reader->is_progressive && at < JPEG_VALUES; ++at) {
      if (seen[at] > 1 || (at == 0 && seen[at] == 0)) return 0;
    }
  }
  return reader->has_frame;
}

/* What scans told bit by bit; a sequential one's values were sorted as they were read. */
static void sort_by_size(struct jpeg_picture *picture) {
  for (int i = 0; i < picture->components; ++i) {
    const struct jpeg_component *one = &picture->component[i];
    for (size_t at = 0; at < one->width * one->height; ++at) {
      jpeg_sort_by_size(one->values + at * JPEG_VALUES, one->filled[at]);
    }
  }
}

static enum jpeg_outcome read_segments(struct reader *reader, size_t most_pixels) {
  for (;;) {
    while (reader->end - reader->at >= 2 && reader->at[0] == 0xFF && reader->at[1] == 0xFF) ++reader->at;
    if (reader->end - reader->at < 2 || reader->at[0] != 0xFF) return JPEG_DAMAGED;
    const int marker = reader->at[1];
    reader->at += 2;
    if (marker == EOI) return is_complete(reader) ? JPEG_DONE : JPEG_DAMAGED;
    if (marker == TEM || marker == SOI || (marker >= RST0 && marker <= RST7)) return JPEG_DAMAGED;
    if (reader->end - reader->at < 2) return JPEG_DAMAGED;
    const size_t length = (size_t)reader->at[0] << 8 | reader->at[1];
    if (length < 2 || (size_t)(reader->end - reader->at) < length) return JPEG_DAMAGED;
    const uint8_t *body = reader->at + 2;
    reader->at += length;
    const enum jpeg_outcome outcome = read_segment(reader, marker, body, length - 2, most_pixels);
    if (outcome != JPEG_DONE) return outcome;
  }
}

enum jpeg_outcome jpeg_read(const uint8_t *file, size_t size, size_t most_pixels, double until_cpu_s,
                            struct jpeg_picture *picture, struct jpeg_bytes *kept) {
  if (size < 2 || file[0] != 0xFF || file[1] != SOI) return JPEG_DAMAGED;
  struct reader reader = {.at = file + 2, .end = file + size, .picture = picture, .kept = kept, .until_cpu_s = until_cpu_s};
  const enum jpeg_outcome outcome = read_segments(&reader, most_pixels);
  if (outcome == JPEG_DONE && reader.is_progressive) sort_by_size(picture);
  return outcome;
}
