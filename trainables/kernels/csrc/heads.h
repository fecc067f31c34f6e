// From a hypernetwork's final state to drawn weights and their complexity, and back: trainables/models/weight_heads.py.

#pragma once

#include <algorithm>
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

// Values of one input and their weights, by which means over it are sums; none of normal inputs (trainables/inputs.py).
struct Quadrature {
    int count;
    const float *nodes, *weights;
};

// A neuron's row: its squared norm, and its largest weight.
struct RowRead {
    float variance;
    int top;

    RowRead(int n, const float* row) : variance(0.0f), top(0) {
        for (int i = 0; i < n; ++i) {
            variance += row[i] * row[i];
            if (std::fabs(row[i]) > std::fabs(row[top])) top = i;
        }
    }
};

// E[act(w·x + b)], approximately, as `expected_output` in trainables/models/weight_heads.py has it. to_top: its slope by
// the row's largest weight, where that one's input is not taken for normal; to_variance is then that of the rest.
template <class Act>
static Mean neuron_mean(const RowRead& read, const float* row, float bias, const Quadrature& inputs, float& to_top) {
    to_top = 0.0f;
    if (!inputs.count) return Act::over_normal(bias, read.variance);
    const float top = row[read.top], rest = std::max(read.variance - top * top, 0.0f);
    Mean total{};
    for (int k = 0; k < inputs.count; ++k) {
        const Mean mean = Act::over_normal(bias + inputs.nodes[k] * top, rest);
        total.value += inputs.weights[k] * mean.value;
        total.to_mean += inputs.weights[k] * mean.to_mean;
        total.to_variance += inputs.weights[k] * mean.to_variance;
        to_top += inputs.weights[k] * inputs.nodes[k] * mean.to_mean;
    }
    return total;
}

// E[v · act(W x + b)] over the inputs x, approximately.
template <class Act>
static float expected_output(int m, int n, const Target& network, const Quadrature& inputs) {
    float total = 0.0f, to_top;
    for (int j = 0; j < m; ++j) {
        const float* row = network.weight + j * n;
        total += network.output[j] * neuron_mean<Act>(RowRead(n, row), row, network.bias[j], inputs, to_top).value;
    }
    return total;
}

// Onto the gradients of the network's weights, from that of the expected output.
template <class Act>
static void expected_output_backward(int m, int n, const Target& network, const Quadrature& inputs, float to,
                                     const TargetGradients& gradients) {
    float to_top;
    for (int j = 0; j < m; ++j) {
        const float* row = network.weight + j * n;
        const RowRead read(n, row);
        const Mean mean = neuron_mean<Act>(read, row, network.bias[j], inputs, to_top);
        const float to_mean = to * network.output[j];
        gradients.output[j] += to * mean.value;
        gradients.bias[j] += to_mean * mean.to_mean;
        for (int i = 0; i < n; ++i) {
            const bool alone = inputs.count && i == read.top;
            gradients.weight[j * n + i] += to_mean * (alone ? to_top : 2.0f * mean.to_variance * row[i]);
        }
    }
}
