/* A JPEG from its coefficients: tables, frame and scans. What stands before them is the caller's. */
#include "scans.h"

enum { SOF_BASELINE = 0xFFC0, SOF_EXTENDED = 0xFFC1, SOF_PROGRESSIVE = 0xFFC2, EOI = 0xFFD9, DQT = 0xFFDB };

static int is_wide(const uint16_t *table) {
  int wide = 0;
  for (int i = 0; i < JPEG_VALUES; ++i) wide |= table[i] > 255;
  return wide;
}

static int is_used(const struct jpeg_picture *picture, int table) {
  int used = 0;
  for (int i = 0; i < picture->components; ++i) used |= picture->component[i].table == table;
  return used;
}

/* The tables that components use; whether all have steps of a byte. */
static int write_tables(struct jpeg_bytes *out, const struct jpeg_picture *picture) {
  int are_narrow = 1;
  unsigned size = 2;
  for (int table = 0; table < JPEG_TABLES; ++table) {
    if (is_used(picture, table)) size += 1 + JPEG_VALUES * (is_wide(picture->tables[table]) ? 2 : 1);
  }
  jpeg_put_short(out, DQT);
  jpeg_put_short(out, size);
  for (int table = 0; table < JPEG_TABLES; ++table) {
    if (!is_used(picture, table)) continue;
    const uint16_t *steps = picture->tables[table];
    const int wide = is_wide(steps);
    jpeg_put_byte(out, (unsigned)(wide << 4 | table));
    for (int i = 0; i < JPEG_VALUES; ++i) {
      if (wide) jpeg_put_short(out, steps[i]);
      else jpeg_put_byte(out, steps[i]);
    }
    are_narrow &= !wide;
  }
  return are_narrow;
}

static void write_frame(struct jpeg_bytes *out, const struct jpeg_picture *picture, unsigned kind) {
  jpeg_put_short(out, kind);
  jpeg_put_short(out, 8 + 3 * (unsigned)picture->components);
  jpeg_put_byte(out, 8);
  jpeg_put_short(out, (unsigned)picture->height);
  jpeg_put_short(out, (unsigned)picture->width);
  jpeg_put_byte(out, (unsigned)picture->components);
  for (int i = 0; i < picture->components; ++i) {
    const struct jpeg_component *one = &picture->component[i];
    jpeg_put_byte(out, (unsigned)one->id);
    jpeg_put_byte(out, (unsigned)(one->across << 4 | one->down));
    jpeg_put_byte(out, (unsigned)one->table);
  }
}

/* A sample told up to 1.11 times what all scans take, of 355 pictures. */
static const double MOST_SAMPLED = 1.15;

static int is_larger(const struct jpeg_script *script, size_t bytes, size_t most_bytes) {
  return (double)script->bits / 8 > (double)(most_bytes - bytes) * (script->is_sampled ? MOST_SAMPLED : 1);
}

/* Of a file that is of use only up to so many bytes, and by a sample may have them: counted, for writing takes more. */
static int are_scans_larger(const struct jpeg_script *script, const struct jpeg_picture *picture, size_t most_bytes) {
  uint64_t bits = 0;
  for (int i = 0; i < script->count && bits / 8 <= most_bytes; ++i) {
    bits += jpeg_scan_bits(picture, &script->scans[i], script->is_progressive, 1);
  }
  return bits / 8 > most_bytes;
}

enum jpeg_outcome jpeg_write(struct jpeg_bytes *out, const struct jpeg_picture *picture, double until_cpu_s,
                             size_t most_bytes) {
  struct jpeg_script script;
  jpeg_choose_script(&script, picture);
  if (out->size > most_bytes || is_larger(&script, out->size, most_bytes)) return JPEG_LARGER;
  const int is_to_be_counted = most_bytes < SIZE_MAX && script.is_sampled;
  if (is_to_be_counted && are_scans_larger(&script, picture, most_bytes - out->size)) return JPEG_LARGER;
  const int are_narrow = write_tables(out, picture);
  write_frame(out, picture, script.is_progressive ? SOF_PROGRESSIVE : are_narrow ? SOF_BASELINE : SOF_EXTENDED);
  for (int i = 0; i < script.count; ++i) {
    if (jpeg_is_late(until_cpu_s)) return JPEG_LATE;
    if (!jpeg_write_scan(out, picture, &script.scans[i], script.is_progressive, most_bytes)) return JPEG_LARGER;
  }
  jpeg_put_short(out, EOI);
  if (out->is_short) return JPEG_NO_MEMORY;
  return out->size > most_bytes ? JPEG_LARGER : JPEG_DONE;
}
