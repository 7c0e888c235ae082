/* Deflate for the filtered rows of photographs: a stream as small as one parsed for the best, in half of the time.
 *
 * Repeats in photographs are mostly a few bytes long, so the last place is remembered for 3, 4, 5, 6 and 8 bytes
 * each, and no chain of places is followed; for smooth ones for 11, 16, 24 and 40 as well. Which matches are used is
 * decided by what they cost, part by part from the end backwards, at the prices that the part before came to. Parts
 * make one block as long as that takes fewer bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "deflate_codes.h"
#include "../export.h"

enum { PART = 1 << 14, MOST_PARTS = 32, TABLES = 9, SHORT_TABLES = 5, SLOT_BITS = 17 };
enum { WORD = 8, MOST_SAME = 40 };

/* A match as long as this is taken, and none is looked for inside. */
enum { LONG = 128 };

static const int SAME[TABLES] = {3, 4, 5, 6, 8, 11, 16, 24, MOST_SAME}; /* the short ones within a word */

static const uint64_t MIXED = 0x9e3779b97f4a7c15u;

static const float UNSEEN = 0.1f, MOST_PRICE = 14; /* a symbol's count where it was not used; in bits */

struct prices {
  float literals[END], lengths[MOST + 1], distances[DISTANCES];
};

struct work {
  uint16_t places[TABLES][1 << SLOT_BITS]; /* by the hash of so many bytes: where they were last, modulo 65,536 */
  uint16_t distances[TABLES][PART];
  struct match found[PART * TABLES]; /* of each place one after the other, growing longer and further */
  uint8_t found_count[PART];
  float price[PART + 1];     /* of all from a place to the end of the part */
  struct match step[PART];   /* what comes next at a place: a literal has a length of 1 and no distance */
  struct match symbols[PART * MOST_PARTS]; /* of the block, as write_block has them */
  size_t symbol_count, parts, bits;
  int tables; /* of those above that are used */
  struct counts block, part;
  struct prices prices;
  struct code_table table;
};

static uint64_t word_at(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, WORD);
  return word;
}

static size_t slot_of(const uint8_t *bytes, int same) {
  uint64_t word = word_at(bytes);
  if (same <= WORD) return (size_t)((word << (8 * (WORD - same))) * MIXED >> (64 - SLOT_BITS));
  for (int at = WORD; at < same; at += WORD) {
    word *= MIXED;
    word ^= word >> 29 ^ word_at(bytes + (at + WORD < same ? at : same - WORD));
  }
  return (size_t)(word * MIXED >> (64 - SLOT_BITS));
}

static void look_up(const uint8_t *bytes, size_t first, int count, int same, uint16_t *places, uint16_t *distances) {
  for (int i = 0; i < count; ++i) {
    uint16_t at = (uint16_t)(first + (size_t)i), *place = &places[slot_of(bytes + first + i, same)];
    distances[i] = (uint16_t)(at - *place);
    *place = at;
  }
}

static int same_bytes(const uint8_t *one, const uint8_t *other, int known, int most) {
  for (; known + WORD <= most; known += WORD) {
    uint64_t differing = word_at(one + known) ^ word_at(other + known);
    if (differing) return known + __builtin_ctzll(differing) / 8;
  }
  while (known < most && one[known] == other[known]) ++known;
  return known;
}

static uint16_t within(uint16_t distance, size_t at) {
  return distance > at || distance > WINDOW ? 0 : distance;
}

/* The matches of up to a word at a place of the part, each longer than the one before; how many. What was looked up is
 * only a guess. */
static int find_short(const struct work *work, const uint8_t *bytes, size_t at, int i, int most, struct match *found) {
  uint64_t here = word_at(bytes + at);
  int count = 0, longest = LEAST - 1;
  for (int table = 0; table < SHORT_TABLES; ++table) {
    uint16_t distance = within(work->distances[table][i], at);
    uint64_t differing = here ^ word_at(bytes + at - distance);
    int length = differing ? __builtin_ctzll(differing) / 8 : WORD;
    length = distance == 0 ? 0 : length < most ? length : most;
    found[count] = (struct match){(uint16_t)length, distance};
    count += length > longest; /* no branch: it would be mispredicted half of the time */
    longest = length > longest ? length : longest;
  }
  return count;
}

/* All of them: where a whole word is found again, more may be. */
static int find(const struct work *work, const uint8_t *bytes, size_t first, int i, int most, struct match *found) {
  size_t at = first + (size_t)i;
  int count = find_short(work, bytes, at, i, most, found);
  if (count == 0 || found[count - 1].length < WORD) return count;
  struct match *last = &found[count - 1];
  last->length = (uint16_t)same_bytes(bytes + at, bytes + at - last->distance, WORD, most);
  for (int table = SHORT_TABLES; table < work->tables; ++table) {
    uint16_t distance = within(work->distances[table][i], at);
    if (last->length >= SAME[table] || distance == 0 || distance == last->distance) continue;
    int length = same_bytes(bytes + at, bytes + at - distance, 0, most);
    if (length > last->length) *++last = (struct match){(uint16_t)length, distance};
  }
  return (int)(last - found) + 1;
}

/* The matches of a part; how many. The last bytes of all have none, for all of MOST_SAME are read. */
static int find_all(struct work *work, const uint8_t *bytes, size_t first, int length, size_t end) {
  int whole = end - first < (size_t)length + MOST_SAME ? (int)(end - first) - MOST_SAME : length, all = 0, skipped = 0;
  for (int table = 0; table < work->tables; ++table) {
    look_up(bytes, first, whole, SAME[table], work->places[table], work->distances[table]);
  }
  memset(work->found_count, 0, (size_t)length);
  for (int i = 0; i < whole; ++i) {
    if (skipped > 0) {
      --skipped;
      continue;
    }
    int count = find(work, bytes, first, i, length - i < MOST ? length - i : MOST, work->found + all);
    work->found_count[i] = (uint8_t)count;
    all += count;
    if (count > 0 && work->found[all - 1].length >= LONG) skipped = work->found[all - 1].length - 1;
  }
  return all;
}

/* The steps through a part that cost least at these prices. */
static void decide(struct work *work, const uint8_t *bytes, int length, int all) {
  const struct prices *prices = &work->prices;
  const struct match *found = work->found + all;
  float *price = work->price;
  price[length] = 0;
  for (int i = length - 1; i >= 0; --i) {
    float least = price[i + 1] + prices->literals[bytes[i]];
    struct match best = {1, 0};
    int tried = LEAST;
    found -= work->found_count[i];
    for (int k = 0; k < work->found_count[i]; ++k) {
      float far = prices->distances[distance_code(&work->table, found[k].distance)];
      for (; tried <= found[k].length; ++tried) {
        float here = far + prices->lengths[tried] + price[i + tried];
        if (here < least) {
          least = here;
          best = (struct match){(uint16_t)tried, found[k].distance};
        }
      }
    }
    price[i] = least;
    work->step[i] = best;
  }
}

static void count_symbols(struct work *work, const uint8_t *bytes, int length) {
  struct counts *counts = &work->part;
  *counts = (struct counts){.literals[END] = 1};
  for (int i = 0; i < length; i += work->step[i].length) {
    struct match step = work->step[i];
    if (step.distance == 0) {
      ++counts->literals[bytes[i]];
      continue;
    }
    ++counts->literals[FIRST_LENGTH + work->table.lengths[step.length]];
    ++counts->distances[distance_code(&work->table, step.distance)];
  }
}

static void bits_each(const uint32_t *counts, int count, float *bits) {
  float all = 0;
  for (int i = 0; i < count; ++i) all += (float)counts[i] + UNSEEN;
  float whole = log2f(all);
  for (int i = 0; i < count; ++i) bits[i] = fminf(MOST_PRICE, whole - log2f((float)counts[i] + UNSEEN));
}

static void set_prices(struct work *work) {
  struct prices *prices = &work->prices;
  float literals[LITERALS];
  bits_each(work->part.literals, LITERALS, literals);
  bits_each(work->part.distances, DISTANCES, prices->distances);
  memcpy(prices->literals, literals, sizeof prices->literals);
  for (int length = LEAST; length <= MOST; ++length) {
    int code = work->table.lengths[length];
    prices->lengths[length] = literals[FIRST_LENGTH + code] + LENGTH_EXTRA[code];
  }
  for (int code = 0; code < DISTANCES; ++code) prices->distances[code] += DISTANCE_EXTRA[code];
}

/* Before anything is known: every byte once more, and few matches, the shorter the more. */
static void guess_prices(struct work *work, const uint8_t *bytes, int length) {
  work->part = (struct counts){.literals[END] = 1};
  for (int i = 0; i < length; ++i) ++work->part.literals[bytes[i]];
  for (int code = 0; code < LENGTHS; ++code) work->part.literals[FIRST_LENGTH + code] = (uint32_t)length / 16 >> code;
  set_prices(work);
}

static void end_block(struct work *work, struct bit_writer *writer) {
  if (work->parts > 0) write_block(writer, &work->table, &work->block, work->symbols, work->symbol_count);
  work->symbol_count = work->parts = work->bits = 0;
  work->block = (struct counts){.literals[END] = 1};
}

static void add_counts(struct counts *counts, const struct counts *more) {
  for (int i = 0; i < LITERALS; ++i) counts->literals[i] += i == END ? 0 : more->literals[i];
  for (int i = 0; i < DISTANCES; ++i) counts->distances[i] += more->distances[i];
}

/* The part goes on with the block, or begins another. */
static void take_part(struct work *work, struct bit_writer *writer, const uint8_t *bytes, int length) {
  struct counts both = work->block;
  add_counts(&both, &work->part);
  size_t alone = block_bits(&work->part), together = block_bits(&both);
  if (work->parts == MOST_PARTS || together > work->bits + alone) {
    end_block(work, writer);
    both = work->part;
    together = alone;
  }
  work->block = both;
  work->bits = together;
  ++work->parts;
  for (int i = 0; i < length; i += work->step[i].length) {
    struct match step = work->step[i];
    work->symbols[work->symbol_count++] = step.distance ? step : (struct match){bytes[i], 0};
  }
}

static void end_on_a_byte(struct bit_writer *writer) {
  put_bits(writer, 0, 3); /* a stored block, not the last one, of no bytes */
  put_bits(writer, 0, (8 - writer->count) % 8);
  put_bits(writer, 0xffff0000, 32);
}

/* Write bytes as a raw deflate stream without a last block, which another may follow; is_smooth: long ones come again.
 * Returns its length, at most room; 0 without memory, or where it would be longer. */
LEANPIX_EXPORT size_t leanpix_deflate(const uint8_t *bytes, size_t length, int is_smooth, uint8_t *to, size_t room) {
  struct work *work = calloc(1, sizeof *work);
  struct bit_writer writer = {to, room, 0, 0, 0};
  if (work == NULL) return 0;
  work->tables = is_smooth ? TABLES : SHORT_TABLES;
  make_code_table(&work->table);
  end_block(work, &writer);
  for (size_t first = 0; first < length; first += PART) {
    int here = length - first < PART ? (int)(length - first) : PART;
    int all = find_all(work, bytes, first, here, length);
    if (first == 0) guess_prices(work, bytes, here);
    for (int round = first == 0 ? 2 : 1; round > 0; --round) {
      decide(work, bytes + first, here, all);
      count_symbols(work, bytes + first, here);
      set_prices(work);
    }
    take_part(work, &writer, bytes + first, here);
  }
  end_block(work, &writer);
  end_on_a_byte(&writer);
  free(work);
  return writer.at <= room ? writer.at : 0;
}
