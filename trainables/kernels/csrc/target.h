// The error of a drawn target network f(x) = v · act(W x + b) + c, and its gradients: trainables/models/target_forward.py.
//
// Registers run along samples, of which there are many; inputs and hidden neurons may be any number.

#pragma once

#include <algorithm>
#include <vector>

#include "activations.h"
#include "parts.h"
#include "vectors.h"

typedef Register<16> Samples;
constexpr int AT_ONCE = WIDE ? 4 : 2;                       // registers of samples that are worked on at once
constexpr int STRETCH = AT_ONCE * lanes<Samples>;           // and the samples in them
constexpr int padded_to(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

struct Target {  // of one member: (m, n), (m), (m)
    const float *weight, *bias, *output;
};
struct TargetGradients {
    float *weight, *bias, *output;
};

struct TargetSpace {
    int samples, padded;
    std::vector<float> x, wanted, result;  // (n, padded), (padded), (padded)
    std::vector<float> active, slope;      // (m, padded): act(W x + b), and its slope

    TargetSpace(int m, int n, int samples)
        : samples(samples), padded(padded_to(samples, STRETCH)), x(n * padded), wanted(padded), result(padded),
          active(m * padded), slope(m * padded) {}
};

// Neurons j … j + J − 1: their activity and its slope, and onto the result.
template <class Act, int J>
static void apply_neurons(int j, int n, const Target& network, TargetSpace& space) {
    const int padded = space.padded;
    for (int s = 0; s < padded; s += STRETCH) {
        Samples total[J][AT_ONCE];
        for (int k = 0; k < J; ++k)
            for (int v = 0; v < AT_ONCE; ++v) total[k][v] = all<Samples>(network.bias[j + k]);
        for (int i = 0; i < n; ++i)
            for (int v = 0; v < AT_ONCE; ++v) {
                const Samples x = load<Samples>(&space.x[i * padded + s + v * lanes<Samples>]);
                for (int k = 0; k < J; ++k) total[k][v] += network.weight[(j + k) * n + i] * x;
            }
        for (int v = 0; v < AT_ONCE; ++v) {
            const int at = s + v * lanes<Samples>;
            Samples result = load<Samples>(&space.result[at]);
            for (int k = 0; k < J; ++k) {
                Samples active, slope;
                Act::apply(total[k][v], active, slope);
                store(&space.active[(j + k) * padded + at], active);
                store(&space.slope[(j + k) * padded + at], slope);
                result += network.output[j + k] * active;
            }
            store(&space.result[at], result);
        }
    }
}

// total[j, i] = Σ y[j] x[i] over samples, for J neurons and I inputs.
template <int J, int I>
static void over_samples(const float* y, const float* x, int padded, float* total, int n) {
    Samples along[J][I] = {};
    for (int s = 0; s < padded; s += lanes<Samples>)
        for (int i = 0; i < I; ++i) {
            const Samples input = load<Samples>(x + i * padded + s);
            for (int j = 0; j < J; ++j) along[j][i] += load<Samples>(y + j * padded + s) * input;
        }
    for (int j = 0; j < J; ++j)
        if constexpr (I == 4) {
            store(total + j * n, sums(along[j][0], along[j][1], along[j][2], along[j][3]));
        } else {
            for (int i = 0; i < I; ++i) total[j * n + i] = sum(along[j][i]);
        }
}

template <int J>
static void weight_gradient(int j, int n, TargetSpace& space, float* total) {
    const float* y = &space.slope[j * space.padded];
    int i = 0;
    for (; i + 4 <= n; i += 4) over_samples<J, 4>(y, &space.x[i * space.padded], space.padded, total + j * n + i, n);
    for (; i < n; ++i) over_samples<J, 1>(y, &space.x[i * space.padded], space.padded, total + j * n + i, n);
}

// The mean squared error over `variance` of the network with bias c on x (samples, n), where the task says `wanted`
// (samples). Writes the gradients of weights and c.
template <class Act>
static float relative_error(int m, int n, const Target& network, float c, const float* x, const float* wanted,
                            float variance, const TargetGradients& gradients, float& to_c, TargetSpace& space) {
    const int samples = space.samples, padded = space.padded;
    for (int s = 0; s < samples; ++s)
        for (int i = 0; i < n; ++i) space.x[i * padded + s] = x[s * n + i];
    std::copy(wanted, wanted + samples, space.wanted.begin());
    std::fill(space.result.begin(), space.result.end(), c);
    int j = 0;
    for (; j + 4 <= m; j += 4) apply_neurons<Act, 4>(j, n, network, space);
    for (; j < m; ++j) apply_neurons<Act, 1>(j, n, network, space);

    Samples squares{}, total{};
    float* to_result = space.result.data();
    for (int s = 0; s < padded; s += lanes<Samples>)
        store(to_result + s, load<Samples>(to_result + s) - load<Samples>(&space.wanted[s]));
    std::fill(to_result + samples, to_result + padded, 0.0f);
    for (int s = 0; s < padded; s += lanes<Samples>) {
        const Samples error = load<Samples>(to_result + s), to = error * (2.0f / (variance * samples));
        squares += error * error;
        total += to;
        store(to_result + s, to);
    }
    PART(target_back);
    to_c = sum(total);
    for (j = 0; j < m; ++j) {
        Samples to_output{}, to_bias{};
        for (int s = 0; s < padded; s += lanes<Samples>) {
            const Samples to = load<Samples>(to_result + s);
            float* slope = &space.slope[j * padded + s];
            const Samples to_hidden = to * network.output[j] * load<Samples>(slope);
            to_output += to * load<Samples>(&space.active[j * padded + s]);
            to_bias += to_hidden;
            store(slope, to_hidden);
        }
        gradients.output[j] = sum(to_output);
        gradients.bias[j] = sum(to_bias);
    }
    for (j = 0; j + 4 <= m; j += 4) weight_gradient<4>(j, n, space, gradients.weight);
    for (; j < m; ++j) weight_gradient<1>(j, n, space, gradients.weight);
    return sum(squares) / samples / variance;
}
