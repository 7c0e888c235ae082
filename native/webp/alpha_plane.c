/* A plane of bytes in the tokens of WebP's lossless format (RFC 9649, section 3): literals, and copies of what came
 * before. libwebp codes alpha in 16 to 30 bytes a pixel; here it is the plane, 8 MB of places, and 12 bytes a copy.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "lossless.h"

enum { MIN_COPY = 4, MAX_COPY = 4096, LONG_COPY = 256, LAZY_BELOW = 64, EDGE = 32 };
enum { HASH_BITS = 18, PLACES = 1 << 20, WINDOW = PLACES - NEAR_CODES, LITERAL_WORTH = 3 };
enum { MOST_TRIES = 200, TRIES_A_BYTE = 4, MOST_CREDIT = 1 << 16 };

/* Literals, then a copy; a length of 0 ends the plane. */
struct token {
  uint32_t literals, distance_code;
  uint16_t length;
};

struct tokens {
  size_t count, room;
  struct token *items;
};

struct copy {
  size_t length, distance;
  int worth; /* about a third of the bits that it saves */
};

struct finder {
  const uint8_t *bytes;
  size_t size, width, credit; /* tries that are left: noise has few for each byte, what repeats has many */
  struct near near;
  uint32_t heads[1 << HASH_BITS]; /* the last place with this hash, and one: 0 is none */
  uint32_t before[PLACES];        /* the one before each, in a ring */
};

static uint32_t hash(const uint8_t *bytes) {
  uint32_t four;
  memcpy(&four, bytes, sizeof four);
  return (four * 2654435761u) >> (32 - HASH_BITS);
}

static void remember(struct finder *finder, size_t from, size_t to) {
  for (size_t at = from; at < to && at + MIN_COPY <= finder->size; ++at) {
    uint32_t *head = &finder->heads[hash(finder->bytes + at)];
    finder->before[at % PLACES] = *head;
    *head = (uint32_t)at + 1;
  }
}

static size_t equal_bytes(const uint8_t *left, const uint8_t *right, size_t most) {
  size_t count = 0;
  for (uint64_t a, b; count + sizeof a <= most; count += sizeof a) {
    memcpy(&a, left + count, sizeof a);
    memcpy(&b, right + count, sizeof b);
    if (a != b) break;
  }
  while (count < most && left[count] == right[count]) ++count;
  return count;
}

static void consider(const struct finder *finder, size_t at, size_t distance, size_t most, struct copy *best) {
  const uint8_t *here = finder->bytes + at, *there = here - distance;
  if (best->length < most && here[best->length] != there[best->length]) return;
  size_t length = equal_bytes(here, there, most);
  if (length < MIN_COPY) return;
  int worth = (int)length * LITERAL_WORTH - (31 - __builtin_clz(distance_code(&finder->near, distance, finder->width)));
  if (worth > best->worth) *best = (struct copy){length, distance, worth};
}

/* The copy that saves most at a place: from above, from the left, or from where the same four bytes were before. */
static struct copy find_copy(struct finder *finder, size_t at) {
  struct copy best = {0, 0, 0};
  size_t left = finder->size - at, most = left < MAX_COPY ? left : MAX_COPY;
  if (most < MIN_COPY) return best;
  if (at >= finder->width) consider(finder, at, finder->width, most, &best);
  if (at >= 1) consider(finder, at, 1, most, &best);
  uint32_t next = finder->heads[hash(finder->bytes + at)];
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

static int add(struct tokens *tokens, struct token token) {
  if (tokens->count == tokens->room) {
    size_t room = tokens->room ? 2 * tokens->room : 4096;
    void *grown = realloc(tokens->items, room * sizeof *tokens->items);
    if (grown == NULL) return -1;
    tokens->items = grown;
    tokens->room = room;
  }
  tokens->items[tokens->count++] = token;
  return 0;
}

/* The copy to make at a place, if one is worth it there; ahead: the one found for the place while looking further on. */
static struct copy choose(struct finder *finder, size_t at, struct copy *ahead) {
  struct copy none = {0, 0, 0}, found = ahead->length ? *ahead : find_copy(finder, at);
  *ahead = none;
  if (!found.length || found.length >= LAZY_BELOW || at + 1 >= finder->size) return found;
  struct copy next = find_copy(finder, at + 1);
  if (next.worth <= found.worth + LITERAL_WORTH) return found;
  *ahead = next; /* better one place further on */
  return none;
}

/* Of a long copy the ends: its middle is where it was copied from. */
static void remember_copy(struct finder *finder, size_t at, size_t length) {
  size_t end = at + length, middle = length > 2 * EDGE ? at + EDGE : end;
  remember(finder, at, middle);
  if (middle < end) remember(finder, end - EDGE, end);
}

static int tokenise(struct finder *finder, struct tokens *tokens, uint32_t *greens, uint32_t *distances) {
  struct copy ahead = {0, 0, 0};
  uint32_t literals = 0;
  for (size_t at = 0; at < finder->size;) {
    struct copy found = choose(finder, at, &ahead);
    finder->credit += TRIES_A_BYTE * (found.length ? found.length : 1);
    if (finder->credit > MOST_CREDIT) finder->credit = MOST_CREDIT;
    if (!found.length) {
      remember(finder, at, at + 1);
      ++greens[finder->bytes[at++]];
      ++literals;
      continue;
    }
    struct token token = {literals, distance_code(&finder->near, found.distance, finder->width), (uint16_t)found.length};
    int extra_bits;
    ++greens[LITERALS + prefix(token.length, &extra_bits)];
    ++distances[prefix(token.distance_code, &extra_bits)];
    if (add(tokens, token)) return -1;
    literals = 0;
    remember_copy(finder, at, found.length);
    at += found.length;
  }
  return add(tokens, (struct token){literals, 0, 0});
}

/* The tokens of a plane, to be written and freed, or NULL without memory. Counts how often each symbol of the green
 * (280) and of the distance code (40) occurs. */
LEANPIX_EXPORT struct tokens *leanpix_plane_tokens(const uint8_t *plane, size_t width, size_t height, uint32_t *greens,
                                                   uint32_t *distances) {
  struct finder *finder = calloc(1, sizeof *finder);
  struct tokens *tokens = calloc(1, sizeof *tokens);
  if (finder == NULL || tokens == NULL) goto failed;
  finder->bytes = plane;
  finder->size = width * height;
  finder->width = width;
  leanpix_know_near(&finder->near);
  if (tokenise(finder, tokens, greens, distances)) goto failed;
  free(finder);
  return tokens;
failed:
  if (tokens != NULL) free(tokens->items);
  free(tokens);
  free(finder);
  return NULL;
}

LEANPIX_EXPORT void leanpix_free_tokens(struct tokens *tokens) {
  free(tokens->items);
  free(tokens);
}

static void put_value(struct writer *writer, const struct code *codes, uint32_t value) {
  int extra_bits, symbol = prefix(value, &extra_bits);
  put(writer, codes[symbol].bits, codes[symbol].length);
  put(writer, (value - 1) & ((1u << extra_bits) - 1), extra_bits);
}

/* Write the tokens of a plane behind the held_count (under 8) bits that are held. Returns the bytes written: from the
 * counts and the codes the caller knows how many they are at most. */
LEANPIX_EXPORT size_t leanpix_write_tokens(const struct tokens *tokens, const uint8_t *plane, const struct code *greens,
                                           const struct code *distances, uint32_t held, int held_count, uint8_t *out) {
  struct writer writer = {out, 0, held, held_count};
  for (const struct token *token = tokens->items;; ++token) {
    for (uint32_t i = 0; i < token->literals; ++i, ++plane) put(&writer, greens[*plane].bits, greens[*plane].length);
    if (!token->length) break;
    put_value(&writer, greens + LITERALS, token->length);
    put_value(&writer, distances, token->distance_code);
    plane += token->length;
  }
  put(&writer, 0, 7);
  return writer.size;
}
