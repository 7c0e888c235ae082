/* The scans of a JPEG: counted, to compare them, and written (ITU T.81, annexes F.1 and G.1). */
#ifndef LEANPIX_JPEG_SCANS_H
#define LEANPIX_JPEG_SCANS_H

#include "coefficients.h"
#include "huffman.h"

/* Bytes that grow. is_short: there was no memory, and what follows is not kept. */
struct jpeg_bytes {
  uint8_t *data;
  size_t size, room;
  int is_short;
};

void jpeg_put(struct jpeg_bytes *bytes, const void *data, size_t size);
void jpeg_put_byte(struct jpeg_bytes *bytes, unsigned byte);
void jpeg_put_short(struct jpeg_bytes *bytes, unsigned number);

/* Some components' values from..to of the zigzag. high, low: the bits below that a former scan, and this one, leave. */
struct jpeg_scan {
  int first, count; /* components; several: their units one after the other */
  int from, to, high, low;
};

enum { JPEG_MOST_SCANS = 32 };

struct jpeg_script {
  int count, is_progressive, is_sampled;
  uint64_t bits; /* as its choice counted them: exactly, or on a sample */
  struct jpeg_scan scans[JPEG_MOST_SCANS];
};

/* The bits that a scan takes with its codes and headers, from every step-th row of blocks. */
uint64_t jpeg_scan_bits(const struct jpeg_picture *picture, const struct jpeg_scan *scan, int is_progressive, size_t step);

/* The same of a band by what was counted of its symbols, and the bits that follow these. */
uint64_t jpeg_band_bits(const uint32_t counts[HUFFMAN_SYMBOLS], uint64_t extra_bits, size_t step);

/* Places of the zigzag after which a component's AC values may be cut into two bands. */
enum { JPEG_CUTS = 5 };
extern const int JPEG_CUT_AFTER[JPEG_CUTS];

/* The bits that both bands of each cut take, less their low lowest bits, from every step-th row of blocks. */
void jpeg_cut_bits(uint64_t bits[JPEG_CUTS][2], const struct jpeg_picture *picture, int component, int low, size_t step);

/* 0: it was counted to take more than most_bytes with what is there already, and is not written. */
int jpeg_write_scan(struct jpeg_bytes *out, const struct jpeg_picture *picture, const struct jpeg_scan *scan,
                    int is_progressive, size_t most_bytes);

/* The scans that take the fewest bits. */
void jpeg_choose_script(struct jpeg_script *script, const struct jpeg_picture *picture);

/* Tables, frame, scans and the end. LATE: the processor time was used up between scans. LARGER: out would take more than
 * most_bytes. */
enum jpeg_outcome jpeg_write(struct jpeg_bytes *out, const struct jpeg_picture *picture, double until_cpu_s,
                             size_t most_bytes);

#endif
