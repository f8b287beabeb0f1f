// Vectors of floats, whatever the width the processor has, and e^x on them.

#ifndef PREFPROP_VECTORS_H
#define PREFPROP_VECTORS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t i64;

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t bits __attribute__((vector_size(LANES * 4)));
typedef float unaligned_vec __attribute__((vector_size(LANES * 4), aligned(4)));

#define INLINE static inline __attribute__((always_inline))
// For the innermost loops: alone in a function their constants stay in registers.
#define APART static __attribute__((noinline))

INLINE vec load(const float *from) { return *(const unaligned_vec *)from; }
INLINE void store(float *to, vec x) { *(unaligned_vec *)to = x; }
INLINE vec all(float x) { return x - (vec){0}; }

INLINE vec pick(bits where, vec yes, vec no) {
    return (vec)((where & (bits)yes) | (~where & (bits)no));
}
INLINE vec larger(vec a, vec b) { return pick(a > b, a, b); }

INLINE float largest_of(vec x) {
    float found = x[0];
    for (int lane = 1; lane < LANES; lane++)
        found = x[lane] > found ? x[lane] : found;
    return found;
}
INLINE float sum_of(vec x) {
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum += x[lane];
    return sum;
}

// e^x for x <= 88, 0 below -87; relative error about one unit in the last place.
// e^x = 2^n e^r with |r| <= ln(2) / 2; e^r = 1 + r + r^2 q(r), q a least-maximum fit of degree 4.
INLINE vec exponential(vec x) {
    const float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    vec shifted = x * 1.44269504f + to_integer;
    vec n = shifted - to_integer;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts
    vec q = 1.38146e-3f * r + 8.36872e-3f;
    q = q * r + 4.166839e-2f;
    q = q * r + 1.6666521e-1f;
    q = q * r + 4.9999993e-1f;
    vec power = (vec)(((bits)shifted << 23) + (bits)all(1.0f));
    return (vec)((x > -87.0f) & (bits)((q * r * r + r + 1.0f) * power));
}

#endif
