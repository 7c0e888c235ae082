/* A bridge to the jpegli encoder inside the pyjpegli wheel.
 *
 * The wheel's Python interface offers an integer quality, 4:2:0 and RGB; its shared object exports the whole encoder.
 * This file looks the functions up by name at run time, so that nothing is linked and a wheel without them is a
 * message, not a failed import. It holds no policy and no state: the caller keeps the opened table.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../export.h"
#include "libjpeg62.h"

enum { FIRST_BUFFER_BYTES = 1 << 16, ROWS_PER_CALL = 16, RGB_BANDS = 3, NAME_BYTES = 64 };

/* The functions used: result, name without its prefix, parameters. */
#define FUNCTIONS(F)                                                                  \
  F(struct lj_error_manager *, std_error, (struct lj_error_manager *))                \
  F(void, CreateCompress, (struct lj_compress *, int version, size_t bytes))          \
  F(void, set_defaults, (struct lj_compress *))                                       \
  F(void, set_distance, (struct lj_compress *, float distance, int force_baseline))   \
  F(void, enable_adaptive_quantization, (struct lj_compress *, int is_on))             \
  F(void, set_progressive_level, (struct lj_compress *, int level))                   \
  F(void, start_compress, (struct lj_compress *, int write_all_tables))               \
  F(unsigned, write_scanlines, (struct lj_compress *, uint8_t **rows, unsigned count)) \
  F(void, write_icc_profile, (struct lj_compress *, const uint8_t *icc, unsigned bytes)) \
  F(void, finish_compress, (struct lj_compress *))                                    \
  F(void, destroy_compress, (struct lj_compress *))

struct leanpix_jpegli {
  void *library;
#define MEMBER(result, name, parameters) result(*name) parameters;
  FUNCTIONS(MEMBER)
#undef MEMBER
};

/* What an encode is asked to do; leanpix/engine/codecs/jpeg/jpegli_native.py declares the same struct. */
struct leanpix_jpegli_job {
  const uint8_t *pixels; /* rows of width * bands bytes, without gaps */
  const uint8_t *icc;    /* may be null */
  size_t icc_bytes;
  uint32_t width;
  uint32_t height;
  int32_t bands;           /* 1 gray, 3 RGB */
  int32_t h_factor;        /* of luma; chroma has 1 */
  int32_t v_factor;
  int32_t progressive_level;
  float distance;
  int32_t is_even; /* busy blocks as fine as others: lines of a pixel are busy */
  float low_step; /* how coarse the lowest frequencies may be: of a block's mean; 0: as the distance has it */
};

/* One encode's state. It is on the heap, where longjmp cannot leave a stale copy of it in a register. */
struct encode {
  struct lj_compress compress;
  struct lj_error_manager errors;
  struct lj_destination destination;
  jmp_buf escape;
  uint8_t *buffer;
  size_t capacity;
  size_t size;
  char *message;
};

static void on_error(struct lj_compress *compress) {
  struct encode *self = compress->client_data;
  compress->err->format_message(compress, self->message);
  longjmp(self->escape, 1);
}

static void on_message(struct lj_compress *compress, int level) {
  (void)compress;
  (void)level; /* warnings belong to nobody: a library does not write to stderr */
}

static void offer_buffer(struct encode *self) {
  self->destination.next_output_byte = self->buffer + self->size;
  self->destination.free_in_buffer = self->capacity - self->size;
}

static void grow(struct encode *self, size_t capacity) {
  uint8_t *buffer = realloc(self->buffer, capacity);
  if (buffer == NULL) {
    snprintf(self->message, LJ_MESSAGE_BYTES, "out of memory for %zu bytes of output", capacity);
    longjmp(self->escape, 1);
  }
  self->buffer = buffer;
  self->capacity = capacity;
}

static void start_output(struct lj_compress *compress) {
  struct encode *self = compress->client_data;
  grow(self, FIRST_BUFFER_BYTES);
  offer_buffer(self);
}

/* By libjpeg's rule the whole buffer counts as used here, whatever free_in_buffer says. */
static int more_output(struct lj_compress *compress) {
  struct encode *self = compress->client_data;
  self->size = self->capacity;
  grow(self, self->capacity * 2);
  offer_buffer(self);
  return 1;
}

static void end_output(struct lj_compress *compress) {
  struct encode *self = compress->client_data;
  self->size = self->capacity - self->destination.free_in_buffer;
}

static void create(const struct leanpix_jpegli *api, struct encode *self) {
  self->compress.err = api->std_error(&self->errors);
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->compress.client_data = self;
  api->CreateCompress(&self->compress, LJ_LIB_VERSION, sizeof self->compress);
  self->destination.init_destination = start_output;
  self->destination.empty_output_buffer = more_output;
  self->destination.term_destination = end_output;
  self->compress.dest = &self->destination;
}

/* The steps of a block's mean and of its five slowest waves, no coarser than so much, and a half and once as much
 * again: smooth ground is made of these, and busy ground hardly spends more on them. */
static void refine_lowest(struct lj_compress *compress, float step) {
  static const struct { int place; float times; } LOWEST[] = {{0, 1}, {1, 1.5f}, {8, 1.5f}, {2, 2}, {9, 2}, {16, 2}};
  for (int table = 0; table < LJ_TABLES; ++table) {
    struct lj_quant_table *steps = compress->quant_tables[table];
    for (size_t i = 0; steps != NULL && i < sizeof LOWEST / sizeof *LOWEST; ++i) {
      const float most = step * LOWEST[i].times;
      uint16_t *value = &steps->values[LOWEST[i].place];
      if ((float)*value > most) *value = (uint16_t)(most < 1 ? 1 : most);
    }
  }
}

static void configure(const struct leanpix_jpegli *api, struct encode *self, const struct leanpix_jpegli_job *job) {
  struct lj_compress *compress = &self->compress;
  compress->image_width = job->width;
  compress->image_height = job->height;
  compress->input_components = job->bands;
  compress->in_colour_space = job->bands == RGB_BANDS ? LJ_RGB : LJ_GRAYSCALE;
  api->set_defaults(compress);
  if (job->bands == RGB_BANDS) {
    compress->components[0].h_samp_factor = job->h_factor;
    compress->components[0].v_samp_factor = job->v_factor;
  }
  compress->optimize_coding = 1;
  compress->write_jfif_header = 1; /* some readers recognise a JPEG by its JFIF marker only */
  api->set_distance(compress, job->distance, 1);
  if (job->bands == RGB_BANDS) {
    /* Cr's table for Cb, too, as the integer quality does: the coarser one for Cb that a distance sets costs more
     * bytes at equal score (docs/decisions/0030). */
    compress->components[1].quant_table_number = compress->components[2].quant_table_number;
  }
  if (job->is_even) api->enable_adaptive_quantization(compress, 0);
  if (job->low_step > 0) refine_lowest(compress, job->low_step);
  api->set_progressive_level(compress, job->progressive_level);
}

static void write_rows(const struct leanpix_jpegli *api, struct encode *self, const struct leanpix_jpegli_job *job) {
  const size_t stride = (size_t)job->width * (size_t)job->bands;
  uint8_t *rows[ROWS_PER_CALL];
  while (self->compress.next_scanline < job->height) {
    const uint32_t first = self->compress.next_scanline;
    const uint32_t left = job->height - first;
    const uint32_t count = left < ROWS_PER_CALL ? left : ROWS_PER_CALL;
    for (uint32_t row = 0; row < count; ++row) {
      rows[row] = (uint8_t *)job->pixels + (first + row) * stride; /* libjpeg's type lacks a const it keeps */
    }
    api->write_scanlines(&self->compress, rows, count);
  }
}

static int run(const struct leanpix_jpegli *api, struct encode *self, const struct leanpix_jpegli_job *job) {
  if (setjmp(self->escape) != 0) {
    return -1;
  }
  create(api, self);
  configure(api, self, job);
  api->start_compress(&self->compress, 1);
  if (job->icc_bytes != 0) {
    api->write_icc_profile(&self->compress, job->icc, (unsigned)job->icc_bytes);
  }
  write_rows(api, self, job);
  api->finish_compress(&self->compress);
  return 0;
}

/* Encodes a picture. Returns 0 and a buffer for leanpix_free, or -1 and a message of at most 200 bytes. */
LEANPIX_EXPORT int leanpix_jpegli_encode(const struct leanpix_jpegli *api, const struct leanpix_jpegli_job *job,
                                         uint8_t **output, size_t *output_bytes, char *message) {
  struct encode *self = calloc(1, sizeof *self);
  if (self == NULL) {
    snprintf(message, LJ_MESSAGE_BYTES, "out of memory for the encoder's state");
    return -1;
  }
  self->message = message;
  const int result = run(api, self, job);
  if (self->compress.memory != NULL) { /* null when the struct was refused before anything was allocated */
    api->destroy_compress(&self->compress);
  }
  if (result == 0) {
    *output = self->buffer;
    *output_bytes = self->size;
  } else {
    free(self->buffer);
  }
  free(self);
  return result;
}

LEANPIX_EXPORT void leanpix_free(void *memory) { free(memory); }

static int look_up(void *library, const char *name, void *slot, char *message) {
  char symbol[NAME_BYTES];
  snprintf(symbol, sizeof symbol, "jpegli_%s", name);
  void *address = dlsym(library, symbol);
  if (address == NULL) {
    snprintf(message, LJ_MESSAGE_BYTES, "the library has no %s", symbol);
    return -1;
  }
  memcpy(slot, &address, sizeof address); /* ISO C has no cast from an object's to a function's pointer */
  return 0;
}

static int look_up_all(struct leanpix_jpegli *api, char *message) {
#define LOOK_UP(result, name, parameters)                              \
  if (look_up(api->library, #name, &api->name, message) != 0) return -1;
  FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return 0;
}

/* Opens the shared object at path. Returns null and a message of at most 200 bytes where it does not serve. */
LEANPIX_EXPORT struct leanpix_jpegli *leanpix_jpegli_open(const char *path, char *message) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    snprintf(message, LJ_MESSAGE_BYTES, "%s", dlerror());
    return NULL;
  }
  struct leanpix_jpegli *api = calloc(1, sizeof *api);
  if (api != NULL) {
    api->library = library;
    if (look_up_all(api, message) == 0) return api;
    free(api);
  } else {
    snprintf(message, LJ_MESSAGE_BYTES, "out of memory for the table of functions");
  }
  dlclose(library);
  return NULL;
}
