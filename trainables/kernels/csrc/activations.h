// The activations of target networks: trainables/models/activations.py.

#pragma once

#include <cmath>

#include "vectors.h"

// The mean of an activation over a normal pre-activation, and its slopes by that one's mean and variance.
struct Mean {
    float value, to_mean, to_variance;
};

struct Swish {
    template <class V>
    static void apply(V z, V& value, V& slope) {
        const V gate = sigmoid(z);
        value = z * gate;
        slope = gate + value - value * gate;
    }

    // approximately, as `mean_over_normal` has it
    static Mean over_normal(float mean, float variance) {
        constexpr float KAPPA = 0.392699082f;  // π / 8
        const float kappa = 1.0f / std::sqrt(1.0f + KAPPA * variance);
        const float gate = 1.0f / (1.0f + std::exp(-kappa * mean)), slope = gate * (1.0f - gate);
        const float to_gate = mean + variance * kappa * (1.0f - 2.0f * gate);
        const float to_kappa = to_gate * slope * mean + variance * slope;
        return {mean * gate + variance * kappa * slope, gate + to_gate * slope * kappa,
                kappa * slope - to_kappa * 0.5f * KAPPA * kappa * kappa * kappa};
    }
};

struct Relu {
    template <class V>
    static void apply(V z, V& value, V& slope) {
        value = z > 0.0f ? z : V{};
        slope = z > 0.0f ? all<V>(1.0f) : V{};
    }

    static Mean over_normal(float mean, float variance) {
        constexpr float LEAST = 1e-12f;
        const float spread = std::sqrt(variance + LEAST), at = mean / spread;
        const float bell = 0.398942280f * std::exp(-0.5f * at * at);
        const float gate = 0.5f * (1.0f + std::erf(0.707106781f * at));
        return {mean * gate + variance / spread * bell, gate, bell / (2.0f * spread)};
    }
};
