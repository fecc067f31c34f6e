// Adam (Kingma & Ba 2015) with the gradient norm clipped, of one member: its gradients are read while they are in the cache,
// once for the norm and once for the step.

#pragma once

#include <cmath>

#include "vectors.h"

struct Rates {
    float step, first, second, epsilon, correction;  // correction: of the second moment's root for the steps so far
    float clip;

    // step: 1 for the first.
    Rates(int step, float rate, float first, float second, float epsilon, float clip)
        : step(static_cast<float>(rate / unseen(first, step))), first(first), second(second), epsilon(epsilon),
          correction(static_cast<float>(1 / std::sqrt(unseen(second, step)))), clip(clip) {}
    static double unseen(float beta, int step) { return 1 - std::pow(static_cast<double>(beta), step); }
};

static float sum_of_squares(const float* x, long count) {
    typedef Register<16> V;
    V total{};
    float rest = 0.0f;
    long k = 0;
    for (; k + lanes<V> <= count; k += lanes<V>) total += load<V>(x + k) * load<V>(x + k);
    for (; k < count; ++k) rest += x[k] * x[k];
    return sum(total) + rest;
}

static void step_of(const float* __restrict gradients, float factor, float* __restrict values, float* __restrict first,
                    float* __restrict second, long count, const Rates& rates) {
    for (long k = 0; k < count; ++k) {
        const float g = gradients[k] * factor;
        first[k] += (g - first[k]) * (1.0f - rates.first);
        second[k] = second[k] * rates.second + g * g * (1.0f - rates.second);
        values[k] -= rates.step * first[k] / (std::sqrt(second[k]) * rates.correction + rates.epsilon);
    }
}

// A step of values with first and second moments, in which the parameters lie one after another, `counts` numbers each;
// their gradients are where `gradients` says. Returns their norm before clipping.
static float adam(int parameters, const long* counts, const float* const* gradients, float* values, float* first,
                  float* second, const Rates& rates) {
    float squares = 0.0f;
    for (int k = 0; k < parameters; ++k) squares += sum_of_squares(gradients[k], counts[k]);
    const float norm = std::sqrt(squares);
    const float share = rates.clip / (norm + 1e-6f), factor = share > 1.0f ? 1.0f : share;  // NaN stays
    long at = 0;
    for (int k = 0; k < parameters; at += counts[k], ++k)
        step_of(gradients[k], factor, values + at, first + at, second + at, counts[k], rates);
    return norm;
}
