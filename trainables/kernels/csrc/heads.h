// From a hypernetwork's final state to drawn weights and their complexity, and back: trainables/heads.py.

#pragma once

#include <cmath>
#include <vector>

#include "normalise.h"
#include "products.h"
#include "target.h"
#include "weights.h"

// out (K, stride) = (x (rows, D) · w (D, K) + bias (K))ᵀ for K = 2 or 4
template <int K>
static void head(const float* x, const float* w, const float* bias, float* out, int stride, int rows) {
    typedef Register<D> V;
    constexpr int TOGETHER = 4 / K;  // rows
    float columns[K * D];
    transpose<D, K>(w, columns);
    for (int r = 0; r < rows; r += TOGETHER) {
        V along[4] = {};
        for (int k = 0; k < 4; ++k)
            for (int c = 0; c < D; c += lanes<V>)
                along[k] += load<V>(x + std::min(r + k / K, rows - 1) * D + c) * load<V>(columns + k % K * D + c);
        const Four found = sums(along[0], along[1], along[2], along[3]);
        for (int k = 0; k < 4; ++k)
            if (r + k / K < rows) out[k % K * stride + r + k / K] = found[k] + bias[k % K];
    }
}

// From to_out (K, stride) to to_x (rows, D), and onto the gradients of w and bias.
template <int K>
static void head_backward(const float* x, const float* w, const float* to_out, int stride, int rows, float* to_x,
                          float* to_w, float* to_bias) {
    typedef Register<D> V;
    float columns[K * D], onto[K * D];
    transpose<D, K>(w, columns);
    for (int c = 0; c < D; c += lanes<V>) {
        V total[K] = {};
        for (int r = 0; r < rows; ++r) {
            V to{};
            for (int k = 0; k < K; ++k) {
                total[k] += load<V>(x + r * D + c) * to_out[k * stride + r];
                to += load<V>(columns + k * D + c) * to_out[k * stride + r];
            }
            store(to_x + r * D + c, to);
        }
        for (int k = 0; k < K; ++k) store(onto + k * D + c, total[k]);
    }
    for (int k = 0; k < K; ++k) {
        for (int c = 0; c < D; ++c) to_w[c * K + k] += onto[k * D + c];
        for (int r = 0; r < rows; ++r) to_bias[k] += to_out[k * stride + r];
    }
}

// A tensor of weights s · (μ + σ ε), of which mean and log σ are rows of `moments`. What is padding has μ = 0 and σ = 1.
struct Drawn {
    int count, padded;
    float* moments;      // (2, padded): mean, and log σ less `initial`; in the end their gradients
    float initial;       // log σ of an untrained hypernetwork
    std::vector<float> sigma, epsilon, value, to_value;

    Drawn(int count, int padded, float* moments, float initial)
        : count(count), padded(padded), moments(moments), initial(initial), sigma(padded), epsilon(padded), value(padded),
          to_value(padded) {}

    // Draws with scale s; returns the complexity, KL(N(μ, σ²) ‖ N(0, 1)) in nats.
    float draw(const float* noise, float s) {
        float *mean = moments, *raw = moments + padded;
        std::copy(noise, noise + count, epsilon.begin());
        std::fill(mean + count, mean + padded, 0.0f);
        std::fill(raw + count, raw + padded, -initial);
        Samples nats{};
        for (int k = 0; k < padded; k += lanes<Samples>) {
            const Samples mu = load<Samples>(mean + k), log_sigma = load<Samples>(raw + k) + initial;
            const Samples deviation = exponential(log_sigma);
            store(&sigma[k], deviation);
            store(&value[k], s * (mu + deviation * load<Samples>(&epsilon[k])));
            nats += 0.5f * (mu * mu + deviation * deviation - 1.0f) - log_sigma;
        }
        return sum(nats);
    }

    // From to_value and the weight β of the complexity to the gradients of the moments, in their place, and of s.
    float backward(float s, float beta) {
        float *mean = moments, *raw = moments + padded;
        Samples to_s{};
        for (int k = 0; k < padded; k += lanes<Samples>) {
            const Samples to = load<Samples>(&to_value[k]), mu = load<Samples>(mean + k);
            const Samples deviation = load<Samples>(&sigma[k]), noisy = deviation * load<Samples>(&epsilon[k]);
            to_s += to * (mu + noisy);
            store(mean + k, s * to + beta * mu);
            store(raw + k, s * to * noisy + beta * (deviation * deviation - 1.0f));
        }
        return sum(to_s);
    }
};

constexpr float KAPPA = 0.392699082f;  // π / 8, see `expected_output` in trainables/heads.py

// E[v · swish(W x + b)] over x ~ N(0, I), approximately.
static float expected_output(int m, int n, const Target& network) {
    float total = 0.0f;
    for (int j = 0; j < m; ++j) {
        float variance = 0.0f;
        for (int i = 0; i < n; ++i) variance += network.weight[j * n + i] * network.weight[j * n + i];
        const float b = network.bias[j], kappa = 1.0f / std::sqrt(1.0f + KAPPA * variance);
        const float gate = 1.0f / (1.0f + std::exp(-kappa * b));
        total += network.output[j] * (b * gate + variance * kappa * gate * (1.0f - gate));
    }
    return total;
}

// Onto the gradients of the network's weights, from that of the expected output.
static void expected_output_backward(int m, int n, const Target& network, float to, const TargetGradients& gradients) {
    for (int j = 0; j < m; ++j) {
        float variance = 0.0f;
        for (int i = 0; i < n; ++i) variance += network.weight[j * n + i] * network.weight[j * n + i];
        const float b = network.bias[j], kappa = 1.0f / std::sqrt(1.0f + KAPPA * variance);
        const float gate = 1.0f / (1.0f + std::exp(-kappa * b)), slope = gate * (1.0f - gate);
        const float to_mean = to * network.output[j];
        const float to_gate = b + variance * kappa * (1.0f - 2.0f * gate);  // of the mean
        const float to_kappa = to_gate * slope * b + variance * slope;
        const float to_variance = kappa * slope - to_kappa * 0.5f * KAPPA * kappa * kappa * kappa;
        gradients.output[j] += to * (b * gate + variance * kappa * slope);
        gradients.bias[j] += to_mean * (gate + to_gate * slope * kappa);
        for (int i = 0; i < n; ++i) gradients.weight[j * n + i] += 2.0f * to_mean * to_variance * network.weight[j * n + i];
    }
}
