// Updates of hidden, input and global nodes: residual swish-MLPs, as `NodeUpdate` in trainables/models/layers.py.

#pragma once

#include <vector>

#include "normalise.h"
#include "products.h"
#include "weights.h"

// y (rows, N) += x (N) in every row
template <int N>
static inline void add_to_rows(const float* x, float* y, int rows) {
    typedef Register<N> V;
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < N; c += lanes<V>) store(y + r * N + c, load<V>(y + r * N + c) + load<V>(x + c));
}

// total (N) += the sum of x (rows, N) over rows
template <int N>
static inline void add_rows(const float* x, float* total, int rows) {
    typedef Register<N> V;
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < N; c += lanes<V>) store(total + c, load<V>(total + c) + load<V>(x + r * N + c));
}

// Working memory of a backward pass over at most `rows` nodes.
struct NodeScratch {
    std::vector<float> active, to_total;
    explicit NodeScratch(int rows) : active(rows * W), to_total(rows * W) {}
};

// Pre-activations (rows, W) of the MLP of (pooled (rows, P), itself (rows, D), context (D)).
template <int P>
static void pre_activate(const float* pooled, const float* itself, const float* context, const NodeWeights& weights,
                         float* total, int rows) {
    float shared[W];
    std::memcpy(shared, weights.context_bias, sizeof(shared));
    product_onto<D, W>(shared, context, weights.context, shared, 1);
    product<P, W>(pooled, weights.pooled, total, rows);
    product_onto<D, W>(total, itself, weights.itself, total, rows);
    add_to_rows<W>(shared, total, rows);
}

// result (rows, D) = state + the MLP; its pre-activations go to `total` (rows, W).
template <int P>
static void update_nodes(const float* state, const float* pooled, const float* itself, const float* context,
                         const NodeWeights& weights, float* result, float* total, NodeScratch& scratch, int rows) {
    typedef Register<W> V;
    float* active = scratch.active.data();
    pre_activate<P>(pooled, itself, context, weights, total, rows);
    for (int c = 0; c < rows * W; c += lanes<V>) {
        const V u = load<V>(total + c);
        store(active + c, u * sigmoid(u));
    }
    product_onto<W, D>(state, active, weights.out, result, rows);
}

// From `to_result` (rows, D): to_pooled (rows, P), and onto to_itself (rows, D), to_context (D) and the weights'.
template <int P>
static void update_nodes_backward(const float* pooled, const float* itself, const float* context,
                                  const NodeWeights& weights, const float* total, const float* to_result,
                                  float* to_pooled, float* to_itself, float* to_context,
                                  const NodeGradients& gradients, NodeScratch& scratch, int rows) {
    typedef Register<W> V;
    float *active = scratch.active.data(), *to_total = scratch.to_total.data();
    float back[W * (P > W ? P : W)];
    transpose<W, D>(weights.out, back);
    product<D, W>(to_result, back, to_total, rows);
    for (int c = 0; c < rows * W; c += lanes<V>) {
        const V u = load<V>(total + c), s = sigmoid(u), swish = u * s;
        store(active + c, swish);
        store(to_total + c, load<V>(to_total + c) * (s + swish - swish * s));
    }
    accumulate<W, D>(active, to_result, gradients.out, rows);
    accumulate<P, W>(pooled, to_total, gradients.pooled, rows);
    accumulate<D, W>(itself, to_total, gradients.itself, rows);
    add_rows<W>(to_total, gradients.context_bias, rows);
    accumulate<D, W>(context, gradients.context_bias, gradients.context, 1);
    transpose<P, W>(weights.pooled, back);
    product<W, P>(to_total, back, to_pooled, rows);
    transpose<D, W>(weights.itself, back);
    product_onto<W, D>(to_itself, to_total, back, to_itself, rows);
    transpose<D, W>(weights.context, back);
    product_onto<W, D>(to_context, gradients.context_bias, back, to_context, 1);
}

// The mean (D) of normalised nodes (rows, D).
static void mean_of(const float* nodes, int rows, float* mean, float* normal, float* factors) {
    typedef Register<D> V;
    normalise<D>(nodes, normal, factors, rows);
    std::memset(mean, 0, sizeof(float) * D);
    add_rows<D>(normal, mean, rows);
    for (int c = 0; c < D; c += lanes<V>) store(mean + c, load<V>(mean + c) * (1.0f / rows));
}
