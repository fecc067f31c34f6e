// An exchangeable layer of one member, forward and backward: the arithmetic of `ExchangeableLayer.in_torch` in
// trainables/layers.py.
//
// Everything is channel-last: an edge (j, i) of hidden neuron j and input i is row j * n + i. Sizes are compile-time
// constants, multiples of 8: CHANNELS d, SCORES s, WIDTH w; the first BALANCED scores are Sinkhorn-balanced in ROUNDS
// rounds, the first SIDED of them in pairs.

#pragma once

#include "edges.h"
#include "nodes.h"

// Of a member: edges (m n, D), hidden nodes (m, D), inputs (n, D) and the global node (D).
struct State {
    float *edges, *hidden, *input, *whole;
};

// A layer's results and all that its backward pass looks up.
struct LayerSpace {
    EdgeSpace edges;
    std::vector<float> hidden, input, hidden_factors, input_factors;  // normalised nodes
    std::vector<float> by_hidden, by_input;                           // what they pooled
    std::vector<float> hidden_total, input_total;                     // pre-activations of their updates
    std::vector<float> hidden_after, input_after, hidden_after_factors, input_after_factors;  // normalised again
    float whole[D], whole_factor, whole_total[W], means[2 * D];

    explicit LayerSpace(Sizes z)
        : edges(z), hidden(z.m * D), input(z.n * D), hidden_factors(z.m), input_factors(z.n), by_hidden(z.m * 3 * D),
          by_input(z.n * 3 * D), hidden_total(z.m * W), input_total(z.n * W), hidden_after(z.m * D),
          input_after(z.n * D), hidden_after_factors(z.m), input_after_factors(z.n) {}
};

// Working memory of a pass.
struct LayerScratch {
    EdgeScratch edges;
    NodeScratch nodes;
    std::vector<float> of_hidden, of_input;  // what nodes add to the updates of their edges, and its gradients
    std::vector<float> to_by_hidden, to_by_input, to_hidden, to_input;

    explicit LayerScratch(Sizes z)
        : edges(z), nodes(std::max(z.m, z.n)), of_hidden(z.m * W), of_input(z.n * W), to_by_hidden(z.m * 3 * D),
          to_by_input(z.n * 3 * D), to_hidden(z.m * D), to_input(z.n * D) {}
};

static void layer_forward(Sizes z, const Weights& weights, const State& from, const State& to, LayerSpace& space,
                          LayerScratch& scratch) {
    float *hidden = space.hidden.data(), *input = space.input.data();
    float *of_hidden = scratch.of_hidden.data(), *of_input = scratch.of_input.data(), context[W];
    PART(nodes);
    normalise<D>(from.hidden, hidden, space.hidden_factors.data(), z.m);
    normalise<D>(from.input, input, space.input_factors.data(), z.n);
    normalise<D>(from.whole, space.whole, &space.whole_factor, 1);
    product_onto<D, W>(weights.whole_bias, space.whole, weights.whole, context, 1);
    product<D, W>(hidden, weights.hidden, of_hidden, z.m);
    product<D, W>(input, weights.input, of_input, z.n);
    add_to_rows<W>(context, of_input, z.n);

    update_edges(z, from.edges, of_hidden, of_input, weights, space.edges, scratch.edges, to.edges,
                 space.by_hidden.data(), space.by_input.data());
    PART(nodes);
    update_nodes<3 * D>(from.hidden, space.by_hidden.data(), hidden, space.whole, weights.of_hidden, to.hidden,
                        space.hidden_total.data(), scratch.nodes, z.m);
    update_nodes<3 * D>(from.input, space.by_input.data(), input, space.whole, weights.of_input, to.input,
                        space.input_total.data(), scratch.nodes, z.n);
    mean_of(to.hidden, z.m, space.means, space.hidden_after.data(), space.hidden_after_factors.data());
    mean_of(to.input, z.n, space.means + D, space.input_after.data(), space.input_after_factors.data());
    update_nodes<2 * D>(from.whole, space.means, space.whole, space.whole, weights.of_whole, to.whole,
                        space.whole_total, scratch.nodes, 1);
}

// edges: of the result; to: in, the gradients of the result; out, those of what the layer was given. Onto the weights'.
static void layer_backward(Sizes z, const Weights& weights, const float* edges, const State& to, LayerSpace& space,
                           LayerScratch& scratch, const Gradients& gradients) {
    const float *hidden = space.hidden.data(), *input = space.input.data();
    float *to_hidden = scratch.to_hidden.data(), *to_input = scratch.to_input.data();
    float *to_of_hidden = scratch.of_hidden.data(), *to_of_input = scratch.of_input.data();
    float to_means[2 * D], to_whole[D] = {}, back[D * W];
    PART(nodes_back);
    update_nodes_backward<2 * D>(space.means, space.whole, space.whole, weights.of_whole, space.whole_total, to.whole,
                                 to_means, to_whole, to_whole, gradients.of_whole, scratch.nodes, 1);
    for (int c = 0; c < D; ++c) to_means[c] *= 1.0f / z.m, to_means[D + c] *= 1.0f / z.n;
    normalise_backward<D>(space.hidden_after.data(), space.hidden_after_factors.data(), to_means, to.hidden, z.m, 0);
    normalise_backward<D>(space.input_after.data(), space.input_after_factors.data(), to_means + D, to.input, z.n, 0);

    std::fill(scratch.to_hidden.begin(), scratch.to_hidden.end(), 0.0f);
    std::fill(scratch.to_input.begin(), scratch.to_input.end(), 0.0f);
    update_nodes_backward<3 * D>(space.by_hidden.data(), hidden, space.whole, weights.of_hidden,
                                 space.hidden_total.data(), to.hidden, scratch.to_by_hidden.data(), to_hidden,
                                 to_whole, gradients.of_hidden, scratch.nodes, z.m);
    update_nodes_backward<3 * D>(space.by_input.data(), input, space.whole, weights.of_input,
                                 space.input_total.data(), to.input, scratch.to_by_input.data(), to_input, to_whole,
                                 gradients.of_input, scratch.nodes, z.n);
    std::fill(scratch.of_input.begin(), scratch.of_input.end(), 0.0f);
    update_edges_backward(z, edges, scratch.to_by_hidden.data(), scratch.to_by_input.data(), weights, space.edges,
                          scratch.edges, to.edges, to_of_hidden, to_of_input, gradients);

    PART(nodes_back);
    accumulate<D, W>(hidden, to_of_hidden, gradients.hidden, z.m);
    accumulate<D, W>(input, to_of_input, gradients.input, z.n);
    add_rows<W>(to_of_input, gradients.whole_bias, z.n);
    accumulate<D, W>(space.whole, gradients.whole_bias, gradients.whole, 1);
    transpose<D, W>(weights.hidden, back);
    product_onto<W, D>(to_hidden, to_of_hidden, back, to_hidden, z.m);
    transpose<D, W>(weights.input, back);
    product_onto<W, D>(to_input, to_of_input, back, to_input, z.n);
    transpose<D, W>(weights.whole, back);
    product_onto<W, D>(to_whole, gradients.whole_bias, back, to_whole, 1);
    normalise_backward<D>(hidden, space.hidden_factors.data(), to_hidden, to.hidden, z.m);
    normalise_backward<D>(input, space.input_factors.data(), to_input, to.input, z.n);
    normalise_backward<D>(space.whole, &space.whole_factor, to_whole, to.whole, 1);
}
