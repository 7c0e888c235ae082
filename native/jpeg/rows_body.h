/* The loops of the encoder, included once for each generation of processors (rows.c): CPU is the attribute that names it,
 * NAME makes the functions' names. Written for the compiler's vectoriser. */
CPU static void NAME(split)(const uint8_t *restrict pixels, size_t count, uint8_t *const bands[JPEG_BANDS]) {
  uint8_t *restrict red = bands[0], *restrict green = bands[1], *restrict blue = bands[2];
  for (size_t i = 0; i < count; ++i) {
    red[i] = pixels[3 * i];
    green[i] = pixels[3 * i + 1];
    blue[i] = pixels[3 * i + 2];
  }
}

CPU static void NAME(luma)(const uint8_t *const bands[JPEG_BANDS], size_t count, float *restrict luma) {
  const uint8_t *restrict red = bands[0], *restrict green = bands[1], *restrict blue = bands[2];
  for (size_t i = 0; i < count; ++i) luma[i] = 0.299f * red[i] + 0.587f * green[i] + 0.114f * blue[i] - 128.0f;
}

CPU static void NAME(chroma)(const uint8_t *const bands[JPEG_BANDS], size_t count, float *restrict to_blue,
                             float *restrict to_red) {
  const uint8_t *restrict red = bands[0], *restrict green = bands[1], *restrict blue = bands[2];
  for (size_t i = 0; i < count; ++i) {
    const float r = red[i], g = green[i], b = blue[i];
    to_blue[i] = BLUE_OF_RED * r + BLUE_OF_GREEN * g + 0.5f * b;
    to_red[i] = 0.5f * r + RED_OF_GREEN * g + RED_OF_BLUE * b;
  }
}

/* Both samples of a pair of two rows; which comes first in memory does not matter. */
CPU static inline float NAME(sum)(pair upper, pair lower) {
  return (float)((upper & 255) + (upper >> 8) + (lower & 255) + (lower >> 8));
}

CPU static void NAME(halve)(const uint8_t *const upper[JPEG_BANDS], const uint8_t *const lower[JPEG_BANDS], size_t count,
                            float *restrict to_blue, float *restrict to_red) {
  const pair *restrict red = (const pair *)upper[0], *restrict lower_red = (const pair *)lower[0];
  const pair *restrict green = (const pair *)upper[1], *restrict lower_green = (const pair *)lower[1];
  const pair *restrict blue = (const pair *)upper[2], *restrict lower_blue = (const pair *)lower[2];
  for (size_t i = 0; i < count; ++i) {
    const float r = 0.25f * NAME(sum)(red[i], lower_red[i]), g = 0.25f * NAME(sum)(green[i], lower_green[i]);
    const float b = 0.25f * NAME(sum)(blue[i], lower_blue[i]);
    to_blue[i] = BLUE_OF_RED * r + BLUE_OF_GREEN * g + 0.5f * b;
    to_red[i] = 0.5f * r + RED_OF_GREEN * g + RED_OF_BLUE * b;
  }
}

CPU static void NAME(sharpen)(const float *restrict above, const float *restrict here, const float *restrict below,
                              size_t count, float part, float *restrict down, float *restrict out) {
  for (size_t i = 0; i < count + 2; ++i) down[i] = above[i] + 6 * here[i] + below[i];
  for (size_t i = 0; i < count; ++i) {
    const float drawn = (down[i] + 6 * down[i + 1] + down[i + 2]) * (1.0f / 64);
    out[i] = here[i + 1] + part * (here[i + 1] - drawn);
  }
}

/* Of each column of eight rows, by even and odd parts. */
CPU static inline void NAME(columns)(eight rows[8]) {
  const eight s0 = rows[0] + rows[7], s1 = rows[1] + rows[6], s2 = rows[2] + rows[5], s3 = rows[3] + rows[4];
  const eight d0 = rows[0] - rows[7], d1 = rows[1] - rows[6], d2 = rows[2] - rows[5], d3 = rows[3] - rows[4];
  rows[0] = (s0 + s3 + (s1 + s2)) * COS4;
  rows[4] = (s0 + s3 - (s1 + s2)) * COS4;
  rows[2] = (s0 - s3) * COS2 + (s1 - s2) * COS6;
  rows[6] = (s0 - s3) * COS6 - (s1 - s2) * COS2;
  rows[1] = d0 * COS1 + d1 * COS3 + d2 * COS5 + d3 * COS7;
  rows[3] = d0 * COS3 - d1 * COS7 - d2 * COS1 - d3 * COS5;
  rows[5] = d0 * COS5 - d1 * COS1 + d2 * COS7 + d3 * COS3;
  rows[7] = d0 * COS7 - d1 * COS5 + d2 * COS3 - d3 * COS1;
}

/* Rows to columns: pairs of rows are joined by ones, twos and fours. */
CPU static inline void NAME(turn)(eight rows[8]) {
  eight ones[8], twos[8];
  for (int i = 0; i < 8; i += 2) {
    ones[i] = MIXED(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    ones[i + 1] = MIXED(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int half = 0; half < 2; ++half) {
      twos[i + 2 * half] = MIXED(ones[i + half], ones[i + half + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      twos[i + 2 * half + 1] = MIXED(ones[i + half], ones[i + half + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    rows[i] = MIXED(twos[i], twos[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = MIXED(twos[i], twos[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

CPU static void NAME(transform)(const float *restrict samples, size_t stride, const float by[restrict JPEG_VALUES],
                                float scaled[restrict JPEG_VALUES]) {
  eight rows[8];
  for (int row = 0; row < 8; ++row) memcpy(&rows[row], samples + (size_t)row * stride, sizeof rows[row]);
  NAME(columns)(rows);
  NAME(turn)(rows);
  NAME(columns)(rows);
  float turned[JPEG_VALUES];
  for (int row = 0; row < 8; ++row) {
    eight steps;
    memcpy(&steps, by + 8 * row, sizeof steps);
    rows[row] *= steps;
  }
  memcpy(turned, rows, sizeof turned);
  for (int i = 0; i < JPEG_VALUES; ++i) scaled[i] = turned[TURNED[i]];
}

CPU static uint64_t NAME(large)(const float scaled[restrict JPEG_VALUES], float least) {
  eight_whole found = {0};
  for (int row = 0; row < JPEG_SIDE; ++row) {
    eight_whole bits;
    memcpy(&bits, scaled + 8 * row, sizeof bits);
    const eight size = (eight)(bits & INT32_MAX); /* without its sign */
    found |= (size >= least) & (1 << row);
  }
  const eight_bytes columns = __builtin_convertvector(found, eight_bytes);
  uint64_t mask;
  memcpy(&mask, &columns, sizeof mask);
  return turned_bits(mask);
}

CPU static float NAME(energy)(const float scaled[restrict JPEG_VALUES], const float squares[restrict JPEG_VALUES]) {
  float sums[8] = {-scaled[0] * scaled[0] * squares[0]};
  for (int row = 0; row < JPEG_SIDE; ++row) {
    for (int i = 0; i < 8; ++i) sums[i] += scaled[8 * row + i] * scaled[8 * row + i] * squares[8 * row + i];
  }
  return sums[0] + sums[1] + (sums[2] + sums[3]) + (sums[4] + sums[5] + (sums[6] + sums[7]));
}

CPU static inline uint8_t NAME(level)(int16_t number) {
  const int16_t above = number > 0 ? number : 0;
  return (uint8_t)(above < 255 ? above : 255);
}

CPU static inline int32_t NAME(within)(int32_t number, int32_t most) {
  const int32_t above = number > -most ? number : -most;
  return above < most ? above : most;
}

/* Of each column of eight rows, by even and odd parts; the odd ones' products are of the cosines' sums. */
CPU static inline void NAME(inverse_columns)(eight_whole rows[8], int shift) {
  const int32_t half = 1 << (shift - 1);
  const eight_whole sum = (rows[0] + rows[4]) * 8192 + half, difference = (rows[0] - rows[4]) * 8192 + half;
  const eight_whole both = (rows[2] + rows[6]) * 4433, low = both - rows[6] * 15137, high = both + rows[2] * 6270;
  const eight_whole e0 = sum + high, e3 = sum - high, e1 = difference + low, e2 = difference - low;
  const eight_whole a = rows[1], b = rows[3], c = rows[5], d = rows[7];
  const eight_whole ad = (a + d) * -7373, bc = (b + c) * -20995, all = (a + b + c + d) * 9633;
  const eight_whole bd = (b + d) * -16069 + all, ac = (a + c) * -3196 + all;
  const eight_whole o0 = a * 12299 + ad + ac, o1 = b * 25172 + bc + bd, o2 = c * 16819 + bc + ac, o3 = d * 2446 + ad + bd;
  rows[0] = (e0 + o0) >> shift;
  rows[7] = (e0 - o0) >> shift;
  rows[1] = (e1 + o1) >> shift;
  rows[6] = (e1 - o1) >> shift;
  rows[2] = (e2 + o2) >> shift;
  rows[5] = (e2 - o2) >> shift;
  rows[3] = (e3 + o3) >> shift;
  rows[4] = (e3 - o3) >> shift;
}

CPU static inline void NAME(turn_whole)(eight_whole rows[8]) {
  eight same[8];
  for (int i = 0; i < 8; ++i) same[i] = (eight)rows[i];
  NAME(turn)(same);
  for (int i = 0; i < 8; ++i) rows[i] = (eight_whole)same[i];
}

CPU static int NAME(inverse)(const int16_t values[restrict JPEG_VALUES], int is_flat,
                             const uint16_t steps[restrict JPEG_VALUES], uint8_t *restrict samples, size_t stride) {
  int32_t waves[8][8], sums[8] = {0}, most = 0;
  if (is_flat) {
    const int level = 128 + ((NAME(within)(values[0] * steps[0], MOST_WAVE) + 4) >> 3);
    for (int row = 0; row < 8; ++row) memset(samples + (size_t)row * stride, level < 0 ? 0 : level > 255 ? 255 : level, 8);
    return abs(values[0] * steps[0]) <= MOST_COLUMN;
  }
  for (int row = 0; row < 8; ++row) {
    for (int i = 0; i < 8; ++i) {
      waves[row][i] = NAME(within)(values[8 * row + i] * steps[8 * row + i], MOST_WAVE);
      sums[i] += abs(waves[row][i]);
    }
  }
  eight_whole rows[8];
  memcpy(rows, waves, sizeof rows);
  NAME(inverse_columns)(rows, 11);
  memcpy(waves, rows, sizeof rows);
  for (int row = 0; row < 8; ++row) {
    for (int i = 0; i < 8; ++i) waves[row][i] = NAME(within)(waves[row][i], MOST_HALFWAY);
  }
  memcpy(rows, waves, sizeof rows);
  NAME(turn_whole)(rows);
  NAME(inverse_columns)(rows, 18);
  NAME(turn_whole)(rows);
  memcpy(waves, rows, sizeof rows);
  for (int row = 0; row < 8; ++row) {
    for (int i = 0; i < 8; ++i) samples[(size_t)row * stride + (size_t)i] = NAME(level)((int16_t)(waves[row][i] + 128));
  }
  for (int i = 0; i < 8; ++i) most = sums[i] > most ? sums[i] : most;
  return most <= MOST_COLUMN;
}

CPU static void NAME(widen)(const uint8_t *restrict near, const uint8_t *restrict far, size_t count,
                            uint16_t *restrict sums, uint8_t *restrict out) {
  for (size_t i = 0; i < count; ++i) sums[i + 1] = (uint16_t)(3 * near[i] + far[i]);
  sums[0] = sums[1];
  sums[count + 1] = sums[count];
  for (size_t i = 0; i < count; ++i) {
    out[2 * i] = (uint8_t)((3 * sums[i + 1] + sums[i] + 8) >> 4);
    out[2 * i + 1] = (uint8_t)((3 * sums[i + 1] + sums[i + 2] + 7) >> 4);
  }
}

CPU static void NAME(paint)(const uint8_t *restrict luma, const uint8_t *restrict to_blue, const uint8_t *restrict to_red,
                            size_t count, uint8_t *restrict room, uint8_t *restrict pixels) {
  uint8_t *restrict reds = room, *restrict greens = room + count, *restrict blues = room + 2 * count;
  for (size_t i = 0; i < count; ++i) {
    const int32_t blue = to_blue[i] - 128, red = to_red[i] - 128, half = 32768;
    reds[i] = NAME(level)((int16_t)(luma[i] + (int16_t)((91881 * red + half) >> 16)));
    greens[i] = NAME(level)((int16_t)(luma[i] + (int16_t)((-22554 * blue - 46802 * red + half) >> 16)));
    blues[i] = NAME(level)((int16_t)(luma[i] + (int16_t)((116130 * blue + half) >> 16)));
  }
  for (size_t i = 0; i < count; ++i) {
    pixels[3 * i] = reds[i];
    pixels[3 * i + 1] = greens[i];
    pixels[3 * i + 2] = blues[i];
  }
}

CPU static float NAME(loss)(const float scaled[restrict JPEG_VALUES], const float squares[restrict JPEG_VALUES], float most) {
  float sums[8] = {0};
  for (int row = 0; row < JPEG_SIDE; ++row) {
    for (int i = 0; i < 8; ++i) {
      const float square = scaled[8 * row + i] * scaled[8 * row + i];
      sums[i] += (square < most ? square : most) * squares[8 * row + i];
    }
  }
  const float mean = scaled[0] * scaled[0] < most ? scaled[0] * scaled[0] : most;
  return sums[0] - mean * squares[0] + sums[1] + (sums[2] + sums[3]) + (sums[4] + sums[5] + (sums[6] + sums[7]));
}

CPU static void NAME(levels)(const uint8_t *const bands[JPEG_BANDS], size_t count, int16_t *restrict levels) {
  const uint8_t *restrict red = bands[0], *restrict green = bands[1], *restrict blue = bands[2];
  for (size_t i = 0; i < count; ++i) {
    levels[i] = (int16_t)((uint16_t)(77 * red[i] + 150 * green[i] + 29 * blue[i]) >> 4);
  }
}

CPU static void NAME(add_far)(const int16_t *restrict above, const int16_t *restrict here, const int16_t *restrict below,
                              size_t count, uint16_t *restrict far) {
  for (size_t i = 0; i < count; ++i) {
    const int16_t off = (int16_t)(4 * here[i + 1] - here[i] - here[i + 2] - above[i + 1] - below[i + 1]);
    far[i] = (uint16_t)(far[i] + (uint16_t)(off < 0 ? -off : off) / 8);
  }
}

CPU static void NAME(fold)(const uint16_t *restrict far, size_t cells, float *restrict out) {
  for (size_t i = 0; i < cells; ++i) {
    const int sum = far[4 * i] + far[4 * i + 1] + far[4 * i + 2] + far[4 * i + 3];
    out[i] = (float)sum * (1.0f / 128);
  }
}

#define ORDER(one, other)                          \
  do {                                             \
    const float lower = one < other ? one : other; \
    other = one < other ? other : one;             \
    one = lower;                                   \
  } while (0)
#define ORDER_FOUR(a, b, c, d) \
  ORDER(a, b);                 \
  ORDER(c, d);                 \
  ORDER(a, c);                 \
  ORDER(b, d);                 \
  ORDER(b, c)
#define LOWER(one, other) ((one) < (other) ? (one) : (other))

/* The four calmest of sixteen cells, from the four calmest of each pair of columns, which two blocks share. */
CPU static void NAME(busy)(const float *const cells[JPEG_CELL], size_t count, float own_part, float *restrict room,
                           float *restrict out) {
  const float *restrict c0 = cells[0], *restrict c1 = cells[1], *restrict c2 = cells[2], *restrict c3 = cells[3];
  const size_t pairs = count + 1;
  float *restrict l0 = room, *restrict l1 = l0 + pairs, *restrict l2 = l1 + pairs, *restrict l3 = l2 + pairs;
  float *restrict left = l3 + pairs, *restrict right = left + pairs;
  for (size_t i = 0; i < pairs; ++i) {
    float e0 = c0[2 * i], e1 = c1[2 * i], e2 = c2[2 * i], e3 = c3[2 * i];
    float o0 = c0[2 * i + 1], o1 = c1[2 * i + 1], o2 = c2[2 * i + 1], o3 = c3[2 * i + 1];
    left[i] = o1 + o2;
    right[i] = e1 + e2;
    ORDER_FOUR(e0, e1, e2, e3);
    ORDER_FOUR(o0, o1, o2, o3);
    e0 = LOWER(e0, o3);
    e1 = LOWER(e1, o2);
    e2 = LOWER(e2, o1);
    e3 = LOWER(e3, o0);
    ORDER_FOUR(e0, e1, e2, e3);
    l0[i] = e0;
    l1[i] = e1;
    l2[i] = e2;
    l3[i] = e3;
  }
  for (size_t i = 0; i < count; ++i) {
    const float calm = LOWER(l0[i], l3[i + 1]) + LOWER(l1[i], l2[i + 1]) + LOWER(l2[i], l1[i + 1]) + LOWER(l3[i], l0[i + 1]);
    out[i] = 0.25f * (own_part * (left[i] + right[i + 1]) + (1 - own_part) * calm);
  }
}

#undef ORDER
#undef ORDER_FOUR
#undef LOWER

static const struct jpeg_rows NAME(rows) = {
    .split = NAME(split),         .luma = NAME(luma),           .chroma = NAME(chroma), .halve = NAME(halve),
    .sharpen = NAME(sharpen),     .transform = NAME(transform), .large = NAME(large),   .energy = NAME(energy), .loss = NAME(loss),
    .inverse = NAME(inverse),     .widen = NAME(widen),         .paint = NAME(paint),   .levels = NAME(levels),
    .add_far = NAME(add_far),     .fold = NAME(fold),           .busy = NAME(busy),
};
#undef CPU
#undef NAME
