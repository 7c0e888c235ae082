/* A small JPEG as pixels, if nothing of it is damaged or unusual: what is refused here other readers have to tell about. */
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "read.h"
#include "show.h"

enum { APP0 = 0xE0, APP14 = 0xEE, ADOBE_BYTES = 12, SEGMENT_START = 4 };

/* Whether three components are JFIF's luma and chroma, by the rules that readers have: JFIF's segment, Adobe's, numbers. */
static int is_jfif_colour(const struct jpeg_picture *picture, const struct jpeg_bytes *kept) {
  int adobe_says = -1;
  for (size_t at = 0; at + SEGMENT_START <= kept->size;) {
    const uint8_t *segment = kept->data + at, *body = segment + SEGMENT_START;
    const size_t size = 2 + ((size_t)segment[2] << 8 | segment[3]), room = size - SEGMENT_START;
    if (segment[1] == APP0 && room >= 14 && memcmp(body, "JFIF", 5) == 0) return 1;
    if (segment[1] == APP14 && room >= ADOBE_BYTES && memcmp(body, "Adobe", 5) == 0) adobe_says = body[11];
    at += size;
  }
  if (adobe_says >= 0) return adobe_says == 1;
  for (int i = 0; i < picture->components; ++i) {
    if (picture->component[i].id != i + 1) return 0;
  }
  return 1;
}

static int is_supported(const struct jpeg_picture *picture, const struct jpeg_bytes *kept) {
  return picture->components == 1 || (picture->components == JPEG_BANDS && is_jfif_colour(picture, kept));
}

/* Rows of gray or RGB, without gaps, of a file of that width, height and bands. Returns an enum jpeg_outcome; any other
 * than DONE says nothing but that another reader is to be asked. */
LEANPIX_EXPORT int leanpix_jpeg_decode(const uint8_t *file, size_t size, size_t width, size_t height, int bands, int cpu,
                                       uint8_t *pixels) {
  struct jpeg_picture picture;
  struct jpeg_bytes kept = {0};
  memset(&picture, 0, sizeof picture);
  picture.is_in_rows = 1;
  enum jpeg_outcome outcome = jpeg_read(file, size, width * height, 0, &picture, &kept);
  if (outcome == JPEG_DONE) {
    const int is_told = picture.width == width && picture.height == height && picture.components == bands;
    outcome = is_told && is_supported(&picture, &kept) ? jpeg_show(&picture, jpeg_rows_for(cpu), pixels) : JPEG_UNSUPPORTED;
  }
  jpeg_free_values(&picture);
  free(kept.data);
  return (int)outcome;
}
