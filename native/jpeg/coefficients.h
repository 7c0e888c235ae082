/* A JPEG as its quantised coefficients: what its reader, its encoder and its writer hand to each other. */
#ifndef LEANPIX_JPEG_COEFFICIENTS_H
#define LEANPIX_JPEG_COEFFICIENTS_H

#include <stddef.h>
#include <stdint.h>

enum { JPEG_SIDE = 8, JPEG_VALUES = 64, JPEG_COMPONENTS = 4, JPEG_TABLES = 4, JPEG_MASKS = 4 };

enum jpeg_outcome { JPEG_DONE, JPEG_DAMAGED, JPEG_UNSUPPORTED, JPEG_NO_MEMORY, JPEG_LATE, JPEG_LARGER };

struct jpeg_component {
  int id, table;        /* as the frame's header has them */
  int across, down;     /* sampling factors: blocks of a unit */
  size_t width, height; /* in blocks, without those that only fill the last unit */
  int16_t *values;      /* block after block, each in zigzag order: see is_in_rows */
  uint64_t (*filled)[JPEG_MASKS]; /* of each block: a bit for each value that is 1, 2, 4, 8 or more, without its sign */
};

struct jpeg_picture {
  size_t width, height;          /* in pixels */
  int components;
  int is_in_rows;                /* a block's values lie row after row, and none of its masks but the first is there */
  int across, down;              /* the largest factors */
  size_t units_across, units_down;
  int has_table[JPEG_TABLES];
  uint16_t tables[JPEG_TABLES][JPEG_VALUES]; /* steps, in zigzag order */
  struct jpeg_component component[JPEG_COMPONENTS];
};

/* The row and column of each place of the zigzag: row * 8 + column. */
extern const uint8_t JPEG_ZIGZAG[JPEG_VALUES];

/* Sides in units and blocks from the sides in pixels and the factors, and memory for the values, all zero. */
enum jpeg_outcome jpeg_lay_out(struct jpeg_picture *picture);

/* All masks of a block from its first one. */
void jpeg_sort_by_size(const int16_t *values, uint64_t filled[JPEG_MASKS]);

void jpeg_free_values(struct jpeg_picture *picture);

/* Bits of a number without its sign: 0 for 0, 1 for 1, 2 for 2 and 3. */
static inline int jpeg_size(unsigned number) { return number ? 32 - __builtin_clz(number) : 0; }

/* Whether this process has used its processor time; a limit of 0 or less is none. */
int jpeg_is_late(double until_cpu_s);

#endif
