/* The row loops of the cells, included once for each generation of processors (cells_rows.c): CPU is the attribute that
 * names it, NAME makes the functions' names. Written for the compiler's vectoriser. */
CPU static void NAME(add_samples)(const uint8_t *restrict row, const uint8_t *restrict upper, size_t bytes, size_t bands,
                                  uint16_t *restrict samples, uint16_t *restrict steps) {
  for (size_t i = 0; i < bytes; ++i) {
    const uint8_t down = row[i] > upper[i] ? (uint8_t)(row[i] - upper[i]) : (uint8_t)(upper[i] - row[i]);
    samples[i] = (uint16_t)(samples[i] + row[i]);
    steps[i] = (uint16_t)(steps[i] + down);
  }
  const uint8_t *restrict before = row, *restrict here = row + bands;
  for (size_t i = 0; i < bytes - bands; ++i) {
    const uint8_t across = here[i] > before[i] ? (uint8_t)(here[i] - before[i]) : (uint8_t)(before[i] - here[i]);
    steps[i + bands] = (uint16_t)(steps[i + bands] + across);
  }
}

CPU static void NAME(split_colour)(const uint8_t *restrict row, size_t width, int16_t *restrict u,
                                   int16_t *restrict v) {
  for (size_t x = 0; x < width; ++x) {
    const int16_t red = row[COLOUR * x], green = row[COLOUR * x + 1], blue = row[COLOUR * x + 2];
    u[x] = (int16_t)(red - green);
    v[x] = (int16_t)((int16_t)(2 * blue - red - green) >> 1);
  }
}

CPU static inline int16_t NAME(apart)(int16_t one, int16_t other) {
  return one > other ? (int16_t)(one - other) : (int16_t)(other - one);
}

CPU static inline int16_t NAME(larger)(int16_t one, int16_t other) { return one > other ? one : other; }

CPU static void NAME(add_contrast)(const int16_t *restrict u, const int16_t *restrict v,
                                   const int16_t *restrict upper_u, const int16_t *restrict upper_v, size_t width,
                                   uint16_t *restrict contrast) {
  for (size_t x = 0; x < width; ++x) {
    const int16_t down = NAME(larger)(NAME(apart)(u[x], upper_u[x]), NAME(apart)(v[x], upper_v[x]));
    const int16_t across = NAME(larger)(NAME(apart)(u[x], u[(ptrdiff_t)x - 1]), NAME(apart)(v[x], v[(ptrdiff_t)x - 1]));
    contrast[x] = (uint16_t)(contrast[x] + (uint16_t)NAME(larger)((int16_t)(NAME(larger)(down, across) - CONTRAST), 0));
  }
}

CPU static inline void NAME(jfif_of)(const uint8_t *restrict row, size_t width, size_t bands, int16_t *restrict blue,
                                     int16_t *restrict red) {
  for (size_t x = 0; x < width; ++x) {
    const int16_t r = row[bands * x], g = row[bands * x + 1], b = row[bands * x + 2];
    blue[x] = (int16_t)(128 * b - 43 * r - 85 * g);
    red[x] = (int16_t)(128 * r - 107 * g - 21 * b);
  }
}

CPU static void NAME(split_jfif)(const uint8_t *restrict row, size_t width, size_t bands, int16_t *restrict blue,
                                 int16_t *restrict red) {
  if (bands == COLOUR) {
    NAME(jfif_of)(row, width, COLOUR, blue, red);
  } else {
    NAME(jfif_of)(row, width, COLOUR + 1, blue, red);
  }
}

CPU static inline uint16_t NAME(range)(int16_t one, int16_t two, int16_t three, int16_t four) {
  const int16_t high = one > two ? one : two, low = one > two ? two : one;
  const int16_t higher = three > four ? three : four, lower = three > four ? four : three;
  return (uint16_t)((high > higher ? high : higher) - (low < lower ? low : lower));
}

CPU static void NAME(fold_spreads)(const int16_t *restrict upper_blue, const int16_t *restrict upper_red,
                                   const int16_t *restrict lower_blue, const int16_t *restrict lower_red, size_t blocks,
                                   uint16_t *restrict out) {
  for (size_t i = 0; i < blocks; ++i) {
    const uint16_t blue = NAME(range)(upper_blue[2 * i], upper_blue[2 * i + 1], lower_blue[2 * i], lower_blue[2 * i + 1]);
    const uint16_t red = NAME(range)(upper_red[2 * i], upper_red[2 * i + 1], lower_red[2 * i], lower_red[2 * i + 1]);
    out[i] = blue > red ? blue : red;
  }
}

CPU static void NAME(add_differences)(const uint8_t *restrict source, const uint8_t *restrict result, size_t bytes,
                                      uint16_t *restrict differences, uint16_t *restrict distances) {
  for (size_t i = 0; i < bytes; ++i) {
    const uint8_t size = source[i] > result[i] ? (uint8_t)(source[i] - result[i]) : (uint8_t)(result[i] - source[i]);
    differences[i] = (uint16_t)(differences[i] + result[i] - source[i]); /* wraps, and is right again with a sign */
    distances[i] = (uint16_t)(distances[i] + size);
  }
}

CPU static void NAME(fold_apart)(const uint16_t *restrict columns, size_t cells, size_t bands,
                                 uint16_t *restrict out) {
  if (bands == COLOUR) {
    for (size_t cell = 0; cell < cells; ++cell, columns += CELL * COLOUR, out += COLOUR) {
      out[0] = (uint16_t)(columns[0] + columns[3] + columns[6] + columns[9]);
      out[1] = (uint16_t)(columns[1] + columns[4] + columns[7] + columns[10]);
      out[2] = (uint16_t)(columns[2] + columns[5] + columns[8] + columns[11]);
    }
    return;
  }
  for (size_t cell = 0; cell < cells; ++cell, columns += CELL) {
    out[cell] = (uint16_t)(columns[0] + columns[1] + columns[2] + columns[3]);
  }
}

CPU static void NAME(fold_together)(const uint16_t *restrict columns, size_t cells, size_t bands,
                                    uint16_t *restrict out) {
  if (bands == COLOUR) {
    for (size_t cell = 0; cell < cells; ++cell, columns += CELL * COLOUR) {
      const unsigned first = columns[0] + columns[1] + columns[2] + columns[3] + (columns[4] + columns[5]);
      const unsigned second = columns[6] + columns[7] + columns[8] + columns[9] + (columns[10] + columns[11]);
      out[cell] = (uint16_t)(first + second);
    }
    return;
  }
  for (size_t cell = 0; cell < cells; ++cell, columns += CELL) {
    out[cell] = (uint16_t)(columns[0] + columns[1] + columns[2] + columns[3]);
  }
}

CPU static void NAME(slide)(const float *restrict enters, const float *restrict leaves, size_t count,
                            double *restrict sums, float *restrict out) {
  for (size_t i = 0; i < count; ++i) {
    sums[i] = sums[i] + enters[i] - leaves[i];
    out[i] = (float)sums[i];
  }
}

static const struct cells_rows NAME(rows) = {
    .add_samples = NAME(add_samples),         .split_colour = NAME(split_colour), .add_contrast = NAME(add_contrast),
    .split_jfif = NAME(split_jfif),           .fold_spreads = NAME(fold_spreads),
    .add_differences = NAME(add_differences), .fold_apart = NAME(fold_apart),     .fold_together = NAME(fold_together),
    .slide = NAME(slide),
};

#undef CPU
#undef NAME
