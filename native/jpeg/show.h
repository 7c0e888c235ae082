/* A JPEG's pixels from its coefficients. */
#ifndef LEANPIX_JPEG_SHOW_H
#define LEANPIX_JPEG_SHOW_H

#include "coefficients.h"
#include "rows.h"

/* Rows of gray, or of RGB, 8 bits a sample, without gaps: to the bit what libjpeg-turbo's decoder gives. UNSUPPORTED: other
 * components than luma, and chroma whole or halved. DAMAGED: there are pixels, and blocks whose values are so large that
 * decoders differ. */
enum jpeg_outcome jpeg_show(const struct jpeg_picture *picture, const struct jpeg_rows *rows, uint8_t *pixels);

#endif
