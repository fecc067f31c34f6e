// Vector registers: arithmetic on 8 or 16 single-precision numbers at once, in GCC's vector extensions.
//
// Any processor can run this: the compiler cuts vectors into registers that it has.

#pragma once

#include <cstring>
#include <type_traits>

typedef float Four __attribute__((vector_size(16)));
typedef float Octet __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));

#ifdef __AVX512F__
constexpr bool WIDE = true;  // registers hold sixteen numbers
#else
constexpr bool WIDE = false;
#endif

// What rows of N numbers, a multiple of 8, are cut into.
template <int N>
using Register = std::conditional_t<WIDE && N % 16 == 0, Sixteen, Octet>;

template <class V>
constexpr int lanes = sizeof(V) / sizeof(float);

template <class V>
static inline V load(const float* x) {
    V y;
    std::memcpy(&y, x, sizeof(V));
    return y;
}

template <class V>
static inline void store(float* x, V y) {
    std::memcpy(x, &y, sizeof(V));
}

// x in every lane
template <class V>
static inline V all(float x) {
    return x - V{};
}

static inline Octet halves(Octet x) { return x; }
static inline Octet halves(Sixteen x) {
    return __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
           __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
}

// The sum of a vector's lanes.
template <class V>
static inline float sum(V x) {
    const Octet eight = halves(x);
    const Four four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// The sums of four vectors' lanes, by half as many shuffles as four times one sum.
template <class V>
static inline Four sums(V a, V b, V c, V d) {
    const Octet w = halves(a), x = halves(b), y = halves(c), z = halves(d);
    const Octet wx = __builtin_shufflevector(w, x, 0, 8, 1, 9, 4, 12, 5, 13) +
                     __builtin_shufflevector(w, x, 2, 10, 3, 11, 6, 14, 7, 15);
    const Octet yz = __builtin_shufflevector(y, z, 0, 8, 1, 9, 4, 12, 5, 13) +
                     __builtin_shufflevector(y, z, 2, 10, 3, 11, 6, 14, 7, 15);
    const Octet four = __builtin_shufflevector(wx, yz, 0, 1, 8, 9, 4, 5, 12, 13) +
                       __builtin_shufflevector(wx, yz, 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(four, four, 0, 1, 2, 3) + __builtin_shufflevector(four, four, 4, 5, 6, 7);
}

// exp(x) for x <= 88: 2^k · exp(f), |f| <= ln(2) / 2, with the minimax polynomial of Cephes (Moshier 1989).
template <class V>
static inline V exponential(V x) {
    x = x < -87.0f ? all<V>(-87.0f) : x;
    x = x > 88.0f ? all<V>(88.0f) : x;
    const V shifted = x * 1.44269504088896341f + 12582912.0f;  // rounds to an integer in the low bits
    const V k = shifted - 12582912.0f;
    const V f = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    V y = f * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * f + 8.3334519073e-3f;
    y = y * f + 4.1665795894e-2f;
    y = y * f + 1.6666665459e-1f;
    y = y * f + 5.0000001201e-1f;
    y = y * f * f + f + 1.0f;
    typedef decltype(x < x) Integers;
    const Integers power = (Integers)shifted << 23;
    return (V)((Integers)y + power);
}

template <class V>
static inline V sigmoid(V x) {
    return 1.0f / (1.0f + exponential(-x));
}
