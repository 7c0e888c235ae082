/* A JPEG's own coefficients in fewer bytes: read, and written again with the scans and codes that are best for them. */
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "read.h"
#include "scans.h"

/* until_cpu_s: of the process' processor time, 0: as long as it takes. most_bytes: LARGER where the file takes more, 0:
 * whatever it takes. Segments for applications and comments stay.
 * Returns an enum jpeg_outcome; DONE: and a buffer for leanpix_free. */
LEANPIX_EXPORT int leanpix_jpeg_pack(const uint8_t *file, size_t size, size_t most_pixels, double until_cpu_s,
                                     size_t most_bytes, uint8_t **output, size_t *output_bytes) {
  struct jpeg_picture picture;
  struct jpeg_bytes out = {0}, kept = {0};
  memset(&picture, 0, sizeof picture);
  enum jpeg_outcome outcome = jpeg_read(file, size, most_pixels, until_cpu_s, &picture, &kept);
  if (outcome == JPEG_DONE) {
    jpeg_put_short(&out, 0xFFD8);
    jpeg_put(&out, kept.data, kept.size);
    outcome = jpeg_write(&out, &picture, until_cpu_s, most_bytes ? most_bytes : SIZE_MAX);
  }
  jpeg_free_values(&picture);
  free(kept.data);
  if (outcome == JPEG_DONE) {
    *output = out.data;
    *output_bytes = out.size;
  } else {
    free(out.data);
  }
  return (int)outcome;
}
