/* Pictures in the tokens of WebP's lossless format (RFC 9649, section 3.6): pixels, and copies of what came before.
 *
 * libwebp takes 16 bytes a pixel and more for it. Here the rows are read anew for each pass, and what is held is a
 * window of them, 28 MB with its places, and 8 bytes a copy.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "colour_rows.h"
#include "../export.h"
#include "lossless.h"

enum { LENGTHS = 24, MAX_CACHE = 1 << 10, GREENS = LITERALS + LENGTHS + MAX_CACHE, FIRST_CACHED = LITERALS + LENGTHS };
enum { REDS = GREENS, BLUES = REDS + 256, ALPHAS = BLUES + 256, DISTANCES = ALPHAS + 256, SYMBOLS = DISTANCES + 40 };
enum { MIN_COPY = 2, MAX_COPY = 4096, LONG_COPY = 256, LAZY_BELOW = 64, EDGE = 64, AHEAD = MAX_COPY + 2 };
enum { HASH_BITS = 20, PLACES = 1 << 20, WINDOW = PLACES - NEAR_CODES, HELD = 1 << 21 };
enum { MOST_TRIES = 24, TRIES_A_PIXEL = 3, MOST_CREDIT = 1 << 16 };
enum { LITERAL_BITS = 20, LENGTH_BITS = 13, MOST_LITERALS = (1 << LITERAL_BITS) - 1 };
enum { PRICED_EVERY = 1 << 15, FORGOTTEN_EVERY = 32, BIT = 16 }; /* a price is in sixteenths of a bit */

/* Literals, the length of a copy behind them (0: none) and the code of its distance. */
struct tokens {
  size_t count, room;
  uint64_t *items;
};

struct copy {
  size_t length, distance;
  int64_t worth; /* what it saves */
};

struct cache {
  uint32_t colours[MAX_CACHE];
  int bits;
};

struct finder {
  struct rows rows;
  struct cache cache;
  size_t size, width, filled, base, credit; /* the first pixel that is held; tries that are left */
  struct near near;
  uint32_t counts[SYMBOLS], prices[SYMBOLS];
  uint32_t heads[1 << HASH_BITS]; /* the last place with this hash, and one: 0 is none */
  uint32_t before[PLACES];        /* the one before each, in a ring */
  uint32_t pixels[HELD];
  uint32_t paid[HELD + 1]; /* what all pixels before each would cost as literals */
  uint16_t hits[HELD];     /* where a pixel was in the cache, and one; 0: it was not */
};

/* Where a colour is in a cache, if it was there; it is afterwards. */
static int cached(struct cache *cache, uint32_t pixel, uint32_t *place) {
  if (!cache->bits) return 0;
  *place = pixel * 0x1e35a7bdu >> (32 - cache->bits);
  if (cache->colours[*place] == pixel) return 1;
  cache->colours[*place] = pixel;
  return 0;
}

/* Each symbol's price from how often it occurred, of its own kind. */
static void price_kind(struct finder *finder, int first, int end) {
  uint32_t total = 0;
  for (int i = first; i < end; ++i) total += finder->counts[i];
  for (int i = first; i < end; ++i)
    finder->prices[i] = (uint32_t)(BIT * log2f((float)(total + 1) / (float)finder->counts[i]) + 0.5f);
}

static void price(struct finder *finder) {
  static const int KINDS[] = {0, REDS, BLUES, ALPHAS, DISTANCES, SYMBOLS};
  for (int kind = 0; kind < 5; ++kind) price_kind(finder, KINDS[kind], KINDS[kind + 1]);
}

static void expect(struct finder *finder) {
  for (int i = 0; i < SYMBOLS; ++i) finder->counts[i] = 1;
  for (int kind = 0; kind < 4; ++kind) finder->counts[kind ? REDS + 256 * (kind - 1) : 0] = 64;
  for (int i = LITERALS; i < FIRST_CACHED; ++i) finder->counts[i] = 16;
  for (int i = DISTANCES; i < SYMBOLS; ++i) finder->counts[i] = 4;
  price(finder);
}

static void forget(struct finder *finder) {
  for (int i = 0; i < SYMBOLS; ++i) finder->counts[i] = (finder->counts[i] + 1) / 2;
}

static uint32_t literal_price(const struct finder *finder, uint32_t pixel, uint16_t hit) {
  const uint32_t *prices = finder->prices;
  if (hit) return prices[FIRST_CACHED + hit - 1];
  return prices[pixel >> 8 & 255] + prices[REDS + (pixel >> 16 & 255)] + prices[BLUES + (pixel & 255)] +
         prices[ALPHAS + (pixel >> 24)];
}

static uint32_t copy_price(const struct finder *finder, size_t length, uint32_t distance) {
  int length_bits, distance_bits, symbol = prefix((uint32_t)length, &length_bits);
  uint32_t price = finder->prices[LITERALS + symbol];
  symbol = prefix(distance, &distance_bits);
  return price + finder->prices[DISTANCES + symbol] + BIT * (uint32_t)(length_bits + distance_bits);
}

/* Let go of what is behind the window. */
static void slide(struct finder *finder, size_t at) {
  size_t first = at > WINDOW ? at - WINDOW : 0, gone = first - finder->base, kept = finder->filled - first;
  memmove(finder->pixels, finder->pixels + gone, kept * sizeof *finder->pixels);
  memmove(finder->hits, finder->hits + gone, kept * sizeof *finder->hits);
  memmove(finder->paid, finder->paid + gone, (kept + 1) * sizeof *finder->paid);
  finder->base = first;
}

/* Have at hand all that a copy made here or one pixel further on may have. */
static void fill(struct finder *finder, size_t at) {
  while (finder->filled < finder->size && finder->filled < at + AHEAD) {
    if (finder->filled + finder->width > finder->base + HELD) slide(finder, at);
    uint32_t *pixels = finder->pixels + (finder->filled - finder->base);
    uint32_t *paid = finder->paid + (finder->filled - finder->base), place;
    uint16_t *hits = finder->hits + (finder->filled - finder->base);
    leanpix_next_row(&finder->rows, pixels);
    for (size_t x = 0; x < finder->width; ++x) {
      hits[x] = cached(&finder->cache, pixels[x], &place) ? (uint16_t)(place + 1) : 0;
      paid[x + 1] = paid[x] + literal_price(finder, pixels[x], hits[x]);
    }
    finder->filled += finder->width;
  }
}

static uint32_t hash(const uint32_t *pixels) {
  uint64_t two = (uint64_t)pixels[0] << 32 | pixels[1];
  return (uint32_t)(two * 0x9e3779b97f4a7c15u >> (64 - HASH_BITS));
}

static void remember(struct finder *finder, size_t from, size_t to) {
  for (size_t at = from; at < to && at + MIN_COPY <= finder->size; ++at) {
    uint32_t *head = &finder->heads[hash(finder->pixels + (at - finder->base))];
    finder->before[at % PLACES] = *head;
    *head = (uint32_t)at + 1;
  }
}

static size_t equal_pixels(const uint32_t *left, const uint32_t *right, size_t most) {
  size_t count = 0;
  for (uint64_t a, b; count + 2 <= most; count += 2) {
    memcpy(&a, left + count, sizeof a);
    memcpy(&b, right + count, sizeof b);
    if (a != b) break;
  }
  while (count < most && left[count] == right[count]) ++count;
  return count;
}

static void consider(const struct finder *finder, size_t at, size_t distance, size_t most, struct copy *best) {
  const uint32_t *here = finder->pixels + (at - finder->base), *there = here - distance;
  if (best->length < most && here[best->length] != there[best->length]) return;
  size_t length = equal_pixels(here, there, most);
  if (length < MIN_COPY) return;
  const uint32_t *paid = finder->paid + (at - finder->base);
  int64_t worth = (int64_t)(uint32_t)(paid[length] - paid[0]) -
                  copy_price(finder, length, distance_code(&finder->near, distance, finder->width));
  if (worth > best->worth) *best = (struct copy){length, distance, worth};
}

/* The copy that saves most at a place: from above, from the left, or from where the same two pixels were before. */
static struct copy find_copy(struct finder *finder, size_t at) {
  struct copy best = {0, 0, 0};
  size_t left = finder->size - at, most = left < MAX_COPY ? left : MAX_COPY;
  if (most < MIN_COPY) return best;
  if (at >= finder->width && finder->width <= WINDOW) consider(finder, at, finder->width, most, &best);
  if (at >= 1) consider(finder, at, 1, most, &best);
  uint32_t next = finder->heads[hash(finder->pixels + (at - finder->base))];
  size_t last = 0;
  for (int tries = 0; tries < MOST_TRIES && finder->credit && next && best.length < LONG_COPY; ++tries) {
    --finder->credit;
    size_t place = next - 1, distance = at - place;
    if (place >= at || distance > WINDOW || distance <= last) break; /* the ring has been written over */
    last = distance;
    consider(finder, at, distance, most, &best);
    next = finder->before[place % PLACES];
  }
  return best;
}

/* The copy to make at a place, if one is worth it there; ahead: the one found for the place while looking further on. */
static struct copy choose(struct finder *finder, size_t at, struct copy *ahead) {
  struct copy none = {0, 0, 0}, found = ahead->length ? *ahead : find_copy(finder, at);
  *ahead = none;
  if (!found.length || found.length >= LAZY_BELOW || at + 1 >= finder->size) return found;
  struct copy next = find_copy(finder, at + 1);
  if (next.worth <= found.worth) return found;
  *ahead = next; /* better one place further on */
  return none;
}

/* Of a long copy the ends: its middle is where it was copied from. */
static void remember_copy(struct finder *finder, size_t at, size_t length) {
  size_t end = at + length, middle = length > 2 * EDGE ? at + EDGE : end;
  remember(finder, at, middle);
  if (middle < end) remember(finder, end - EDGE, end);
}

static void count_literal(struct finder *finder, size_t at) {
  uint32_t pixel = finder->pixels[at - finder->base], hit = finder->hits[at - finder->base];
  if (hit) {
    ++finder->counts[FIRST_CACHED + hit - 1];
    return;
  }
  ++finder->counts[pixel >> 8 & 255];
  ++finder->counts[REDS + (pixel >> 16 & 255)];
  ++finder->counts[BLUES + (pixel & 255)];
  ++finder->counts[ALPHAS + (pixel >> 24)];
}

static int add(struct tokens *tokens, size_t literals, size_t length, uint32_t distance) {
  if (tokens->count == tokens->room) {
    size_t room = tokens->room ? 2 * tokens->room : 4096;
    void *grown = realloc(tokens->items, room * sizeof *tokens->items);
    if (grown == NULL) return -1;
    tokens->items = grown;
    tokens->room = room;
  }
  tokens->items[tokens->count++] =
      literals | (uint64_t)length << LITERAL_BITS | (uint64_t)distance << (LITERAL_BITS + LENGTH_BITS);
  return 0;
}

/* Make a copy, or none: 0 or -1 without memory. */
static int take(struct finder *finder, struct tokens *tokens, size_t at, struct copy found, size_t *literals) {
  if (!found.length) {
    remember(finder, at, at + 1);
    count_literal(finder, at);
    if (++*literals < MOST_LITERALS) return 0;
    if (add(tokens, *literals, 0, 0)) return -1;
  } else {
    uint32_t distance = distance_code(&finder->near, found.distance, finder->width);
    int extra_bits;
    ++finder->counts[LITERALS + prefix((uint32_t)found.length, &extra_bits)];
    ++finder->counts[DISTANCES + prefix(distance, &extra_bits)];
    if (add(tokens, *literals, found.length, distance)) return -1;
    remember_copy(finder, at, found.length);
  }
  *literals = 0;
  return 0;
}

static int tokenise(struct finder *finder, struct tokens *tokens) {
  struct copy ahead = {0, 0, 0};
  size_t literals = 0, priced = PRICED_EVERY, times = 0;
  for (size_t at = 0; at < finder->size;) {
    fill(finder, at);
    struct copy found = choose(finder, at, &ahead);
    size_t step = found.length ? found.length : 1;
    finder->credit += TRIES_A_PIXEL * step;
    if (finder->credit > MOST_CREDIT) finder->credit = MOST_CREDIT;
    if (take(finder, tokens, at, found, &literals)) return -1;
    at += step;
    if (at < priced) continue;
    priced = at + PRICED_EVERY;
    price(finder);
    if (++times % FORGOTTEN_EVERY == 0) forget(finder);
  }
  return add(tokens, literals, 0, 0);
}

LEANPIX_EXPORT void leanpix_free_colour_tokens(struct tokens *tokens) {
  free(tokens->items);
  free(tokens);
}

/* The tokens of a picture, for a cache of so many bits of colours (0: none), to be freed; NULL without memory. */
LEANPIX_EXPORT struct tokens *leanpix_colour_tokens(const struct source *source, int cache_bits) {
  struct finder *finder = calloc(1, sizeof *finder);
  struct tokens *tokens = calloc(1, sizeof *tokens);
  int failed = finder == NULL || tokens == NULL || leanpix_open_rows(&finder->rows, source);
  if (!failed) {
    finder->cache.bits = cache_bits;
    finder->width = coded_width(source);
    finder->size = finder->width * source->height;
    leanpix_know_near(&finder->near);
    expect(finder);
    failed = tokenise(finder, tokens);
  }
  if (finder != NULL) leanpix_close_rows(&finder->rows);
  free(finder);
  if (!failed) return tokens;
  if (tokens != NULL) leanpix_free_colour_tokens(tokens);
  return NULL;
}

/* Where a picture's symbols go, one group of codes for each tile: counted, or written. */
struct sink {
  const uint16_t *groups; /* the group of each tile */
  uint32_t *counts;       /* SYMBOLS for each group, or NULL */
  const struct code *codes;
  int32_t group_bits, cache_bits;
  struct writer writer;
};

struct replay {
  struct rows rows;
  struct cache cache;
  size_t width, at, column, row;
  uint32_t *pixels; /* of the row */
};

static size_t group_at(const struct replay *replay, const struct sink *sink) {
  size_t across = (replay->width + ((size_t)1 << sink->group_bits) - 1) >> sink->group_bits;
  return sink->groups[((replay->row - 1) >> sink->group_bits) * across + (replay->column >> sink->group_bits)];
}

/* The next pixel is at hand: only then is it known which row it is in. */
static void come_to_pixel(struct replay *replay) {
  if (replay->row && replay->column < replay->width) return;
  leanpix_next_row(&replay->rows, replay->pixels);
  replay->column = 0;
  ++replay->row;
}

static void symbol(struct sink *sink, size_t group, int which) {
  size_t place = group * SYMBOLS + (size_t)which;
  if (sink->counts != NULL) ++sink->counts[place];
  else put(&sink->writer, sink->codes[place].bits, sink->codes[place].length);
}

static void value(struct sink *sink, size_t group, int first, uint32_t value) {
  int extra_bits;
  symbol(sink, group, first + prefix(value, &extra_bits));
  if (sink->counts == NULL) put(&sink->writer, (value - 1) & ((1u << extra_bits) - 1), extra_bits);
}

static void literal(struct replay *replay, struct sink *sink) {
  come_to_pixel(replay);
  size_t group = group_at(replay, sink);
  uint32_t pixel = replay->pixels[replay->column++], place;
  if (cached(&replay->cache, pixel, &place)) {
    symbol(sink, group, FIRST_CACHED + (int)place);
    return;
  }
  symbol(sink, group, pixel >> 8 & 255);
  symbol(sink, group, REDS + (pixel >> 16 & 255));
  symbol(sink, group, BLUES + (pixel & 255));
  symbol(sink, group, ALPHAS + (pixel >> 24));
}

static void copy(struct replay *replay, struct sink *sink, size_t length, uint32_t distance) {
  come_to_pixel(replay);
  size_t group = group_at(replay, sink);
  value(sink, group, LITERALS, (uint32_t)length);
  value(sink, group, DISTANCES, distance);
  for (uint32_t place; length; --length) {
    come_to_pixel(replay);
    cached(&replay->cache, replay->pixels[replay->column++], &place);
  }
}

/* Send the symbols of a picture's tokens on their way; -1 without memory. Written behind the writer's held bits (under
 * 8), and filled up to a whole byte. */
LEANPIX_EXPORT int leanpix_replay_tokens(const struct tokens *tokens, const struct source *source, struct sink *sink) {
  struct replay *replay = calloc(1, sizeof *replay);
  if (replay == NULL) return -1;
  replay->width = coded_width(source);
  replay->cache.bits = sink->cache_bits;
  replay->pixels = malloc(replay->width * sizeof *replay->pixels);
  int failed = leanpix_open_rows(&replay->rows, source) || replay->pixels == NULL;
  for (size_t i = 0; !failed && i < tokens->count; ++i) {
    uint64_t token = tokens->items[i];
    for (uint64_t left = token & MOST_LITERALS; left; --left) literal(replay, sink);
    size_t length = token >> LITERAL_BITS & ((1 << LENGTH_BITS) - 1);
    if (length) copy(replay, sink, length, (uint32_t)(token >> (LITERAL_BITS + LENGTH_BITS)));
  }
  if (sink->counts == NULL) put(&sink->writer, 0, 7);
  leanpix_close_rows(&replay->rows);
  free(replay->pixels);
  free(replay);
  return failed ? -1 : 0;
}
