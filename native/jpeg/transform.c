/* The cosine transform of a block, by even and odd parts of its sides. */
#include "encode.h"

#define C(k, cosine) static const float COS##k = cosine##f * 0.5f
C(1, 0.98078528040323044913);
C(2, 0.92387953251128675613);
C(3, 0.83146961230254523708);
C(4, 0.70710678118654752440);
C(5, 0.55557023301960222474);
C(6, 0.38268343236508977173);
C(7, 0.19509032201612826785);

/* Of each column of eight rows; the loops over columns are for the compiler to vectorise. */
static inline void transform_columns(float to[8][8], const float from[8][8]) {
  for (int i = 0; i < 8; ++i) {
    const float s0 = from[0][i] + from[7][i], s1 = from[1][i] + from[6][i];
    const float s2 = from[2][i] + from[5][i], s3 = from[3][i] + from[4][i];
    const float d0 = from[0][i] - from[7][i], d1 = from[1][i] - from[6][i];
    const float d2 = from[2][i] - from[5][i], d3 = from[3][i] - from[4][i];
    to[0][i] = (s0 + s3 + (s1 + s2)) * COS4;
    to[4][i] = (s0 + s3 - (s1 + s2)) * COS4;
    to[2][i] = (s0 - s3) * COS2 + (s1 - s2) * COS6;
    to[6][i] = (s0 - s3) * COS6 - (s1 - s2) * COS2;
    to[1][i] = d0 * COS1 + d1 * COS3 + d2 * COS5 + d3 * COS7;
    to[3][i] = d0 * COS3 - d1 * COS7 - d2 * COS1 - d3 * COS5;
    to[5][i] = d0 * COS5 - d1 * COS1 + d2 * COS7 + d3 * COS3;
    to[7][i] = d0 * COS7 - d1 * COS5 + d2 * COS3 - d3 * COS1;
  }
}

static inline void transpose(float to[8][8], const float from[8][8]) {
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < 8; ++column) to[column][row] = from[row][column];
  }
}

void jpeg_transform(float values[JPEG_VALUES], const float *samples, size_t stride) {
  float one[8][8], other[8][8];
  for (int row = 0; row < 8; ++row) {
    for (int column = 0; column < 8; ++column) one[row][column] = samples[(size_t)row * stride + (size_t)column];
  }
  transform_columns(other, one);
  transpose(one, other);
  transform_columns(other, one);
  for (int i = 0; i < JPEG_VALUES; ++i) values[i] = other[JPEG_ZIGZAG[i] % 8][JPEG_ZIGZAG[i] / 8];
}
