// Root-mean-square normalisation of rows of N numbers: y = x / sqrt(mean(x²) + ε).

#pragma once

#include "vectors.h"

constexpr float EPSILON = 1e-6f;  // as in trainables.models.layers

// Writes y (rows, N), and every row's factor from x to y.
template <int N>
static void normalise(const float* x, float* y, float* factors, int rows) {
    typedef Register<N> V;
    const auto squares = [=](int r) {
        V total{};
        for (int c = 0; c < N; c += lanes<V>) {
            const V part = load<V>(x + r * N + c);
            total += part * part;
        }
        return total;
    };
    const auto scale = [=](int r, float factor) {
        factors[r] = factor;
        for (int c = 0; c < N; c += lanes<V>) store(y + r * N + c, load<V>(x + r * N + c) * factor);
    };
    int r = 0;
    for (; r + 4 <= rows; r += 4) {
        const Four means = sums(squares(r), squares(r + 1), squares(r + 2), squares(r + 3)) * (1.0f / N) + EPSILON;
        for (int k = 0; k < 4; ++k) scale(r + k, 1.0f / __builtin_sqrtf(means[k]));
    }
    for (; r < rows; ++r) scale(r, 1.0f / __builtin_sqrtf(sum(squares(r)) * (1.0f / N) + EPSILON));
}

// onto (rows, N) += the gradient of x, from that of y, whose rows begin `stride` numbers apart.
template <int N>
static void normalise_backward(const float* y, const float* factors, const float* to_y, float* onto, int rows,
                               int stride = N) {
    typedef Register<N> V;
    const auto along = [=](int r) {
        V total{};
        for (int c = 0; c < N; c += lanes<V>) total += load<V>(y + r * N + c) * load<V>(to_y + r * stride + c);
        return total;
    };
    const auto add = [=](int r, float mean) {
        for (int c = 0; c < N; c += lanes<V>) {
            const V straight = load<V>(to_y + r * stride + c) - load<V>(y + r * N + c) * mean;
            store(onto + r * N + c, load<V>(onto + r * N + c) + straight * factors[r]);
        }
    };
    int r = 0;
    for (; r + 4 <= rows; r += 4) {
        const Four means = sums(along(r), along(r + 1), along(r + 2), along(r + 3)) * (1.0f / N);
        for (int k = 0; k < 4; ++k) add(r + k, means[k]);
    }
    for (; r < rows; ++r) add(r, sum(along(r)) * (1.0f / N));
}
