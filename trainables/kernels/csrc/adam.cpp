// Adam (Kingma & Ba 2015) with the gradient norm clipped, for a pack: a member's gradients are read while they are in the
// cache, once for the norm and once for the step.

#include <cmath>

#include "vectors.h"

typedef Register<16> V;

static float sum_of_squares(const float* x, long count) {
    V total{};
    float rest = 0.0f;
    long k = 0;
    for (; k + lanes<V> <= count; k += lanes<V>) total += load<V>(x + k) * load<V>(x + k);
    for (; k < count; ++k) rest += x[k] * x[k];
    return sum(total) + rest;
}

struct Rates {
    float step, first, second, epsilon, correction;  // correction: of the second moment's root for the steps so far
};

static void step_of(const float* __restrict gradients, float factor, float* __restrict values, float* __restrict first,
                    float* __restrict second, long count, Rates rates) {
    for (long k = 0; k < count; ++k) {
        const float g = gradients[k] * factor;
        first[k] += (g - first[k]) * (1.0f - rates.first);
        second[k] = second[k] * rates.second + g * g * (1.0f - rates.second);
        values[k] -= rates.step * first[k] / (std::sqrt(second[k]) * rates.correction + rates.epsilon);
    }
}

// values, first and second moments: rows of `size` numbers a member, in which the parameters lie one after another, `counts`
// numbers each. gradients: an address a parameter, a member's `strides` numbers apart. step: 1 for the first. Writes the
// norms (members) before clipping.
extern "C" void adam_step(int members, int parameters, const long* counts, const float* const* gradients,
                          const long* strides, float* values, float* first, float* second, long size, int step,
                          float rate, float beta_first, float beta_second, float epsilon, float clip, float* norms) {
    const double unseen_first = 1 - std::pow(static_cast<double>(beta_first), step);
    const double unseen_second = 1 - std::pow(static_cast<double>(beta_second), step);
    const Rates rates{static_cast<float>(rate / unseen_first), beta_first, beta_second, epsilon,
                      static_cast<float>(1 / std::sqrt(unseen_second))};
    for (int p = 0; p < members; ++p) {
        float squares = 0.0f;
        for (int k = 0; k < parameters; ++k) squares += sum_of_squares(gradients[k] + p * strides[k], counts[k]);
        norms[p] = std::sqrt(squares);
        const float share = clip / (norms[p] + 1e-6f), factor = share > 1.0f ? 1.0f : share;  // NaN stays
        long at = p * size;
        for (int k = 0; k < parameters; at += counts[k], ++k)
            step_of(gradients[k] + p * strides[k], factor, values + at, first + at, second + at, counts[k], rates);
    }
}
