/* The row loops of SSIMULACRA2, included once for each generation of processors (metric_rows.c): CPU is the attribute
 * that names it, NAME makes the functions' names. Written for the compiler's vectoriser. */
CPU static void NAME(linear_row)(const uint8_t *restrict pixels, size_t width, int bands, const float *restrict table,
                       float *const linear[3]) {
  float *restrict r = linear[0], *restrict g = linear[1], *restrict b = linear[2];
  const size_t green = bands == 3 ? 1 : 0, blue = bands == 3 ? 2 : 0;
  for (size_t i = 0; i < width; ++i) {
    r[i] = table[pixels[0]];
    g[i] = table[pixels[green]];
    b[i] = table[pixels[blue]];
    pixels += bands;
  }
}

/* The cube root of a positive normal number to 4e-7: a guess at its inverse from the bits, then two steps. */
CPU static inline float NAME(cube_root)(float value) {
  union {
    float f;
    int32_t i;
  } guess = {.f = value};
  guess.i = 0x54a20000 - (int32_t)((float)guess.i * (1.0f / 3.0f));
  float root = guess.f;
  float rest = 1.0f - value * root * root * root;
  root += root * rest * (1.0f / 3.0f + rest * (2.0f / 9.0f));
  rest = 1.0f - value * root * root * root;
  root += root * rest * (1.0f / 3.0f);
  return value * root * root;
}

CPU static inline float NAME(response)(float r, float g, float b, float of_r, float of_g, float of_b) {
  return NAME(cube_root)(of_r * r + of_g * g + of_b * b + OPSIN_BIAS) - OPSIN_BIAS_ROOT;
}

CPU static inline float NAME(long_cone)(float r, float g, float b) { return NAME(response)(r, g, b, 0.30f, 0.622f, 0.078f); }
CPU static inline float NAME(medium_cone)(float r, float g, float b) { return NAME(response)(r, g, b, 0.23f, 0.692f, 0.078f); }
CPU static inline float NAME(short_cone)(float r, float g, float b) {
  return NAME(response)(r, g, b, 0.24342268924547819f, 0.20476744424496821f, 0.55180986650955360f);
}

CPU static void NAME(opsin_y)(const float *restrict r, const float *restrict g, const float *restrict b,
                                 size_t width, float *restrict y) {
  for (size_t i = 0; i < width; ++i) {
    y[i] = 0.5f * (NAME(long_cone)(r[i], g[i], b[i]) + NAME(medium_cone)(r[i], g[i], b[i])) + 0.01f;
  }
}

CPU static void NAME(opsin_xy)(const float *restrict r, const float *restrict g, const float *restrict b,
                                  size_t width, float *restrict x, float *restrict y) {
  for (size_t i = 0; i < width; ++i) {
    const float l = NAME(long_cone)(r[i], g[i], b[i]);
    const float m = NAME(medium_cone)(r[i], g[i], b[i]);
    x[i] = 7.0f * (l - m) + 0.42f;
    y[i] = 0.5f * (l + m) + 0.01f;
  }
}

CPU static void NAME(opsin_b)(const float *restrict r, const float *restrict g, const float *restrict b,
                                 const float *restrict y, size_t width, float *restrict out) {
  for (size_t i = 0; i < width; ++i) {
    out[i] = NAME(short_cone)(r[i], g[i], b[i]) - y[i] + 0.56f; /* y already carries 0.01 of the 0.55 */
  }
}

CPU static void NAME(opsin_row)(float *const linear[3], size_t width, float *x, float *y, float *b) {
  if (x != NULL) {
    NAME(opsin_xy)(linear[0], linear[1], linear[2], width, x, y);
  } else {
    NAME(opsin_y)(linear[0], linear[1], linear[2], width, y);
  }
  if (b != NULL) {
    NAME(opsin_b)(linear[0], linear[1], linear[2], y, width, b);
  }
}

CPU static void NAME(products_row)(const float *restrict a, const float *restrict b, size_t width,
                                      float *restrict difference, float *restrict squares) {
  for (size_t i = 0; i < width; ++i) {
    const float d = a[i] - b[i];
    difference[i] = d * d;
    squares[i] = a[i] * a[i] + b[i] * b[i];
  }
}

CPU static void NAME(blur_across)(const float *restrict in, size_t width, float *restrict out) {
  for (size_t i = 0; i < width; ++i) {
    const float *at = in + i;
    out[i] = W0 * at[0] + W1 * (at[-1] + at[1]) + W2 * (at[-2] + at[2]) + W3 * (at[-3] + at[3]) +
             W4 * (at[-4] + at[4]) + W5 * (at[-5] + at[5]);
  }
}

CPU static void NAME(blur_down)(const float *const rows[BLUR_ROWS], size_t first, size_t count,
                                   float *restrict out) {
  const float *restrict a = rows[0] + first, *restrict b = rows[1] + first, *restrict c = rows[2] + first;
  const float *restrict d = rows[3] + first, *restrict e = rows[4] + first, *restrict f = rows[5] + first;
  const float *restrict g = rows[6] + first, *restrict h = rows[7] + first, *restrict i = rows[8] + first;
  const float *restrict j = rows[9] + first, *restrict k = rows[10] + first;
  for (size_t x = 0; x < count; ++x) {
    out[x] = W0 * f[x] + W1 * (e[x] + g[x]) + W2 * (d[x] + h[x]) + W3 * (c[x] + i[x]) + W4 * (b[x] + j[x]) +
             W5 * (a[x] + k[x]);
  }
}

/* 1 - (1 - m^2) * (denominator - E) / denominator, written so that equal pictures give 0 exactly and nothing is the
 * small difference of two large numbers: m is the difference of the means, E the variance of the difference. */
CPU static void NAME(add_ssim)(const float *restrict mean_a, const float *restrict mean_b,
                                  const float *restrict difference, const float *restrict squares, size_t count,
                                  double *sums) {
  float sum_1 = 0, sum_4 = 0;
#pragma omp simd reduction(+ : sum_1, sum_4)
  for (size_t i = 0; i < count; ++i) {
    const float m = mean_a[i] - mean_b[i];
    const float m2 = m * m;
    const float denominator = squares[i] - (mean_a[i] * mean_a[i] + mean_b[i] * mean_b[i]) + SSIM_C2;
    const float distance = m2 + (1.0f - m2) * (difference[i] - m2) / denominator;
    const float positive = distance > 0.0f ? distance : 0.0f;
    sum_1 += positive;
    sum_4 += (positive * positive) * (positive * positive);
  }
  sums[SSIM_1] += (double)sum_1;
  sums[SSIM_4] += (double)sum_4;
}

CPU static void NAME(add_edges)(const float *restrict a, const float *restrict mean_a, const float *restrict b,
                                   const float *restrict mean_b, size_t count, double *sums) {
  float artifact_1 = 0, artifact_4 = 0, detail_1 = 0, detail_4 = 0;
#pragma omp simd reduction(+ : artifact_1, artifact_4, detail_1, detail_4)
  for (size_t i = 0; i < count; ++i) {
    const float edge_a = fabsf(a[i] - mean_a[i]);
    const float edge_b = fabsf(b[i] - mean_b[i]);
    const float change = (edge_b - edge_a) / (1.0f + edge_a);
    const float artifact = change > 0.0f ? change : 0.0f;
    const float detail = change < 0.0f ? -change : 0.0f;
    artifact_1 += artifact;
    artifact_4 += (artifact * artifact) * (artifact * artifact);
    detail_1 += detail;
    detail_4 += (detail * detail) * (detail * detail);
  }
  sums[ARTIFACT_1] += (double)artifact_1;
  sums[ARTIFACT_4] += (double)artifact_4;
  sums[DETAIL_1] += (double)detail_1;
  sums[DETAIL_4] += (double)detail_4;
}

CPU static void NAME(halve_row)(const float *restrict upper, const float *restrict lower, size_t width,
                                   float *restrict out) {
  for (size_t i = 0; i < width / 2; ++i) {
    out[i] = 0.25f * (upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1]);
  }
  if (width % 2 != 0) {
    out[width / 2] = 0.5f * (upper[width - 1] + lower[width - 1]);
  }
}

static const struct metric_rows NAME(rows) = {
    .linear_row = NAME(linear_row),     .opsin_row = NAME(opsin_row),   .products_row = NAME(products_row),
    .blur_across = NAME(blur_across),   .blur_down = NAME(blur_down),   .add_ssim = NAME(add_ssim),
    .add_edges = NAME(add_edges),       .halve_row = NAME(halve_row),
};

#undef CPU
#undef NAME
