/* A JPEG's coefficients from its file (ITU T.81: Huffman, 8 bits, sequential and progressive). */
#ifndef LEANPIX_JPEG_READ_H
#define LEANPIX_JPEG_READ_H

#include "coefficients.h"
#include "scans.h"

/* Reads a whole file. kept gets the segments for applications and the comments, as they are. most_pixels: of the
 * picture. picture->is_in_rows: asked for by a caller who shows the pixels; it is told whether values lie so. The caller
 * frees the values and kept, whatever comes out. */
enum jpeg_outcome jpeg_read(const uint8_t *file, size_t size, size_t most_pixels, double until_cpu_s,
                            struct jpeg_picture *picture, struct jpeg_bytes *kept);

#endif
