/* One scan: its symbols are counted or, when there is a code for them, written. Both walk through the same blocks. */
#include "scans.h"

#include <stdlib.h>
#include <string.h>

enum { DC_CODES = 2, CODES = 4 }; /* codes for DC, then for AC; of each the first is luma's */
enum { END_OF_BLOCK = 0x00, SIXTEEN_ZEROS = 0xF0, MOST_RUN = 0x7FFF, MOST_CORRECTIONS = 937 };
enum { DHT = 0xC4, SOS = 0xDA, STUFFED = 0xFF };

/* All ways through the blocks are made of the same functions, each of which is told by a constant which one it is in.
 * NOTED: counted, and noted too, so that the way has not to be gone again for what is to be written. */
#define EITHER_WAY static inline __attribute__((always_inline))
enum way { COUNTED, NOTED, WRITTEN };

/* A note: up to 16 bits, the symbol that they follow, the number of its code or that there is none, and how many they are. */
enum { NOTED_BITS = 16, SYMBOL_AT = 16, CODE_AT = 24, LENGTH_AT = 27, NO_CODE = CODES };
enum { UNIT_NOTES = 1024, MOST_NOTES = 1 << 20 }; /* more than a unit has; 4 MB */

struct notes {
  uint32_t *at; /* null: there are too many, or there was no memory */
  size_t count, room;
};

struct coder {
  struct jpeg_bytes *out;
  uint32_t counts[CODES][HUFFMAN_SYMBOLS];
  uint64_t extra_bits; /* bits that follow symbols, when counted */
  struct huffman_code codes[CODES];
  int is_shared[CODES / 2]; /* chroma's values of this kind have luma's code */
  uint64_t held;
  int held_bits;
  uint32_t ended; /* blocks in a row that have nothing more in this band */
  int corrections; /* bits that follow that run */
  uint8_t correction[MOST_CORRECTIONS];
  struct notes notes;
};

void jpeg_put(struct jpeg_bytes *bytes, const void *data, size_t size) {
  if (bytes->is_short) return;
  if (bytes->room - bytes->size < size) {
    size_t room = (bytes->room + size) * 2;
    uint8_t *grown = realloc(bytes->data, room);
    if (grown == NULL) {
      bytes->is_short = 1;
      return;
    }
    bytes->data = grown;
    bytes->room = room;
  }
  if (size) memcpy(bytes->data + bytes->size, data, size);
  bytes->size += size;
}

void jpeg_put_byte(struct jpeg_bytes *bytes, unsigned byte) {
  uint8_t one = (uint8_t)byte;
  jpeg_put(bytes, &one, 1);
}

void jpeg_put_short(struct jpeg_bytes *bytes, unsigned number) {
  uint8_t two[2] = {(uint8_t)(number >> 8), (uint8_t)number};
  jpeg_put(bytes, two, 2);
}

/* Whole bytes of what is held, at most 16 with those that are stuffed: the usual four at once. Returns how many. */
static inline size_t put_held(uint64_t held, int *held_bits, uint8_t *bytes) {
  size_t count = 0;
  if (*held_bits >= 32) {
    const uint32_t four = (uint32_t)(held >> (*held_bits - 32));
    if (((~four - 0x01010101u) & four & 0x80808080u) == 0) { /* none is to be stuffed */
      for (; count < 4; ++count) bytes[count] = (uint8_t)(four >> (24 - 8 * count));
      *held_bits -= 32;
    }
  }
  for (; *held_bits >= 8; *held_bits -= 8) {
    bytes[count] = (uint8_t)(held >> (*held_bits - 8));
    if (bytes[count++] == STUFFED) bytes[count++] = 0;
  }
  return count;
}

static void put_whole(struct coder *coder) {
  uint8_t bytes[16];
  jpeg_put(coder->out, bytes, put_held(coder->held, &coder->held_bits, bytes));
}

static inline void put_bits(struct coder *coder, unsigned value, int bits) {
  coder->held = coder->held << bits | value;
  coder->held_bits += bits;
  if (coder->held_bits >= 32) put_whole(coder);
}

static inline void note(struct notes *notes, int which, unsigned symbol, unsigned value, int bits) {
  if (notes->at == NULL) return;
  notes->at[notes->count++] = (uint32_t)bits << LENGTH_AT | (uint32_t)which << CODE_AT | symbol << SYMBOL_AT | value;
}

/* Room for the notes of a unit. */
static void make_room(struct notes *notes) {
  if (notes->at == NULL || notes->room - notes->count >= UNIT_NOTES) return;
  uint32_t *grown = notes->room < MOST_NOTES ? realloc(notes->at, 2 * notes->room * sizeof *grown) : NULL;
  if (grown == NULL) free(notes->at);
  notes->at = grown;
  notes->room *= 2;
}

/* A symbol and the bits that follow it, at most 16. */
EITHER_WAY void put_symbol(struct coder *coder, enum way way, int which, unsigned symbol, unsigned value, int bits) {
  if (way != WRITTEN) {
    ++coder->counts[which][symbol];
    coder->extra_bits += (uint64_t)bits;
    if (way == NOTED) note(&coder->notes, which, symbol, value, bits);
    return;
  }
  put_bits(coder, (unsigned)coder->codes[which].words[symbol] << bits | value, coder->codes[which].lengths[symbol] + bits);
}

static void end_bits(struct coder *coder) {
  if (coder->held_bits % 8) put_bits(coder, (1u << (8 - coder->held_bits % 8)) - 1, 8 - coder->held_bits % 8);
  put_whole(coder);
}

/* A number as its size's bits: negative ones from the number less one. */
static inline unsigned as_bits(int number, int size) {
  return (unsigned)(number < 0 ? number - 1 : number) & ((1u << size) - 1);
}

/* Whether a component takes luma's codes: the first one, and black, which is as busy. */
static int is_luma(const struct jpeg_picture *picture, int component) {
  return component % (JPEG_COMPONENTS - 1) == 0 && picture->component[component].table == picture->component[0].table;
}

EITHER_WAY void code_dc(struct coder *coder, enum way way, int which, int value, int *before) {
  int step = value - *before, size = jpeg_size((unsigned)abs(step));
  *before = value;
  put_symbol(coder, way, which, (unsigned)size, as_bits(step, size), size);
}

/* A block's AC values as a sequential scan has them. */
EITHER_WAY void code_ac(struct coder *coder, enum way way, int which, const int16_t *values, uint64_t filled) {
  int done = 0;
  for (uint64_t left = filled & ~(uint64_t)1; left; left &= left - 1) {
    int at = __builtin_ctzll(left), run = at - done - 1, size = jpeg_size((unsigned)abs(values[at]));
    for (; run > 15; run -= 16) put_symbol(coder, way, which, SIXTEEN_ZEROS, 0, 0);
    put_symbol(coder, way, which, (unsigned)(run << 4 | size), as_bits(values[at], size), size);
    done = at;
  }
  if (done < JPEG_VALUES - 1) put_symbol(coder, way, which, END_OF_BLOCK, 0, 0);
}

static inline int ones_of(uint64_t mask) {
  mask -= mask >> 1 & 0x5555555555555555u;
  mask = (mask & 0x3333333333333333u) + (mask >> 2 & 0x3333333333333333u);
  return (int)(((mask + (mask >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * 0x0101010101010101u >> 56);
}

/* Bits that refine values told before, the first in the highest place. */
EITHER_WAY void put_corrections(struct coder *coder, enum way way, uint64_t bits, int count) {
  if (way != WRITTEN) {
    coder->extra_bits += (uint64_t)count;
    if (way == COUNTED) return;
    for (; count > NOTED_BITS; count -= NOTED_BITS) {
      note(&coder->notes, NO_CODE, 0, (unsigned)(bits >> (count - NOTED_BITS)) & ((1u << NOTED_BITS) - 1), NOTED_BITS);
    }
    if (count) note(&coder->notes, NO_CODE, 0, (unsigned)bits & ((1u << count) - 1), count);
    return;
  }
  if (count > 32) put_bits(coder, (unsigned)(bits >> 32), count - 32);
  if (count) put_bits(coder, (unsigned)bits, count > 32 ? 32 : count);
}

/* Tell that so many blocks have ended. */
EITHER_WAY void end_run(struct coder *coder, enum way way) {
  if (coder->ended == 0) return;
  int size = jpeg_size(coder->ended) - 1;
  put_symbol(coder, way, DC_CODES, (unsigned)size << 4, coder->ended - (1u << size), size);
  if (way == COUNTED) coder->extra_bits += (uint64_t)coder->corrections;
  else for (int i = 0; i < coder->corrections; ++i) put_corrections(coder, way, coder->correction[i], 1);
  coder->ended = 0;
  coder->corrections = 0;
}

/* The bits of a mask from one place to another. */
static inline uint64_t band(int from, int to) { return (~(uint64_t)0 << from) & (~(uint64_t)0 >> (63 - to)); }

/* A band of a block for the first time, without its lowest bits. */
EITHER_WAY void code_first(struct coder *coder, enum way way, const struct jpeg_scan *scan, const int16_t *values,
                           const uint64_t *filled) {
  int done = scan->from - 1;
  for (uint64_t left = filled[scan->low] & band(scan->from, scan->to); left; left &= left - 1) {
    int at = __builtin_ctzll(left), number = abs(values[at]) >> scan->low;
    int run = at - done - 1, size = jpeg_size((unsigned)number);
    end_run(coder, way);
    for (; run > 15; run -= 16) put_symbol(coder, way, DC_CODES, SIXTEEN_ZEROS, 0, 0);
    put_symbol(coder, way, DC_CODES, (unsigned)(run << 4 | size), as_bits(values[at] < 0 ? -number : number, size), size);
    done = at;
  }
  if (done < scan->to && ++coder->ended == MOST_RUN) end_run(coder, way);
}

/* The bits of the values in places of a mask at a scan's lowest place, the first in the highest. */
static inline uint64_t bits_at(const int16_t *values, uint64_t places, int low) {
  uint64_t bits = 0;
  for (; places; places &= places - 1) bits = bits << 1 | (unsigned)(abs(values[__builtin_ctzll(places)]) >> low & 1);
  return bits;
}

/* More than 15 zeros before a place where a value begins: a symbol after each sixteenth, and the bits of the values that
 * were told before and lie before that zero. Returns the zeros that are left, and the values of the last of them. */
EITHER_WAY int code_zeros(struct coder *coder, enum way way, int low, const int16_t *values, int done, int place,
                          uint64_t *told) {
  uint64_t passed = 0;
  int run = 0;
  for (uint64_t left = *told | (uint64_t)1 << place; left; left &= left - 1) {
    const int at = __builtin_ctzll(left);
    for (run += at - done - 1, done = at; run > 15; run -= 16, passed = 0) {
      put_symbol(coder, way, DC_CODES, SIXTEEN_ZEROS, 0, 0);
      put_corrections(coder, way, bits_at(values, passed, low), ones_of(passed));
    }
    if (at != place) passed |= (uint64_t)1 << at;
  }
  *told = passed;
  return run;
}

/* One more bit of a band: of values told before it follows the next symbol, values that begin here are symbols. */
EITHER_WAY void code_refined(struct coder *coder, enum way way, const struct jpeg_scan *scan, const int16_t *values,
                                const uint64_t *filled) {
  const uint64_t shown = filled[scan->low] & band(scan->from, scan->to), fresh = shown & ~filled[scan->low + 1];
  const uint64_t told = shown & ~fresh;
  int done = scan->from - 1;
  if (fresh) end_run(coder, way);
  for (uint64_t left = fresh; left; left &= left - 1) {
    const int at = __builtin_ctzll(left);
    uint64_t passed = told & band(done + 1, at);
    int count = ones_of(passed), run = at - done - 1 - count;
    if (run > 15) {
      run = code_zeros(coder, way, scan->low, values, done, at, &passed);
      count = ones_of(passed);
    }
    put_symbol(coder, way, DC_CODES, (unsigned)(run << 4 | 1), values[at] > 0, 1);
    put_corrections(coder, way, way == COUNTED ? 0 : bits_at(values, passed, scan->low), count);
    done = at;
  }
  if (done == scan->to) return;
  const uint64_t passed = told & band(done + 1, scan->to);
  ++coder->ended;
  const int count = ones_of(passed);
  const uint64_t bits = way == COUNTED ? 0 : bits_at(values, passed, scan->low);
  for (int i = count; way != COUNTED && i-- > 0;) coder->correction[coder->corrections + count - 1 - i] = bits >> i & 1;
  coder->corrections += count;
  if (coder->ended == MOST_RUN || coder->corrections > MOST_CORRECTIONS - JPEG_VALUES) end_run(coder, way);
}

EITHER_WAY void code_block(struct coder *coder, enum way way, const struct jpeg_scan *scan, const int16_t *values,
                       const uint64_t *filled) {
  if (scan->high) code_refined(coder, way, scan, values, filled);
  else code_first(coder, way, scan, values, filled);
}

/* A unit's blocks of all components; those beyond the picture repeat the DC before them, which takes the least. */
EITHER_WAY void code_unit(struct coder *coder, enum way way, const struct jpeg_picture *picture,
                          int is_progressive, size_t column,
                      size_t row, int *before) {
  for (int i = 0; i < picture->components; ++i) {
    const struct jpeg_component *one = &picture->component[i];
    int which = is_luma(picture, i) ? 0 : 1;
    for (size_t down = 0; down < (size_t)one->down; ++down) {
      for (size_t across = 0; across < (size_t)one->across; ++across) {
        size_t x = column * (size_t)one->across + across, y = row * (size_t)one->down + down, at = y * one->width + x;
        int is_there = x < one->width && y < one->height;
        code_dc(coder, way, which, is_there ? one->values[at * JPEG_VALUES] : before[i], &before[i]);
        if (is_progressive) continue;
        if (is_there) code_ac(coder, way, DC_CODES + which, one->values + at * JPEG_VALUES, one->filled[at][0]);
        else put_symbol(coder, way, DC_CODES + which, END_OF_BLOCK, 0, 0);
      }
    }
  }
}

/* All blocks of a scan, or those of every step-th row. */
EITHER_WAY void code_scan(struct coder *coder, enum way way, const struct jpeg_picture *picture,
                          const struct jpeg_scan *scan,
                      int is_progressive, size_t step) {
  int before[JPEG_COMPONENTS] = {0};
  const struct jpeg_component *one = &picture->component[scan->first];
  const int which = is_luma(picture, scan->first) ? 0 : 1;
  if (scan->count > 1) {
    for (size_t row = 0; row < picture->units_down; row += step) {
      for (size_t column = 0; column < picture->units_across; ++column) {
        if (way == NOTED) make_room(&coder->notes);
        code_unit(coder, way, picture, is_progressive, column, row, before);
      }
    }
    return;
  }
  for (size_t row = 0; row < one->height; row += step) {
    const int16_t *values = one->values + row * one->width * JPEG_VALUES;
    const uint64_t(*filled)[JPEG_MASKS] = one->filled + row * one->width;
    for (size_t column = 0; column < one->width; ++column, values += JPEG_VALUES, ++filled) {
      if (way == NOTED) make_room(&coder->notes);
      if (scan->from == 0) code_dc(coder, way, which, *values, before);
      if (!is_progressive) code_ac(coder, way, DC_CODES + which, values, **filled);
      else if (scan->from > 0) code_block(coder, way, scan, values, *filled);
    }
  }
  end_run(coder, way);
}

static uint64_t bits_of(const struct huffman_code *code, const uint32_t counts[HUFFMAN_SYMBOLS]) {
  return huffman_bits(code, counts) + 8 * (1 + HUFFMAN_BITS + (uint64_t)code->symbols);
}

/* One code for luma's and chroma's values of a kind, where it takes no more than two of which one has to be told, too. */
static void share_code(struct coder *coder, int kind) {
  const int luma = kind * DC_CODES, chroma = luma + 1;
  struct huffman_code *codes = coder->codes, both;
  uint32_t counts[HUFFMAN_SYMBOLS];
  if (codes[luma].symbols == 0 || codes[chroma].symbols == 0) return;
  for (int i = 0; i < HUFFMAN_SYMBOLS; ++i) counts[i] = coder->counts[luma][i] + coder->counts[chroma][i];
  huffman_make(&both, counts);
  const uint64_t apart = bits_of(&codes[luma], coder->counts[luma]) + bits_of(&codes[chroma], coder->counts[chroma]);
  if (bits_of(&both, counts) > apart) return;
  codes[luma] = codes[chroma] = both;
  coder->is_shared[kind] = 1;
}

static void make_codes(struct coder *coder) {
  for (int which = 0; which < CODES; ++which) huffman_make(&coder->codes[which], coder->counts[which]);
  for (int kind = 0; kind < CODES / DC_CODES; ++kind) share_code(coder, kind);
}

static void count_scan(struct coder *coder, const struct jpeg_picture *picture, const struct jpeg_scan *scan,
                       int is_progressive, size_t step) {
  memset(coder, 0, sizeof *coder);
  code_scan(coder, COUNTED, picture, scan, is_progressive, step);
  make_codes(coder);
}

static void note_scan(struct coder *coder, const struct jpeg_picture *picture, const struct jpeg_scan *scan,
                      int is_progressive) {
  const struct jpeg_component *one = &picture->component[scan->first];
  memset(coder, 0, sizeof *coder);
  const size_t likely = one->width * one->height * 8 + UNIT_NOTES;
  coder->notes.room = likely < MOST_NOTES ? likely : MOST_NOTES;
  coder->notes.at = malloc(coder->notes.room * sizeof *coder->notes.at);
  code_scan(coder, NOTED, picture, scan, is_progressive, 1);
  make_codes(coder);
}

/* What was noted, by the codes that were made for it since. */
static void write_notes(struct coder *coder) {
  enum { AT_ONCE = 2048, PUT = 16 };
  uint32_t words[(CODES + 1) * HUFFMAN_SYMBOLS]; /* of each code, with their lengths; of none an empty one */
  uint8_t bytes[AT_ONCE + PUT];
  size_t count = 0;
  for (int which = 0; which < CODES; ++which) {
    const struct huffman_code *code = &coder->codes[which];
    uint32_t *to = words + which * HUFFMAN_SYMBOLS;
    for (int i = 0; i < HUFFMAN_SYMBOLS; ++i) to[i] = (uint32_t)code->lengths[i] << NOTED_BITS | code->words[i];
  }
  words[NO_CODE * HUFFMAN_SYMBOLS] = 0;
  uint64_t held = 0;
  int held_bits = 0;
  const uint32_t *end = coder->notes.at + coder->notes.count;
  for (const uint32_t *at = coder->notes.at; at < end; ++at) {
    const uint32_t word = words[*at >> SYMBOL_AT & ((1u << (LENGTH_AT - SYMBOL_AT)) - 1)];
    const int bits = (int)(*at >> LENGTH_AT), more = (int)(word >> NOTED_BITS) + bits;
    held = held << more | (uint64_t)(word & 0xFFFF) << bits | (*at & 0xFFFF);
    held_bits += more;
    if (held_bits < 32) continue;
    count += put_held(held, &held_bits, bytes + count);
    if (count <= AT_ONCE) continue;
    jpeg_put(coder->out, bytes, count);
    count = 0;
  }
  jpeg_put(coder->out, bytes, count);
  coder->held = held;
  coder->held_bits = held_bits;
}

/* Whether a code is told in the scan's header: there are symbols, and it is not luma's. */
static int is_told(const struct coder *coder, int which) {
  return coder->codes[which].symbols && !(which % DC_CODES && coder->is_shared[which / DC_CODES]);
}

enum { SCAN_HEADER_BYTES = 4 + 8 };

/* What a scan that was counted takes with its codes and headers; step: of the rows that were counted. */
static uint64_t counted_bits(const struct coder *coder, const struct jpeg_scan *scan, size_t step) {
  uint64_t bits = coder->extra_bits, headers = SCAN_HEADER_BYTES + 2 * (uint64_t)scan->count;
  for (int which = 0; which < CODES; ++which) {
    bits += huffman_bits(&coder->codes[which], coder->counts[which]);
    if (is_told(coder, which)) headers += 1 + HUFFMAN_BITS + (uint64_t)coder->codes[which].symbols;
  }
  return bits * step + headers * 8;
}

uint64_t jpeg_scan_bits(const struct jpeg_picture *picture, const struct jpeg_scan *scan, int is_progressive,
                        size_t step) {
  struct coder coder;
  count_scan(&coder, picture, scan, is_progressive, step);
  return counted_bits(&coder, scan, step);
}

uint64_t jpeg_band_bits(const uint32_t counts[HUFFMAN_SYMBOLS], uint64_t extra_bits, size_t step) {
  struct huffman_code code;
  huffman_make(&code, counts);
  const uint64_t codes = code.symbols ? 1 + HUFFMAN_BITS + (uint64_t)code.symbols : 0;
  return (extra_bits + huffman_bits(&code, counts)) * step + (SCAN_HEADER_BYTES + 2 + codes) * 8;
}

/* All codes in one segment. A scan that refines DC has none. */
static void write_codes(struct jpeg_bytes *out, const struct coder *coder) {
  unsigned size = 0;
  for (int which = 0; which < CODES; ++which) {
    if (is_told(coder, which)) size += 1 + HUFFMAN_BITS + (unsigned)coder->codes[which].symbols;
  }
  if (size == 0) return;
  jpeg_put_short(out, STUFFED << 8 | DHT);
  jpeg_put_short(out, 2 + size);
  for (int which = 0; which < CODES; ++which) {
    const struct huffman_code *code = &coder->codes[which];
    if (!is_told(coder, which)) continue;
    jpeg_put_byte(out, which < DC_CODES ? (unsigned)which : 0x10u | (unsigned)(which - DC_CODES));
    jpeg_put(out, code->at_length + 1, HUFFMAN_BITS);
    jpeg_put(out, code->order, (size_t)code->symbols);
  }
}

/* The number of a component's code for a kind of values. */
static unsigned number_of(const struct coder *coder, int kind, int is_of_luma) {
  return is_of_luma || coder->is_shared[kind] ? 0 : 1;
}

static void write_header(struct jpeg_bytes *out, const struct jpeg_picture *picture, const struct jpeg_scan *scan,
                         const struct coder *coder, int is_progressive) {
  jpeg_put_short(out, STUFFED << 8 | SOS);
  jpeg_put_short(out, 6 + 2 * (unsigned)scan->count);
  jpeg_put_byte(out, (unsigned)scan->count);
  for (int i = scan->first; i < scan->first + scan->count; ++i) {
    const int is_of_luma = is_luma(picture, i);
    const unsigned dc = scan->from == 0 ? number_of(coder, 0, is_of_luma) : 0;
    const unsigned ac = is_progressive ? 0 : number_of(coder, 1, is_of_luma);
    jpeg_put_byte(out, (unsigned)picture->component[i].id);
    jpeg_put_byte(out, dc << 4 | ac);
  }
  jpeg_put_byte(out, (unsigned)scan->from);
  jpeg_put_byte(out, (unsigned)scan->to);
  jpeg_put_byte(out, (unsigned)(scan->high << 4 | scan->low));
}

int jpeg_write_scan(struct jpeg_bytes *out, const struct jpeg_picture *picture, const struct jpeg_scan *scan,
                    int is_progressive, size_t most_bytes) {
  struct coder coder;
  note_scan(&coder, picture, scan, is_progressive);
  const int is_written = out->size <= most_bytes && counted_bits(&coder, scan, 1) / 8 <= most_bytes - out->size;
  if (is_written) {
    write_codes(out, &coder);
    write_header(out, picture, scan, &coder, is_progressive);
    coder.out = out;
    if (coder.notes.at) write_notes(&coder);
    else code_scan(&coder, WRITTEN, picture, scan, is_progressive, 1);
    end_bits(&coder);
  }
  free(coder.notes.at);
  return is_written;
}
