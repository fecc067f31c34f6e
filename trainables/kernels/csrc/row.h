// A member's weights where they lie in its row of parameters, and a row for their gradients.

#pragma once

#include <algorithm>
#include <vector>

#include "member.h"

// Where weights begin in a row, in the order of EndArrays and then of the layers, and what multiplies each (scale_free.py).
// Only the scales of the heads are something else: initial_scales · exp(scale_rate · what lies in the row).
struct Layout {
    int layers;
    const long* offsets;
    const float *factors, *initial_scales;
    float scale_rate;

    int count() const { return ENDS + layers * WEIGHTS; }
    static int size(int k) { return k < ENDS ? END_SIZES[k] : SIZES[(k - ENDS) % WEIGHTS]; }
};

constexpr int SCALES = 1;  // their place in EndArrays

// Pointers one after another, as the struct of pointers that they are.
template <class Own, class Number>
static Own taken_from(Number* const* pointers) {
    Own own;
    std::memcpy(&own, pointers, sizeof(own));
    return own;
}

// Serves one member after another, in the same two rows, so that they stay in the cache: a copy of the member's weights,
// which is read from memory once and in order, and their gradients.
struct RowSpace {
    Layout layout;
    std::vector<float> weights, gradients;
    float scales[3];
    EndWeights ends;
    EndGradients to_ends;
    std::vector<Weights> layers;
    std::vector<Gradients> to_layers;

    RowSpace(const Layout& layout, long size)
        : layout(layout), weights(size), gradients(size), layers(layout.layers), to_layers(layout.layers) {
        std::vector<float*> to(layout.count());
        for (int k = 0; k < layout.count(); ++k) to[k] = gradients.data() + layout.offsets[k];
        to_ends = taken_from<EndGradients>(to.data());
        std::vector<const float*> own(layout.count());
        for (int k = 0; k < layout.count(); ++k) own[k] = weights.data() + layout.offsets[k];
        own[SCALES] = scales;
        ends = taken_from<EndWeights>(own.data());
        for (int k = 0; k < layout.layers; ++k) layers[k] = taken_from<Weights>(&own[ENDS + k * WEIGHTS]);
        for (int k = 0; k < layout.layers; ++k) to_layers[k] = taken_from<Gradients>(&to[ENDS + k * WEIGHTS]);
    }

    // The weights of a member with this row, without gradients yet. exponentials (3): of its scales.
    void open(const float* row, const float* exponentials) {
        std::copy(row, row + weights.size(), weights.begin());
        multiply(weights);
        for (int k = 0; k < 3; ++k) scales[k] = layout.initial_scales[k] * exponentials[k];
        std::fill(gradients.begin(), gradients.end(), 0.0f);
    }

    // From the gradients of the weights to those of the parameters, in their place.
    void close(const float* exponentials) {
        multiply(gradients);
        float* to_scales = to_ends.scales;
        for (int k = 0; k < 3; ++k)
            to_scales[k] = to_scales[k] * layout.initial_scales[k] * exponentials[k] * layout.scale_rate;
    }

private:
    void multiply(std::vector<float>& row) const {
        for (int k = 0; k < layout.count(); ++k)
            if (layout.factors[k] != 1.0f)
                for (int c = 0; c < Layout::size(k); ++c) row[layout.offsets[k] + c] *= layout.factors[k];
    }
};
