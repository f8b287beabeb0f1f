// Dropout whose mask is a function of a seed and the place of a number: nothing is kept of it, the
// backward pass draws it again, and the number of threads does not matter.
//
// Four numbers share one draw of SplitMix64 (Steele, Lea & Flood 2014), 16 bits each; a number is
// dropped if its bits are below the threshold.

#include "vectors.h"

enum { DRAWS = 256, BLOCK = 4 * DRAWS };

INLINE uint64_t drawn(uint64_t seed, uint64_t counter) {
    uint64_t z = seed + counter * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

APART void block(const float *x, const float *onto, float *out, i64 n, uint64_t seed,
                 uint64_t first, uint32_t threshold, float scale) {
    uint64_t draws[DRAWS];
    for (int i = 0; i < DRAWS; i++)
        draws[i] = drawn(seed, first + i);
    uint16_t luck[BLOCK];
    memcpy(luck, draws, sizeof luck);
    if (onto)
        for (i64 i = 0; i < n; i++)
            out[i] = onto[i] + (luck[i] < threshold ? 0.0f : x[i] * scale);
    else
        for (i64 i = 0; i < n; i++)
            out[i] = luck[i] < threshold ? 0.0f : x[i] * scale;
}

// out = dropped(x), or onto + dropped(x); n numbers each, `onto` may be null.
void dropout(const float *x, const float *onto, float *out, i64 n, uint64_t seed,
             uint32_t threshold, float scale) {
#pragma omp parallel for schedule(static) if (n > 16 * BLOCK)
    for (i64 start = 0; start < n; start += BLOCK) {
        i64 length = n - start < BLOCK ? n - start : BLOCK;
        block(x + start, onto ? onto + start : NULL, out + start, length, seed, start / 4 + 1,
              threshold, scale);
    }
}
