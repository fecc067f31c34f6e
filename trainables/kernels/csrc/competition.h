// Competition of hidden neurons for inputs, as `compete` in trainables/models/competition.py, of one member.
//
// Scores are taken eight at a time, as octets. The first BALANCED of S scores are Sinkhorn-balanced in ROUNDS rounds, the
// first SIDED of them in pairs. An edge (j, i) of hidden neuron j and input i is row j * n + i.

#pragma once

#include <algorithm>
#include <vector>

#include "vectors.h"

constexpr int S = SCORES;
constexpr float FLOOR = -40.0f;  // as in trainables.models.competition

struct Sizes {
    int m, n;
    int edges() const { return m * n; }
};

// A competition, with all that its backward pass looks up.
struct Competition {
    std::vector<float> scores;   // (edges, s): in, the scores; out, relative to the neuron's largest
    std::vector<float> shares;   // (edges, 2 s): n · share of the neuron − 1, then m · share of the input − 1
    std::vector<float> claims;   // (edges, s): exp(scores)
    std::vector<float> scaling;  // of Sinkhorn's rounds, see below
    std::vector<float> row;      // (m, s): 1 / a neuron's total over inputs
    std::vector<float> column;   // (n, s): 1 / an input's total over neurons

    explicit Competition(Sizes z)
        : scores(z.edges() * S), shares(z.edges() * 2 * S), claims(z.edges() * S),
          scaling((ROUNDS + 1) * (z.m + z.n) * S), row(z.m * S), column(z.n * S) {}
    // of Sinkhorn's round t: by_hidden (m, s), by_input (n, s)
    float* by_hidden(Sizes z, int t) { return scaling.data() + t * (z.m + z.n) * S; }
    float* by_input(Sizes z, int t) { return by_hidden(z, t) + z.m * S; }
};

// Working memory of a backward pass.
struct CompetitionGradients {
    std::vector<float> to_shares;  // (edges, 2 s): in, the gradient of the shares themselves
    std::vector<float> to_scores;  // (edges, s): out, the gradient of the scores
    std::vector<float> to_input, to_before, along;

    explicit CompetitionGradients(Sizes z)
        : to_shares(z.edges() * 2 * S), to_scores(z.edges() * S), to_input(z.n * S), to_before(z.n * S), along(z.n * S) {}
};

typedef decltype(Octet{} < Octet{}) Integers;

static inline Integers scores_from(int lane) { return Integers{0, 1, 2, 3, 4, 5, 6, 7} + lane; }

static inline Octet balanced_or(int lane, Octet balanced, Octet otherwise) {
    return scores_from(lane) < BALANCED ? balanced : otherwise;
}

static inline Octet other_side(Octet x) { return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6); }

// A neuron's total over inputs, over both their sides where scores are sided.
static inline Octet of_sides(int lane, Octet total) {
    return scores_from(lane) < SIDED ? total + other_side(total) : total;
}

// How many neurons an input, or its side, has.
static inline Octet neurons_each(int lane, Sizes z) {
    const float each = static_cast<float>(z.m) / z.n;
    return scores_from(lane) < SIDED ? all<Octet>(each / 2) : all<Octet>(each);
}

// Σ x y over the inputs of a neuron: x, y (n, s).
static inline Octet total_over_inputs(const float* x, const float* y, int n) {
    Octet even{}, odd{};
    int i = 0;
    for (; i + 2 <= n; i += 2) {
        even += load<Octet>(x + i * S) * load<Octet>(y + i * S);
        odd += load<Octet>(x + i * S + S) * load<Octet>(y + i * S + S);
    }
    if (i < n) even += load<Octet>(x + i * S) * load<Octet>(y + i * S);
    return even + odd;
}

static void compete(Sizes z, Competition& space) {
    const int m = z.m, n = z.n;
    for (int lane = 0; lane < S; lane += 8) {
        for (int j = 0; j < m; ++j) {
            float* scores = space.scores.data() + j * n * S + lane;
            Octet largest = load<Octet>(scores);
            for (int i = 1; i < n; ++i) {
                const Octet x = load<Octet>(scores + i * S);
                largest = x > largest ? x : largest;
            }
            const Octet other = other_side(largest);
            largest = ((scores_from(lane) < SIDED) & (other > largest)) ? other : largest;
            float* claims = space.claims.data() + j * n * S + lane;
            for (int i = 0; i < n; ++i) {
                const Octet x = load<Octet>(scores + i * S) - largest;
                store(scores + i * S, x);
                store(claims + i * S, exponential(x < FLOOR ? all<Octet>(FLOOR) : x));
            }
        }
        const float* claims = space.claims.data() + lane;
        float* v = space.by_input(z, 0) + lane;
        for (int i = 0; i < n; ++i) store(v + i * S, all<Octet>(1.0f));
        for (int t = 1; t <= ROUNDS; ++t) {
            const float* before = space.by_input(z, t - 1) + lane;
            float* by_hidden = space.by_hidden(z, t) + lane;
            float* by_input = space.by_input(z, t) + lane;
            for (int i = 0; i < n; ++i) store(by_input + i * S, Octet{});
            for (int j = 0; j < m; ++j) {
                const float* own = claims + j * n * S;
                const Octet u = 1.0f / of_sides(lane, total_over_inputs(own, before, n));
                store(by_hidden + j * S, u);
                for (int i = 0; i < n; ++i)
                    store(by_input + i * S, load<Octet>(by_input + i * S) + load<Octet>(own + i * S) * u);
            }
            for (int i = 0; i < n; ++i) {
                const Octet scaled = neurons_each(lane, z) / load<Octet>(by_input + i * S);
                store(by_input + i * S, balanced_or(lane, scaled, all<Octet>(1.0f)));
            }
        }
        const float* scaling = space.by_input(z, ROUNDS) + lane;
        float *row = space.row.data() + lane, *column = space.column.data() + lane;
        for (int i = 0; i < n; ++i) store(column + i * S, Octet{});
        for (int j = 0; j < m; ++j) {
            const float* own = claims + j * n * S;
            const Octet inverse = 1.0f / of_sides(lane, total_over_inputs(own, scaling, n));
            store(row + j * S, inverse);
            const Octet weight = balanced_or(lane, inverse, all<Octet>(1.0f));
            for (int i = 0; i < n; ++i) {
                const Octet claim = load<Octet>(own + i * S) * load<Octet>(scaling + i * S);
                store(column + i * S, load<Octet>(column + i * S) + claim * weight);
            }
        }
        for (int i = 0; i < n; ++i) store(column + i * S, 1.0f / load<Octet>(column + i * S));
        for (int j = 0; j < m; ++j) {
            const Octet inverse = load<Octet>(row + j * S);
            const Octet of_neuron = inverse * static_cast<float>(n);
            const Octet of_input = balanced_or(lane, inverse, all<Octet>(1.0f)) * static_cast<float>(m);
            for (int i = 0; i < n; ++i) {
                const Octet claim = load<Octet>(claims + (j * n + i) * S) * load<Octet>(scaling + i * S);
                float* share = space.shares.data() + (j * n + i) * 2 * S + lane;
                store(share, claim * of_neuron - 1.0f);
                store(share + S, claim * of_input * load<Octet>(column + i * S) - 1.0f);
            }
        }
    }
}

// From the gradients of the shares themselves to those of the scores.
static void compete_backward(Sizes z, Competition& space, CompetitionGradients& gradients) {
    const int m = z.m, n = z.n;
    float *to_input = gradients.to_input.data(), *to_before = gradients.to_before.data();
    float* along = gradients.along.data();
    const float each_input = 1.0f / n, each_neuron = 1.0f / m;
    for (int lane = 0; lane < S; lane += 8) {
        const float* claims = space.claims.data() + lane;
        const float* shares = space.shares.data() + lane;
        const float* gradient = gradients.to_shares.data() + lane;
        float* to_claims = gradients.to_scores.data() + lane;  // of scores in the end
        const float* scaling = space.by_input(z, ROUNDS) + lane;
        const float *row = space.row.data() + lane, *column = space.column.data() + lane;
        // of_input = weighed / column, weighed = claims · scaling (· 1 / row where balanced)
        std::fill(along, along + n * S, 0.0f);
        std::fill(to_input, to_input + n * S, 0.0f);
        for (int j = 0, e = 0; j < m; ++j)
            for (int i = 0; i < n; ++i, ++e) {
                const Octet of_input = (load<Octet>(shares + e * 2 * S + S) + 1.0f) * each_neuron;
                const Octet to_share = load<Octet>(gradient + e * 2 * S + S);
                store(&along[i * S], load<Octet>(&along[i * S]) + of_input * to_share);
            }
        for (int j = 0; j < m; ++j) {
            Octet total{};
            for (int i = 0; i < n; ++i) {
                const int e = j * n + i;
                const Octet to_share = load<Octet>(gradient + e * 2 * S + S) - load<Octet>(&along[i * S]);
                const Octet weighed = to_share * load<Octet>(column + i * S);
                const Octet of_hidden = (load<Octet>(shares + e * 2 * S) + 1.0f) * each_input;
                total += of_hidden * (load<Octet>(gradient + e * 2 * S) + balanced_or(lane, weighed, Octet{}));
                store(&to_claims[e * S], weighed);
            }
            total = of_sides(lane, total);
            const Octet inverse = load<Octet>(row + j * S);
            for (int i = 0; i < n; ++i) {
                const int e = j * n + i;
                const Octet weighed = load<Octet>(&to_claims[e * S]);
                const Octet to_hidden = load<Octet>(gradient + e * 2 * S) + balanced_or(lane, weighed, Octet{});
                const Octet scaled = (to_hidden - total) * inverse + balanced_or(lane, Octet{}, weighed);
                const Octet onto_input = balanced_or(lane, scaled * load<Octet>(claims + e * S), Octet{});
                store(&to_input[i * S], load<Octet>(&to_input[i * S]) + onto_input);
                store(&to_claims[e * S], scaled * load<Octet>(scaling + i * S));
            }
        }
        for (int t = ROUNDS; t >= 1; --t) {
            const float* by_input = space.by_input(z, t) + lane;
            const float* before = space.by_input(z, t - 1) + lane;
            const float* by_hidden = space.by_hidden(z, t) + lane;
            for (int i = 0; i < n; ++i) {  // to the gradient of the total that by_input is (m / n) over
                const Octet v = load<Octet>(by_input + i * S);
                store(&to_input[i * S], -load<Octet>(&to_input[i * S]) * v * v / neurons_each(lane, z));
                store(&to_before[i * S], Octet{});
            }
            for (int j = 0; j < m; ++j) {
                const float* own = claims + j * n * S;
                const Octet u = load<Octet>(by_hidden + j * S);
                const Octet to_total = -of_sides(lane, total_over_inputs(own, to_input, n)) * u * u;
                for (int i = 0; i < n; ++i) {
                    float *to_claim = &to_claims[(j * n + i) * S], *to = &to_before[i * S];
                    store(to_claim, load<Octet>(to_claim) + u * load<Octet>(&to_input[i * S]) +
                                        to_total * load<Octet>(before + i * S));
                    store(to, load<Octet>(to) + load<Octet>(own + i * S) * to_total);
                }
            }
            std::swap(to_input, to_before);
        }
        for (int j = 0; j < m; ++j) {
            Octet total{}, ties{};
            const float* scores = space.scores.data() + j * n * S + lane;
            float* to_scores = to_claims + j * n * S;
            for (int i = 0; i < n; ++i) {
                const Octet x = load<Octet>(scores + i * S);
                const Octet claim = load<Octet>(claims + (j * n + i) * S);
                const Octet y = x < FLOOR ? Octet{} : load<Octet>(to_scores + i * S) * claim;
                store(to_scores + i * S, y);
                total += y;
                ties += x == 0.0f ? all<Octet>(1.0f) : Octet{};
            }
            const Octet largest = of_sides(lane, total) / of_sides(lane, ties);
            for (int i = 0; i < n; ++i) {
                const Octet y = load<Octet>(to_scores + i * S);
                store(to_scores + i * S, load<Octet>(scores + i * S) == 0.0f ? y - largest : y);
            }
        }
    }
}
