// A member's whole step: from noise to its loss, and from that to the gradients of all its weights.

#pragma once

#include <vector>

#include "heads.h"
#include "layer.h"

constexpr int EDGE_NOISE = 4, HIDDEN_NOISE = 8, INPUT_NOISE = 4;  // as in trainables/models/hypernetwork.py

template <class Number>
struct EndArrays {  // what a hypernetwork has besides its layers; see trainables/models/hypernetwork.py
    Number *whole, *scales;
    Number *edge_noise, *hidden_noise, *input_noise;
    Number *edge, *edge_bias, *hidden, *hidden_bias, *of_whole, *of_whole_bias;  // of the heads
};
typedef EndArrays<const float> EndWeights;
typedef EndArrays<float> EndGradients;

constexpr int ENDS = sizeof(EndWeights) / sizeof(const float*);
constexpr int END_SIZES[ENDS] = {D, 3, EDGE_NOISE * D, HIDDEN_NOISE * D, INPUT_NOISE * D, 2 * D, 2, 4 * D, 4, D, 1};

// A state and its numbers.
struct OwnState {
    std::vector<float> edges, hidden, input, whole;
    explicit OwnState(Sizes z) : edges(z.edges() * D), hidden(z.m * D), input(z.n * D), whole(D) {}
    State state() { return {edges.data(), hidden.data(), input.data(), whole.data()}; }
};

struct MemberSpace {
    std::vector<OwnState> states;  // before the first layer, and after each
    std::vector<LayerSpace> layers;
    LayerScratch scratch;
    OwnState normal, to;             // the last state normalised; the gradient of a state
    OwnState to_normal;
    std::vector<float> factors_edges, factors_hidden, of_edges, of_hidden;
    float factor_whole;
    Drawn weight, bias, output;
    TargetSpace target;

    MemberSpace(Sizes z, int layer_count, int samples, float initial_log_sigma)
        : states(layer_count + 1, OwnState(z)), layers(layer_count, LayerSpace(z)), scratch(z), normal(z), to(z),
          to_normal(z), factors_edges(z.edges()), factors_hidden(z.m), of_edges(2 * padded_to(z.edges(), 16)),
          of_hidden(4 * padded_to(z.m, 16)),
          weight(z.edges(), padded_to(z.edges(), 16), of_edges.data(), initial_log_sigma),
          bias(z.m, padded_to(z.m, 16), of_hidden.data(), initial_log_sigma),
          output(z.m, padded_to(z.m, 16), of_hidden.data() + 2 * padded_to(z.m, 16), initial_log_sigma),
          target(z.m, z.n, samples) {}
};

// What a step is given: standard normal noise in the order of `noise_shapes` in trainables/models/hypernetwork.py, inputs
// x (samples, n), the task's outputs (samples) and their variance, the weight of a nat, and how to average over inputs.
struct Given {
    const float *noise, *x, *wanted;
    float variance, beta;
    Quadrature inputs;
};

// Returns relative error + β · complexity. Onto the gradients of all weights, which are in the order of the layers.
template <class Act>
static float member_loss(Sizes z, const EndWeights& ends, const Weights* weights, const Given& given,
                         MemberSpace& space, const EndGradients& to_ends, const Gradients* gradients) {
    const int m = z.m, n = z.n, edges = z.edges(), count = space.layers.size();
    const float* for_hidden = given.noise + edges * EDGE_NOISE;
    const float* for_input = for_hidden + m * HIDDEN_NOISE;
    const float* for_weights = for_input + n * INPUT_NOISE;

    PART(noise_in);
    const State first = space.states[0].state(), last = space.states[count].state();
    product<EDGE_NOISE, D>(given.noise, ends.edge_noise, first.edges, edges);
    product<HIDDEN_NOISE, D>(for_hidden, ends.hidden_noise, first.hidden, m);
    product<INPUT_NOISE, D>(for_input, ends.input_noise, first.input, n);
    std::memcpy(first.whole, ends.whole, sizeof(float) * D);
    for (int k = 0; k < count; ++k)
        layer_forward(z, weights[k], space.states[k].state(), space.states[k + 1].state(), space.layers[k], space.scratch);

    PART(heads);
    const State normal = space.normal.state();
    Drawn &weight = space.weight, &bias = space.bias, &output = space.output;
    normalise<D>(last.edges, normal.edges, space.factors_edges.data(), edges);
    normalise<D>(last.hidden, normal.hidden, space.factors_hidden.data(), m);
    normalise<D>(last.whole, normal.whole, &space.factor_whole, 1);
    head<2>(normal.edges, ends.edge, ends.edge_bias, space.of_edges.data(), weight.padded, edges);
    head<4>(normal.hidden, ends.hidden, ends.hidden_bias, space.of_hidden.data(), bias.padded, m);
    float complexity = weight.draw(for_weights, ends.scales[0]);
    complexity += bias.draw(for_weights + edges, ends.scales[1]);
    complexity += output.draw(for_weights + edges + m, ends.scales[2]);
    float centre = ends.of_whole_bias[0];
    for (int c = 0; c < D; ++c) centre += normal.whole[c] * ends.of_whole[c];

    const Target network{weight.value.data(), bias.value.data(), output.value.data()};
    const TargetGradients to_network{weight.to_value.data(), bias.to_value.data(), output.to_value.data()};
    const float shift = n * centre - expected_output<Act>(m, n, network, given.inputs);
    float to_shift;
    PART(target);
    const float error = relative_error<Act>(m, n, network, shift, given.x, given.wanted, given.variance, to_network,
                                            to_shift, space.target);

    PART(heads);
    expected_output_backward<Act>(m, n, network, given.inputs, -to_shift, to_network);
    to_ends.scales[0] += weight.backward(ends.scales[0], given.beta);
    to_ends.scales[1] += bias.backward(ends.scales[1], given.beta);
    to_ends.scales[2] += output.backward(ends.scales[2], given.beta);
    const State to = space.to.state(), to_normal = space.to_normal.state();
    head_backward<2>(normal.edges, ends.edge, space.of_edges.data(), weight.padded, edges, to_normal.edges, to_ends.edge,
                     to_ends.edge_bias);
    head_backward<4>(normal.hidden, ends.hidden, space.of_hidden.data(), bias.padded, m, to_normal.hidden,
                     to_ends.hidden, to_ends.hidden_bias);
    for (int c = 0; c < D; ++c) {
        to_normal.whole[c] = n * to_shift * ends.of_whole[c];
        to_ends.of_whole[c] += n * to_shift * normal.whole[c];
    }
    to_ends.of_whole_bias[0] += n * to_shift;
    for (auto* part : {&space.to.edges, &space.to.hidden, &space.to.input, &space.to.whole})
        std::fill(part->begin(), part->end(), 0.0f);
    normalise_backward<D>(normal.edges, space.factors_edges.data(), to_normal.edges, to.edges, edges);
    normalise_backward<D>(normal.hidden, space.factors_hidden.data(), to_normal.hidden, to.hidden, m);
    normalise_backward<D>(normal.whole, &space.factor_whole, to_normal.whole, to.whole, 1);
    for (int k = count - 1; k >= 0; --k)
        layer_backward(z, weights[k], space.states[k + 1].edges.data(), to, space.layers[k], space.scratch, gradients[k]);
    PART(noise_in);
    accumulate<EDGE_NOISE, D>(given.noise, to.edges, to_ends.edge_noise, edges);
    accumulate<HIDDEN_NOISE, D>(for_hidden, to.hidden, to_ends.hidden_noise, m);
    accumulate<INPUT_NOISE, D>(for_input, to.input, to_ends.input_noise, n);
    for (int c = 0; c < D; ++c) to_ends.whole[c] += to.whole[c];
    return error + given.beta * complexity;
}
