// Updates of edges, and what edges say to their nodes, as in `ExchangeableLayer.in_torch` of trainables/layers.py.
//
// Edges go in chunks of whole neurons, so small that what lies between a chunk's steps stays in the first-level cache.

#pragma once

#include <algorithm>
#include <vector>

#include "competition.h"
#include "normalise.h"
#include "parts.h"
#include "products.h"
#include "weights.h"

// A member's edges, with all that the backward pass looks up.
struct EdgeSpace {
    Competition competition;
    std::vector<float> normal, factors;  // normalised (edges, d)
    std::vector<float> update;           // pre-activations (edges, w)

    explicit EdgeSpace(Sizes z)
        : competition(z), normal(z.edges() * D), factors(z.edges()), update(z.edges() * W) {}
};

// Neurons of a chunk.
static inline int together(Sizes z) { return std::min(z.m, std::max(1, 32 / z.n)); }

// Working memory of a pass.
struct EdgeScratch {
    CompetitionGradients competition;
    std::vector<float> to_normal;                                         // of all edges
    std::vector<float> active, to_update, own, factors, to_own, to_pool;  // of a chunk

    explicit EdgeScratch(Sizes z)
        : competition(z), to_normal(z.edges() * D), active(rows(z) * W), to_update(rows(z) * W), own(rows(z) * D),
          factors(rows(z)), to_own(rows(z) * D), to_pool(rows(z) * 2) {}
    static int rows(Sizes z) { return together(z) * z.n; }
};

// Normalised edges, their shares in the competition, and the pre-activations of their updates.
static void prepare_edges(Sizes z, const float* edges, const float* of_hidden, const float* of_input,
                          const Weights& weights, EdgeSpace& space) {
    Competition& competition = space.competition;
    const float* normal = space.normal.data();
    PART(normalise);
    normalise<D>(edges, space.normal.data(), space.factors.data(), z.edges());
    PART(edges);
    product<D, S>(normal, weights.scores, competition.scores.data(), z.edges());
    PART(competition);
    compete(z, competition);
    PART(edges);
    int i = 0;
    in_tiles<W>(z.edges(), [&](auto count, int r) {
        typedef Tile<W, decltype(count)::value> Rows;
        Rows tile;
        for (int k = 0; k < count; ++k) {
            for (int v = 0; v < Rows::COUNT; ++v) {
                const int c = v * lanes<typename Rows::V>;
                tile.of[k][v] = load<typename Rows::V>(of_hidden + c) + load<typename Rows::V>(of_input + i * W + c);
            }
            if (++i == z.n) i = 0, of_hidden += W;
        }
        tile.template add<D>(normal + r * D, weights.edge);
        tile.template add<2 * S>(competition.shares.data() + r * 2 * S, weights.shares);
        tile.write(space.update.data() + r * W);
    });
}

// By which shares nodes pool edge e: of the last score among the neuron's claims, of the first among the input's.
static inline float claimed(Sizes z, const EdgeSpace& space, int e) {
    return (space.competition.shares[e * 2 * S + S - 1] + 1.0f) * (1.0f / z.n);
}
static inline float won(Sizes z, const EdgeSpace& space, int e) {
    return (space.competition.shares[e * 2 * S + S] + 1.0f) * (1.0f / z.m);
}

// Edges after their update, and what they say to their nodes: (m, 3 D) and (n, 3 D).
static void update_edges(Sizes z, const float* edges, const float* of_hidden, const float* of_input,
                         const Weights& weights, EdgeSpace& space, EdgeScratch& scratch, float* result,
                         float* by_hidden, float* by_input) {
    typedef Register<D> V;
    typedef Register<W> U;
    prepare_edges(z, edges, of_hidden, of_input, weights, space);
    std::memset(by_hidden, 0, sizeof(float) * z.m * 3 * D);
    std::memset(by_input, 0, sizeof(float) * z.n * 3 * D);
    float *active = scratch.active.data(), *own = scratch.own.data();
    for (int first = 0; first < z.m; first += together(z)) {
        const int neurons = std::min(together(z), z.m - first), rows = neurons * z.n, start = first * z.n;
        PART(edges);
        for (int c = 0; c < rows * W; c += lanes<U>) {
            const U u = load<U>(&space.update[start * W + c]);
            store(active + c, u * sigmoid(u));
        }
        product_onto<W, D>(edges + start * D, active, weights.out, result + start * D, rows);
        PART(pooling);
        normalise<D>(result + start * D, own, scratch.factors.data(), rows);
        for (int j = first, e = start; j < first + neurons; ++j)
            for (int i = 0; i < z.n; ++i, ++e) {
                const float shares[3] = {1.0f, claimed(z, space, e), won(z, space, e)};
                for (int pool = 0; pool < 3; ++pool)
                    for (int c = 0; c < D; c += lanes<V>) {
                        const V weighed = load<V>(own + (e - start) * D + c) * shares[pool];
                        float *h = by_hidden + (j * 3 + pool) * D + c, *k = by_input + (i * 3 + pool) * D + c;
                        store(h, load<V>(h) + weighed);
                        store(k, load<V>(k) + weighed);
                    }
            }
    }
    for (int c = 0; c < D; c += lanes<V>) {  // the first pool is a mean
        for (int j = 0; j < z.m; ++j) store(by_hidden + j * 3 * D + c, load<V>(by_hidden + j * 3 * D + c) * (1.0f / z.n));
        for (int i = 0; i < z.n; ++i) store(by_input + i * 3 * D + c, load<V>(by_input + i * 3 * D + c) * (1.0f / z.m));
    }
}

// From the gradients of what nodes pooled from neuron j's edges, onto those of the edges, `onto` (n, D), and to those of
// the shares by which they pooled, `to_pool` (n, 2). own: the updated edges, normalised, and their factors.
static void pool_backward(Sizes z, int j, const float* to_by_hidden, const float* to_by_input, const EdgeSpace& space,
                          const float* own, const float* own_factors, float* to_own, float* to_pool, float* onto) {
    typedef Register<D> V;
    const float* h = to_by_hidden + j * 3 * D;
    for (int i = 0; i < z.n; ++i) {
        const float* k = to_by_input + i * 3 * D;
        const float q[2] = {claimed(z, space, j * z.n + i), won(z, space, j * z.n + i)};
        V along[2] = {};
        for (int c = 0; c < D; c += lanes<V>) {
            V x = load<V>(h + c) * (1.0f / z.n) + load<V>(k + c) * (1.0f / z.m);
            for (int pool = 0; pool < 2; ++pool) {
                const V both = load<V>(h + (pool + 1) * D + c) + load<V>(k + (pool + 1) * D + c);
                along[pool] += both * load<V>(own + i * D + c);
                x += both * q[pool];
            }
            store(to_own + i * D + c, x);
        }
        for (int pool = 0; pool < 2; ++pool) to_pool[i * 2 + pool] = sum(along[pool]);
    }
    normalise_backward<D>(own, own_factors, to_own, onto, z.n);
}

// `total` (edges, D): in, the gradient of the updated edges; out, that of the edges. To to_hidden (m, W) and onto to_input
// (n, W), the gradients of what nodes say to edges, and onto those of the weights.
static void update_edges_backward(Sizes z, const float* updated, const float* to_by_hidden, const float* to_by_input,
                                  const Weights& weights, EdgeSpace& space, EdgeScratch& scratch, float* total,
                                  float* to_hidden, float* to_input, const Gradients& gradients) {
    typedef Register<W> V;
    PART(edges_back);
    float back_scores[D * S], back_edge[D * W], back_shares[2 * S * W], back_out[W * D];
    transpose<D, S>(weights.scores, back_scores);
    transpose<D, W>(weights.edge, back_edge);
    transpose<W, D>(weights.out, back_out);
    transpose<2 * S, W>(weights.shares, back_shares);
    for (int k = 0; k < W; ++k)  // an edge learns n · share − 1 and m · share − 1
        for (int c = 0; c < 2 * S; ++c) back_shares[k * 2 * S + c] *= static_cast<float>(c < S ? z.n : z.m);
    float *active = scratch.active.data(), *to_update = scratch.to_update.data(), *own = scratch.own.data();
    for (int first = 0; first < z.m; first += together(z)) {
        const int neurons = std::min(together(z), z.m - first), rows = neurons * z.n, start = first * z.n;
        PART(pooling_back);
        normalise<D>(updated + start * D, own, scratch.factors.data(), rows);
        for (int k = 0; k < neurons; ++k) {
            const int at = k * z.n;
            pool_backward(z, first + k, to_by_hidden, to_by_input, space, own + at * D, &scratch.factors[at],
                          &scratch.to_own[at * D], &scratch.to_pool[at * 2], total + (start + at) * D);
        }
        PART(edges_back);
        const float* update = &space.update[start * W];
        in_tiles<W>(rows, [&](auto count, int r) {
            Tile<W, decltype(count)::value> to_active;
            to_active.clear();
            to_active.template add<D>(total + (start + r) * D, back_out);
            for (int k = 0; k < count; ++k)
                for (int v = 0; v < to_active.COUNT; ++v) {
                    const int c = (r + k) * W + v * lanes<V>;
                    const V u = load<V>(update + c), s = sigmoid(u), swish = u * s;
                    store(active + c, swish);
                    store(to_update + c, to_active.of[k][v] * (s + swish - swish * s));
                }
        });
        float* to_shares = &scratch.competition.to_shares[start * 2 * S];
        accumulate<W, D>(active, total + start * D, gradients.out, rows);
        accumulate<D, W>(&space.normal[start * D], to_update, gradients.edge, rows);
        accumulate<2 * S, W>(&space.competition.shares[start * 2 * S], to_update, gradients.shares, rows);
        product<W, D>(to_update, back_edge, &scratch.to_normal[start * D], rows);
        product<W, 2 * S>(to_update, back_shares, to_shares, rows);
        for (int r = 0; r < rows; ++r) {
            to_shares[r * 2 * S + S - 1] += scratch.to_pool[r * 2];
            to_shares[r * 2 * S + S] += scratch.to_pool[r * 2 + 1];
        }
        for (int k = 0; k < neurons; ++k)
            for (int c = 0; c < W; c += lanes<V>) {
                V hidden{};
                for (int i = 0; i < z.n; ++i) {
                    const V x = load<V>(to_update + (k * z.n + i) * W + c);
                    hidden += x;
                    store(to_input + i * W + c, load<V>(to_input + i * W + c) + x);
                }
                store(to_hidden + (first + k) * W + c, hidden);
            }
    }
    PART(competition_back);
    compete_backward(z, space.competition, scratch.competition);
    PART(edges_back);
    const float* to_scores = scratch.competition.to_scores.data();
    float* to_normal = scratch.to_normal.data();
    accumulate<D, S>(space.normal.data(), to_scores, gradients.scores, z.edges());
    product_onto<S, D>(to_normal, to_scores, back_scores, to_normal, z.edges());
    PART(normalise);
    normalise_backward<D>(space.normal.data(), space.factors.data(), to_normal, total, z.edges());
}
