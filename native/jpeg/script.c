/* Which scans a picture is written in: tried on a part of its rows, the fewest bits win. */
#include "scans.h"

enum { MOST_LOW = 3, SAMPLED_ROWS = 24, SEQUENTIAL_BLOCKS = 6000 };
enum { LAST = JPEG_VALUES - 1, MOST_UNIT = 10 };

/* Of a component: every so many of its rows stand for all. */
static size_t step_of(const struct jpeg_picture *picture, int component) {
  return 1 + picture->component[component].height / SAMPLED_ROWS;
}

static uint64_t ac_bits(const struct jpeg_picture *picture, int component, int high, int low) {
  const struct jpeg_scan scan = {component, 1, 1, LAST, high, low};
  return jpeg_scan_bits(picture, &scan, 1, step_of(picture, component));
}

static void add(struct jpeg_script *script, struct jpeg_scan scan) { script->scans[script->count++] = scan; }

/* The place after which a band is cut into two; 0: nowhere. whole: what the band takes as it is, and then what it takes
 * cut so. */
static int cut_after(const struct jpeg_picture *picture, int component, int low, uint64_t *whole) {
  uint64_t bits[JPEG_CUTS][2];
  int after = 0;
  jpeg_cut_bits(bits, picture, component, low, step_of(picture, component));
  for (int i = 0; i < JPEG_CUTS && bits[i][0] < *whole; ++i) {
    if (bits[i][0] + bits[i][1] >= *whole) continue;
    *whole = bits[i][0] + bits[i][1];
    after = JPEG_CUT_AFTER[i];
  }
  return after;
}

/* How many of the lowest bits are left for scans of their own, and where the rest is cut into two. */
static void add_ac(struct jpeg_script *script, const struct jpeg_picture *picture, int component) {
  uint64_t least = ac_bits(picture, component, 0, 0), whole = least, refined = 0;
  int low = 0;
  for (int tried = 1; tried <= MOST_LOW; ++tried) {
    refined += ac_bits(picture, component, tried, tried - 1);
    const uint64_t first = ac_bits(picture, component, 0, tried);
    if (first + refined >= least) break;
    least = first + refined;
    whole = first;
    low = tried;
  }
  script->bits += least - whole;
  const int cut = cut_after(picture, component, low, &whole);
  script->bits += whole;
  if (cut) add(script, (struct jpeg_scan){component, 1, 1, cut, 0, low});
  add(script, (struct jpeg_scan){component, 1, cut + 1, LAST, 0, low});
  for (; low > 0; --low) add(script, (struct jpeg_scan){component, 1, 1, LAST, low, low - 1});
}

/* DC of all components in one scan, or in one each; a unit of one scan may have ten blocks at most. */
static void add_dc(struct jpeg_script *script, const struct jpeg_picture *picture) {
  const struct jpeg_scan all = {0, picture->components, 0, 0, 0, 0};
  uint64_t apart = 0;
  int blocks = 0;
  for (int i = 0; i < picture->components; ++i) {
    blocks += picture->component[i].across * picture->component[i].down;
    apart += jpeg_scan_bits(picture, &(struct jpeg_scan){i, 1, 0, 0, 0, 0}, 1, 1);
  }
  const uint64_t together = blocks <= MOST_UNIT ? jpeg_scan_bits(picture, &all, 1, 1) : UINT64_MAX;
  script->bits += together <= apart ? together : apart;
  if (together <= apart) {
    add(script, all);
    return;
  }
  for (int i = 0; i < picture->components; ++i) add(script, (struct jpeg_scan){i, 1, 0, 0, 0, 0});
}

/* What the script takes, which its choice told already of components whose rows were all counted. */
static uint64_t script_bits(const struct jpeg_script *script, const struct jpeg_picture *picture) {
  uint64_t bits = 0;
  if (step_of(picture, 0) == 1) return script->bits;
  for (int i = 0; i < script->count; ++i) bits += jpeg_scan_bits(picture, &script->scans[i], 1, 1);
  return bits;
}

/* A small picture's codes weigh more than what further scans save. The script is told what one scan takes. */
static int is_sequential_smaller(struct jpeg_script *script, const struct jpeg_picture *picture) {
  if (picture->component[0].width * picture->component[0].height > SEQUENTIAL_BLOCKS) return 0;
  if (script->scans[0].count < picture->components) return 0;
  const struct jpeg_scan all = {0, picture->components, 0, LAST, 0, 0};
  const uint64_t bits = jpeg_scan_bits(picture, &all, 0, 1);
  if (bits > script_bits(script, picture)) return 0;
  script->bits = bits;
  return 1;
}

void jpeg_choose_script(struct jpeg_script *script, const struct jpeg_picture *picture) {
  *script = (struct jpeg_script){.is_progressive = 1, .is_sampled = step_of(picture, 0) > 1};
  add_dc(script, picture);
  for (int i = 0; i < picture->components; ++i) add_ac(script, picture, i);
  if (!is_sequential_smaller(script, picture)) return;
  script->count = 1;
  script->is_progressive = script->is_sampled = 0;
  script->scans[0] = (struct jpeg_scan){0, picture->components, 0, LAST, 0, 0};
}
