/* The public libjpeg 6.2 compressor interface, as far as a caller that compresses pixels needs it.
 *
 * jpegli keeps this layout to the byte and checks the size of the big struct when one is created, so a mistake
 * here, or a library built to another version, is an error message and never a corrupted heap. Declared here because
 * a user's machine has no libjpeg headers, and because the ones it might have can be of another version (8.0).
 */
#ifndef LEANPIX_LIBJPEG62_H
#define LEANPIX_LIBJPEG62_H

#include <stddef.h>
#include <stdint.h>

enum {
  LJ_LIB_VERSION = 62,
  LJ_MESSAGE_BYTES = 200,
  LJ_TABLES = 4,
  LJ_ARITHMETIC_TABLES = 16,
  LJ_COMPONENTS_IN_SCAN = 4,
  LJ_BLOCKS_IN_MCU = 10,
};

enum lj_colour_space { LJ_UNKNOWN, LJ_GRAYSCALE, LJ_RGB, LJ_YCBCR };

struct lj_compress;

struct lj_error_manager {
  void (*error_exit)(struct lj_compress *);
  void (*emit_message)(struct lj_compress *, int level);
  void (*output_message)(struct lj_compress *);
  void (*format_message)(struct lj_compress *, char *buffer);
  void (*reset_error_manager)(struct lj_compress *);
  int message_code;
  union {
    int i[8];
    char s[80];
  } message_parameters;
  int trace_level;
  long warnings;
  const char *const *messages;
  int last_message;
  const char *const *addon_messages;
  int first_addon_message;
  int last_addon_message;
};

struct lj_destination {
  uint8_t *next_output_byte;
  size_t free_in_buffer;
  void (*init_destination)(struct lj_compress *);
  int (*empty_output_buffer)(struct lj_compress *);
  void (*term_destination)(struct lj_compress *);
};

struct lj_quant_table {
  uint16_t values[64]; /* rows of eight, not zigzag */
  int is_sent;
};

struct lj_component {
  int component_id;
  int component_index;
  int h_samp_factor;
  int v_samp_factor;
  int quant_table_number;
  int dc_table_number;
  int ac_table_number;
  unsigned width_in_blocks;
  unsigned height_in_blocks;
  int dct_scaled_size;
  unsigned downsampled_width;
  unsigned downsampled_height;
  int component_needed;
  int mcu_width;
  int mcu_height;
  int mcu_blocks;
  int mcu_sample_width;
  int last_column_width;
  int last_row_height;
  void *quant_table;
  void *dct_table;
};

struct lj_compress {
  struct lj_error_manager *err;
  void *memory;
  void *progress;
  void *client_data;
  int is_decompressor;
  int global_state;
  struct lj_destination *dest;
  unsigned image_width;
  unsigned image_height;
  int input_components;
  enum lj_colour_space in_colour_space;
  double input_gamma;
  int data_precision;
  int num_components;
  enum lj_colour_space jpeg_colour_space;
  struct lj_component *components;
  struct lj_quant_table *quant_tables[LJ_TABLES];
  void *dc_huffman_tables[LJ_TABLES];
  void *ac_huffman_tables[LJ_TABLES];
  uint8_t arithmetic_dc_l[LJ_ARITHMETIC_TABLES];
  uint8_t arithmetic_dc_u[LJ_ARITHMETIC_TABLES];
  uint8_t arithmetic_ac_k[LJ_ARITHMETIC_TABLES];
  int num_scans;
  const void *scan_info;
  int raw_data_in;
  int arithmetic_code;
  int optimize_coding;
  int ccir601_sampling;
  int smoothing_factor;
  int dct_method;
  unsigned restart_interval;
  int restart_in_rows;
  int write_jfif_header;
  uint8_t jfif_major_version;
  uint8_t jfif_minor_version;
  uint8_t density_unit;
  uint16_t x_density;
  uint16_t y_density;
  int write_adobe_marker;
  unsigned next_scanline;
  int progressive_mode;
  int max_h_samp_factor;
  int max_v_samp_factor;
  unsigned total_imcu_rows;
  int components_in_scan;
  struct lj_component *current_components[LJ_COMPONENTS_IN_SCAN];
  unsigned mcus_per_row;
  unsigned mcu_rows_in_scan;
  int blocks_in_mcu;
  int mcu_membership[LJ_BLOCKS_IN_MCU];
  int spectral_start, spectral_end, approximation_high, approximation_low;
  void *master, *main, *prep, *coefficients, *marker, *convert, *downsample, *forward_dct, *entropy;
  void *script_space;
  int script_space_size;
};

#endif
