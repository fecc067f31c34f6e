// Products of small row-major matrices whose inner sizes the compiler knows, so that sums stay in registers.

#pragma once

#include <initializer_list>

#include "vectors.h"

constexpr int SUMS = WIDE ? 16 : 12;  // registers of sums that are worked on at once

// ROWS rows of N numbers in registers.
template <int N, int ROWS>
struct Tile {
    typedef Register<N> V;
    static constexpr int COUNT = N / lanes<V>;
    V of[ROWS][COUNT];

    void clear() {
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < COUNT; ++v) of[r][v] = V{};
    }
    void read(const float* y) {
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < COUNT; ++v) of[r][v] = load<V>(y + r * N + v * lanes<V>);
    }
    void write(float* y) const {
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < COUNT; ++v) store(y + r * N + v * lanes<V>, of[r][v]);
    }
    // += x (ROWS, K) · w (K, N)
    template <int K>
    void add(const float* x, const float* w) {
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) {
            V row[COUNT];
            for (int v = 0; v < COUNT; ++v) row[v] = load<V>(w + k * N + v * lanes<V>);
            for (int r = 0; r < ROWS; ++r)
                for (int v = 0; v < COUNT; ++v) of[r][v] += x[r * K + k] * row[v];
        }
    }
};

// Calls f(count, r) for blocks of rows r … r + count − 1, count an integral constant, that make up `rows` rows of N numbers.
template <int N, class F>
static inline void in_tiles(int rows, F f) {
    constexpr int MOST = SUMS * lanes<Register<N>> / N;
    constexpr int BLOCK = MOST < 1 ? 1 : (MOST > 8 ? 8 : MOST), REST = BLOCK > 3 ? BLOCK / 2 : 1;
    int r = 0;
    for (; r + BLOCK <= rows; r += BLOCK) f(std::integral_constant<int, BLOCK>(), r);
    for (; r + REST <= rows; r += REST) f(std::integral_constant<int, REST>(), r);
    for (; r < rows; ++r) f(std::integral_constant<int, 1>(), r);
}

// y (rows, N) = x (rows, K) · w (K, N)
template <int K, int N>
static void product(const float* x, const float* w, float* y, int rows) {
    in_tiles<N>(rows, [=](auto count, int r) {
        Tile<N, decltype(count)::value> tile;
        tile.clear();
        tile.template add<K>(x + r * K, w);
        tile.write(y + r * N);
    });
}

// y (rows, N) = from + x (rows, K) · w (K, N); from may be y.
template <int K, int N>
static void product_onto(const float* from, const float* x, const float* w, float* y, int rows) {
    in_tiles<N>(rows, [=](auto count, int r) {
        Tile<N, decltype(count)::value> tile;
        tile.read(from + r * N);
        tile.template add<K>(x + r * K, w);
        tile.write(y + r * N);
    });
}

// total (K, N) += xᵀ (K, rows) · y (rows, N)
template <int K, int N>
static void accumulate(const float* x, const float* y, float* total, int rows) {
    typedef Register<N> V;
    constexpr int COUNT = N / lanes<V>, MOST = SUMS / COUNT;
    constexpr int BLOCK = MOST >= 16 && K % 16 == 0 ? 16 : (MOST >= 8 && K % 8 == 0 ? 8 : 4);
    static_assert(K % BLOCK == 0);
    for (int k = 0; k < K; k += BLOCK) {
        Tile<N, BLOCK> sums;
        sums.read(total + k * N);
        for (int r = 0; r < rows; ++r) {
            V row[COUNT];
            for (int v = 0; v < COUNT; ++v) row[v] = load<V>(y + r * N + v * lanes<V>);
            for (int b = 0; b < BLOCK; ++b)
                for (int v = 0; v < COUNT; ++v) sums.of[b][v] += x[r * K + k + b] * row[v];
        }
        sums.write(total + k * N);
    }
}

// Rows of eight numbers as columns: halves of rows change places, then pairs, then single numbers.
static inline void transpose_octets(Octet (&x)[8]) {
    for (int k : {0, 1, 2, 3}) {
        const Octet a = x[k], b = x[k + 4];
        x[k] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
        x[k + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int k : {0, 1, 4, 5}) {
        const Octet a = x[k], b = x[k + 2];
        x[k] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
        x[k + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int k : {0, 2, 4, 6}) {
        const Octet a = x[k], b = x[k + 1];
        x[k] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
        x[k + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
    }
}

// out (N, K) = wᵀ of w (K, N)
template <int K, int N>
static void transpose(const float* w, float* out) {
    if constexpr (K % 8 == 0 && N % 8 == 0) {
        for (int k = 0; k < K; k += 8)
            for (int c = 0; c < N; c += 8) {
                Octet block[8];
                for (int r = 0; r < 8; ++r) block[r] = load<Octet>(w + (k + r) * N + c);
                transpose_octets(block);
                for (int r = 0; r < 8; ++r) store(out + (c + r) * K + k, block[r]);
            }
    } else {
        for (int k = 0; k < K; ++k)
            for (int c = 0; c < N; ++c) out[c * K + k] = w[k * N + c];
    }
}
