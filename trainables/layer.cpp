// An exchangeable layer, forward and backward, a member at a time.
//
// The same arithmetic as `ExchangeableLayer.in_torch` in trainables/layers.py, for CPUs. A pack in lockstep walks through
// memory once per operation; here one member goes through all of them while its edges stay in the cache, and nothing but
// the layer's inputs, outputs and pools is kept for the backward pass, which computes the rest again. Members are treated
// one after another by the same code, so that a member's bits cannot depend on its pack.
//
// Everything is channel-last: an edge (j, i) of hidden neuron j and input i is row j * n + i. Sizes are compile-time
// constants, multiples of 8: CHANNELS d, SCORES s, WIDTH w; the first BALANCED scores are Sinkhorn-balanced in ROUNDS
// rounds, the first SIDED of them in pairs. Weights are (fan in, fan out).

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

typedef float Vector __attribute__((vector_size(32), aligned(4), may_alias));
typedef int Integers __attribute__((vector_size(32)));

constexpr int LANES = 8;
constexpr int D = CHANNELS, S = SCORES, W = WIDTH;
constexpr float EPSILON = 1e-6f;  // as in trainables.layers
constexpr float FLOOR = -40.0f;   // as in trainables.competition

static inline Vector load(const float* x) { return *reinterpret_cast<const Vector*>(x); }
static inline void store(float* x, Vector y) { *reinterpret_cast<Vector*>(x) = y; }
static inline Vector all(float x) { return Vector{x, x, x, x, x, x, x, x}; }

static inline float sum(Vector x) { return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])); }

// exp(x) for x <= 88: 2^k · exp(f), |f| <= ln(2) / 2, with the minimax polynomial of Cephes (Moshier 1989).
static inline Vector exponential(Vector x) {
    x = x < -87.0f ? all(-87.0f) : x;
    x = x > 88.0f ? all(88.0f) : x;
    const Vector shifted = x * 1.44269504088896341f + 12582912.0f;  // rounds to an integer in the low bits
    const Vector k = shifted - 12582912.0f;
    const Vector f = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    Vector y = f * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * f + 8.3334519073e-3f;
    y = y * f + 4.1665795894e-2f;
    y = y * f + 1.6666665459e-1f;
    y = y * f + 5.0000001201e-1f;
    y = y * f * f + f + 1.0f;
    const Integers power = (Integers)shifted << 23;
    return (Vector)((Integers)y + power);
}

static inline Vector sigmoid(Vector x) { return 1.0f / (1.0f + exponential(-x)); }

// y (rows, N) += x (rows, K) · w (K, N)
template <int K, int N, int ROWS>
static inline void product_rows(const float* x, const float* w, float* y) {
    constexpr int V = N / LANES;
    Vector total[ROWS][V];
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < V; ++v) total[r][v] = load(y + r * N + v * LANES);
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
        Vector row[V];
        for (int v = 0; v < V; ++v) row[v] = load(w + k * N + v * LANES);
        for (int r = 0; r < ROWS; ++r)
            for (int v = 0; v < V; ++v) total[r][v] += x[r * K + k] * row[v];
    }
    for (int r = 0; r < ROWS; ++r)
        for (int v = 0; v < V; ++v) store(y + r * N + v * LANES, total[r][v]);
}

template <int K, int N>
static void product(const float* x, const float* w, float* y, int rows) {
    constexpr int BLOCK = N >= 96 ? 1 : (N >= 32 ? 96 / N : (N == 16 ? 6 : 8));
    int r = 0;
    for (; r + BLOCK <= rows; r += BLOCK) product_rows<K, N, BLOCK>(x + r * K, w, y + r * N);
    for (; r < rows; ++r) product_rows<K, N, 1>(x + r * K, w, y + r * N);
}

// total (K, N) += xᵀ (K, rows) · y (rows, N)
template <int K, int N>
static void accumulate(const float* x, const float* y, float* total, int rows) {
    constexpr int V = N / LANES, BLOCK = V >= 4 ? 4 : 8;
    static_assert(K % BLOCK == 0);
    for (int k = 0; k < K; k += BLOCK) {
        Vector sums[BLOCK][V];
        for (int b = 0; b < BLOCK; ++b)
            for (int v = 0; v < V; ++v) sums[b][v] = load(total + (k + b) * N + v * LANES);
        for (int r = 0; r < rows; ++r) {
            Vector row[V];
            for (int v = 0; v < V; ++v) row[v] = load(y + r * N + v * LANES);
            for (int b = 0; b < BLOCK; ++b)
                for (int v = 0; v < V; ++v) sums[b][v] += x[r * K + k + b] * row[v];
        }
        for (int b = 0; b < BLOCK; ++b)
            for (int v = 0; v < V; ++v) store(total + (k + b) * N + v * LANES, sums[b][v]);
    }
}

template <int K, int N>
static void transpose(const float* w, float* out) {
    for (int k = 0; k < K; ++k)
        for (int c = 0; c < N; ++c) out[c * K + k] = w[k * N + c];
}

// y = x / sqrt(mean(x²) + ε) over D channels; returns the factor.
static inline float normalise(const float* x, float* y) {
    Vector squares = all(0.0f);
    for (int c = 0; c < D; c += LANES) squares += load(x + c) * load(x + c);
    const float scale = 1.0f / __builtin_sqrtf(sum(squares) / D + EPSILON);
    for (int c = 0; c < D; c += LANES) store(y + c, load(x + c) * scale);
    return scale;
}

// onto += the gradient of x, from that of y = normalise(x)
static inline void normalise_backward(const float* y, float scale, const float* gradient, float* onto) {
    Vector along = all(0.0f);
    for (int c = 0; c < D; c += LANES) along += load(y + c) * load(gradient + c);
    const float mean = sum(along) / D;
    for (int c = 0; c < D; c += LANES)
        store(onto + c, load(onto + c) + (load(gradient + c) - load(y + c) * mean) * scale);
}

struct Sizes {
    int m, n;
    int edges() const { return m * n; }
};

struct NodeWeights {
    const float *pooled, *itself, *context, *context_bias, *out;
};

struct Weights {  // of one member, in the order of ExchangeableLayer.parameters()
    const float *scores, *edge, *shares, *hidden, *input, *whole, *whole_bias, *out;
    NodeWeights of_hidden, of_input, of_whole;
};
constexpr int WEIGHTS = sizeof(Weights) / sizeof(const float*);

struct NodeGradients {
    float *pooled, *itself, *context, *context_bias, *out;
};

struct Gradients {  // like Weights
    float *scores, *edge, *shares, *hidden, *input, *whole, *whole_bias, *out;
    NodeGradients of_hidden, of_input, of_whole;
};

// Fan in times fan out of every weight.
constexpr int SIZES[WEIGHTS] = {
    D * S, D * W, 2 * S * W, D * W, D * W, D * W, W, W * D,  //
    3 * D * W, D * W, D * W, W, W * D,                       //
    3 * D * W, D * W, D * W, W, W * D,                       //
    2 * D * W, D * W, D * W, W, W * D,
};

// Working memory of one member.
struct Workspace {
    std::vector<float> normal, factor, relative, claims, shares, update, to_shares, to_normal, scaling, row, column;

    explicit Workspace(Sizes z)
        : normal(z.edges() * D), factor(z.edges()), relative(z.edges() * S), claims(z.edges() * S),
          shares(z.edges() * 2 * S), update(z.edges() * W), to_shares(z.edges() * 2 * S), to_normal(z.edges() * D),
          scaling((ROUNDS + 1) * (z.m + z.n) * S), row(z.m * S), column(z.n * S) {}
    // of Sinkhorn's round t: by_hidden (m, s), by_input (n, s)
    float* by_hidden(Sizes z, int t) { return scaling.data() + t * (z.m + z.n) * S; }
    float* by_input(Sizes z, int t) { return by_hidden(z, t) + z.m * S; }
};

static inline Integers scores_from(int lane) { return Integers{0, 1, 2, 3, 4, 5, 6, 7} + lane; }

static inline Vector balanced_or(int lane, Vector balanced, Vector otherwise) {
    return scores_from(lane) < BALANCED ? balanced : otherwise;
}

static inline Vector other_side(Vector x) { return Vector{x[1], x[0], x[3], x[2], x[5], x[4], x[7], x[6]}; }

// A neuron's total over inputs, over both their sides where scores are sided.
static inline Vector of_sides(int lane, Vector total) {
    return scores_from(lane) < SIDED ? total + other_side(total) : total;
}

// How many neurons an input, or its side, has.
static inline Vector neurons_each(int lane, Sizes z) {
    const float each = static_cast<float>(z.m) / z.n;
    return scores_from(lane) < SIDED ? all(each / 2) : all(each);
}

// Shares (edges, 2 s): n · share of the neuron − 1, then m · share of the input − 1. See trainables/competition.py.
static void compete(Sizes z, const Weights& weights, Workspace& space) {
    const int m = z.m, n = z.n;
    float* relative = space.relative.data();
    std::memset(relative, 0, sizeof(float) * z.edges() * S);
    product<D, S>(space.normal.data(), weights.scores, relative, z.edges());
    for (int lane = 0; lane < S; lane += LANES) {
        for (int j = 0; j < m; ++j) {
            float* scores = relative + j * n * S + lane;
            Vector largest = load(scores);
            for (int i = 1; i < n; ++i) largest = load(scores + i * S) > largest ? load(scores + i * S) : largest;
            const Vector other = other_side(largest);
            largest = (scores_from(lane) < SIDED) & (other > largest) ? other : largest;
            float* claims = space.claims.data() + j * n * S + lane;
            for (int i = 0; i < n; ++i) {
                const Vector x = load(scores + i * S) - largest;
                store(scores + i * S, x);
                store(claims + i * S, exponential(x < FLOOR ? all(FLOOR) : x));
            }
        }
        const float* claims = space.claims.data() + lane;
        float* v = space.by_input(z, 0) + lane;
        for (int i = 0; i < n; ++i) store(v + i * S, all(1.0f));
        for (int t = 1; t <= ROUNDS; ++t) {
            const float* before = space.by_input(z, t - 1) + lane;
            float* by_hidden = space.by_hidden(z, t) + lane;
            float* by_input = space.by_input(z, t) + lane;
            for (int i = 0; i < n; ++i) store(by_input + i * S, all(0.0f));
            for (int j = 0; j < m; ++j) {
                Vector total = all(0.0f);
                for (int i = 0; i < n; ++i) total += load(claims + (j * n + i) * S) * load(before + i * S);
                const Vector u = 1.0f / of_sides(lane, total);
                store(by_hidden + j * S, u);
                for (int i = 0; i < n; ++i)
                    store(by_input + i * S, load(by_input + i * S) + load(claims + (j * n + i) * S) * u);
            }
            for (int i = 0; i < n; ++i)
                store(by_input + i * S,
                      balanced_or(lane, neurons_each(lane, z) / load(by_input + i * S), all(1.0f)));
        }
        const float* scaling = space.by_input(z, ROUNDS) + lane;
        float *row = space.row.data() + lane, *column = space.column.data() + lane;
        for (int i = 0; i < n; ++i) store(column + i * S, all(0.0f));
        for (int j = 0; j < m; ++j) {
            Vector total = all(0.0f);
            for (int i = 0; i < n; ++i) total += load(claims + (j * n + i) * S) * load(scaling + i * S);
            total = of_sides(lane, total);
            store(row + j * S, total);
            const Vector weight = balanced_or(lane, 1.0f / total, all(1.0f));
            for (int i = 0; i < n; ++i)
                store(column + i * S, load(column + i * S) +
                                          load(claims + (j * n + i) * S) * load(scaling + i * S) * weight);
        }
        for (int j = 0; j < m; ++j) {
            const Vector inverse = 1.0f / load(row + j * S);
            const Vector weight = balanced_or(lane, inverse, all(1.0f));
            for (int i = 0; i < n; ++i) {
                const Vector claim = load(claims + (j * n + i) * S) * load(scaling + i * S);
                float* share = space.shares.data() + (j * n + i) * 2 * S + lane;
                store(share, claim * inverse * static_cast<float>(n) - 1.0f);
                store(share + S, claim * weight / load(column + i * S) * static_cast<float>(m) - 1.0f);
            }
        }
    }
}

// From the gradients of the shares themselves (to_shares) to those of the scores, into `relative`.
static void compete_backward(Sizes z, Workspace& space) {
    const int m = z.m, n = z.n;
    std::vector<float> to_claims(m * n * LANES), to_input(n * LANES), to_before(n * LANES), along(n * LANES);
    for (int lane = 0; lane < S; lane += LANES) {
        const float* claims = space.claims.data() + lane;
        const float* shares = space.shares.data() + lane;
        const float* gradient = space.to_shares.data() + lane;
        const float* scaling = space.by_input(z, ROUNDS) + lane;
        const float *row = space.row.data() + lane, *column = space.column.data() + lane;
        // of_input = weighed / column, weighed = claims · scaling (· 1 / row where balanced)
        for (int i = 0; i < n; ++i) store(&along[i * LANES], all(0.0f));
        for (int e = 0; e < m * n; ++e) {
            float* total = &along[(e % n) * LANES];
            const Vector of_input = (load(shares + e * 2 * S + S) + 1.0f) / static_cast<float>(m);
            store(total, load(total) + of_input * load(gradient + e * 2 * S + S));
        }
        for (int i = 0; i < n; ++i) store(&to_input[i * LANES], all(0.0f));
        for (int j = 0; j < m; ++j) {
            const Vector inverse = 1.0f / load(row + j * S);
            Vector total = all(0.0f);
            for (int i = 0; i < n; ++i) {
                const int e = j * n + i;
                const Vector weighed =
                    (load(gradient + e * 2 * S + S) - load(&along[i * LANES])) / load(column + i * S);
                const Vector of_hidden = (load(shares + e * 2 * S) + 1.0f) / static_cast<float>(n);
                const Vector to_hidden = load(gradient + e * 2 * S) + balanced_or(lane, weighed, all(0.0f));
                total += of_hidden * to_hidden;
                store(&to_claims[e * LANES], weighed);
            }
            total = of_sides(lane, total);
            for (int i = 0; i < n; ++i) {
                const int e = j * n + i;
                const Vector weighed = load(&to_claims[e * LANES]);
                const Vector to_hidden = load(gradient + e * 2 * S) + balanced_or(lane, weighed, all(0.0f));
                const Vector scaled = (to_hidden - total) * inverse + balanced_or(lane, all(0.0f), weighed);
                float* input = &to_input[i * LANES];
                store(input, load(input) + balanced_or(lane, scaled * load(claims + e * S), all(0.0f)));
                store(&to_claims[e * LANES], scaled * load(scaling + i * S));
            }
        }
        for (int t = ROUNDS; t >= 1; --t) {
            const float* by_input = space.by_input(z, t) + lane;
            const float* before = space.by_input(z, t - 1) + lane;
            const float* by_hidden = space.by_hidden(z, t) + lane;
            for (int i = 0; i < n; ++i) {
                float* to_total = &to_input[i * LANES];  // of the total that by_input is (m / n) over
                const Vector v = load(by_input + i * S);
                store(to_total, -load(to_total) * v * v / neurons_each(lane, z));
                store(&to_before[i * LANES], all(0.0f));
            }
            for (int j = 0; j < m; ++j) {
                const Vector u = load(by_hidden + j * S);
                Vector to_u = all(0.0f);
                for (int i = 0; i < n; ++i)
                    to_u += load(claims + (j * n + i) * S) * load(&to_input[i * LANES]);
                const Vector to_total = -of_sides(lane, to_u) * u * u;
                for (int i = 0; i < n; ++i) {
                    const int e = j * n + i;
                    store(&to_claims[e * LANES], load(&to_claims[e * LANES]) + u * load(&to_input[i * LANES]) +
                                                     to_total * load(before + i * S));
                    store(&to_before[i * LANES],
                          load(&to_before[i * LANES]) + load(claims + e * S) * to_total);
                }
            }
            to_input.swap(to_before);
        }
        for (int j = 0; j < m; ++j) {
            Vector total = all(0.0f), ties = all(0.0f);
            float* relative = space.relative.data() + j * n * S + lane;
            for (int i = 0; i < n; ++i) {
                const int e = j * n + i;
                const Vector x = load(relative + i * S);
                const Vector y = x < FLOOR ? all(0.0f) : load(&to_claims[e * LANES]) * load(claims + e * S);
                store(&to_claims[e * LANES], y);
                total += y;
                ties += x == 0.0f ? all(1.0f) : all(0.0f);
            }
            const Vector largest = of_sides(lane, total) / of_sides(lane, ties);
            for (int i = 0; i < n; ++i) {
                const Vector x = load(relative + i * S);
                const Vector y = load(&to_claims[(j * n + i) * LANES]);
                store(relative + i * S, x == 0.0f ? y - largest : y);
            }
        }
    }
}

// Normalised edges, shares and the pre-activation of the update.
static void prepare(Sizes z, const float* edges, const float* of_hidden, const float* of_input,
                    const Weights& weights, Workspace& space) {
    for (int e = 0; e < z.edges(); ++e) space.factor[e] = normalise(edges + e * D, &space.normal[e * D]);
    compete(z, weights, space);
    float* update = space.update.data();
    for (int j = 0; j < z.m; ++j)
        for (int i = 0; i < z.n; ++i, update += W)
            for (int c = 0; c < W; c += LANES) store(update + c, load(of_hidden + j * W + c) + load(of_input + i * W + c));
    product<D, W>(space.normal.data(), weights.edge, space.update.data(), z.edges());
    product<2 * S, W>(space.shares.data(), weights.shares, space.update.data(), z.edges());
}

static inline float claimed(Sizes z, const Workspace& space, int e) {  // share among the neuron's, of the last score
    return (space.shares[e * 2 * S + S - 1] + 1.0f) / z.n;
}
static inline float won(Sizes z, const Workspace& space, int e) {  // share among the input's, of the first score
    return (space.shares[e * 2 * S + S] + 1.0f) / z.m;
}

// Normalised nodes, and what they add to the updates of their edges.
struct Nodes {
    std::vector<float> hidden, input, hidden_factor, input_factor, of_hidden, of_input;
    float whole[D], whole_factor;

    explicit Nodes(Sizes z)
        : hidden(z.m * D), input(z.n * D), hidden_factor(z.m), input_factor(z.n), of_hidden(z.m * W),
          of_input(z.n * W) {}

    void prepare(Sizes z, const float* h, const float* i, const float* g, const Weights& weights) {
        for (int j = 0; j < z.m; ++j) hidden_factor[j] = normalise(h + j * D, &hidden[j * D]);
        for (int j = 0; j < z.n; ++j) input_factor[j] = normalise(i + j * D, &input[j * D]);
        whole_factor = normalise(g, whole);
        std::fill(of_hidden.begin(), of_hidden.end(), 0.0f);
        product<D, W>(hidden.data(), weights.hidden, of_hidden.data(), z.m);
        float context[W];
        std::memcpy(context, weights.whole_bias, sizeof(context));
        product<D, W>(whole, weights.whole, context, 1);
        for (int j = 0; j < z.n; ++j) std::memcpy(&of_input[j * W], context, sizeof(context));
        product<D, W>(input.data(), weights.input, of_input.data(), z.n);
    }
};

// Pre-activations (rows, W) of a residual swish-MLP of (pooled (rows, P), itself (rows, D), context (D)).
template <int P>
static void pre_activate(const float* pooled, const float* itself, const float* context, const NodeWeights& weights,
                         float* total, int rows) {
    float shared[W];
    std::memcpy(shared, weights.context_bias, sizeof(shared));
    product<D, W>(context, weights.context, shared, 1);
    for (int r = 0; r < rows; ++r) std::memcpy(total + r * W, shared, sizeof(shared));
    product<P, W>(pooled, weights.pooled, total, rows);
    product<D, W>(itself, weights.itself, total, rows);
}

// result (rows, D) = state + the MLP
template <int P>
static void update_nodes(const float* state, const float* pooled, const float* itself, const float* context,
                         const NodeWeights& weights, float* result, float* total, int rows) {
    pre_activate<P>(pooled, itself, context, weights, total, rows);
    for (int c = 0; c < rows * W; c += LANES) store(total + c, load(total + c) * sigmoid(load(total + c)));
    std::memcpy(result, state, sizeof(float) * rows * D);
    product<W, D>(total, weights.out, result, rows);
}

// From `to_result` (rows, D): to_pooled (rows, P), and onto to_itself (rows, D), to_context (D) and the weights'.
template <int P>
static void update_nodes_backward(const float* pooled, const float* itself, const float* context,
                                  const NodeWeights& weights, const float* to_result, float* to_pooled,
                                  float* to_itself, float* to_context, const NodeGradients& gradients, int rows) {
    std::vector<float> total(rows * W), active(rows * W), back(W * (P > W ? P : W)), to_shared(W);
    pre_activate<P>(pooled, itself, context, weights, total.data(), rows);
    std::vector<float> to_total(rows * W);
    transpose<W, D>(weights.out, back.data());
    product<D, W>(to_result, back.data(), to_total.data(), rows);
    for (int c = 0; c < rows * W; c += LANES) {
        const Vector u = load(&total[c]), s = sigmoid(u);
        store(&active[c], u * s);
        store(&to_total[c], load(&to_total[c]) * (s + u * s * (1.0f - s)));
    }
    accumulate<W, D>(active.data(), to_result, gradients.out, rows);
    accumulate<P, W>(pooled, to_total.data(), gradients.pooled, rows);
    accumulate<D, W>(itself, to_total.data(), gradients.itself, rows);
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < W; c += LANES) store(&to_shared[c], load(&to_shared[c]) + load(&to_total[r * W + c]));
    std::memcpy(gradients.context_bias, to_shared.data(), sizeof(float) * W);
    accumulate<D, W>(context, to_shared.data(), gradients.context, 1);
    std::memset(to_pooled, 0, sizeof(float) * rows * P);
    transpose<P, W>(weights.pooled, back.data());
    product<W, P>(to_total.data(), back.data(), to_pooled, rows);
    transpose<D, W>(weights.itself, back.data());
    product<W, D>(to_total.data(), back.data(), to_itself, rows);
    transpose<D, W>(weights.context, back.data());
    product<W, D>(to_shared.data(), back.data(), to_context, 1);
}

// The mean of normalised rows.
static void mean_of(const float* x, int rows, float* mean) {
    float y[D];
    std::memset(mean, 0, sizeof(y));
    for (int r = 0; r < rows; ++r) {
        normalise(x + r * D, y);
        for (int c = 0; c < D; c += LANES) store(mean + c, load(mean + c) + load(y + c));
    }
    for (int c = 0; c < D; c += LANES) store(mean + c, load(mean + c) / static_cast<float>(rows));
}

static void mean_backward(const float* x, int rows, const float* to_mean, float* onto) {
    float y[D], share[D];
    for (int c = 0; c < D; c += LANES) store(share + c, load(to_mean + c) / static_cast<float>(rows));
    for (int r = 0; r < rows; ++r) {
        const float factor = normalise(x + r * D, y);
        normalise_backward(y, factor, share, onto + r * D);
    }
}

constexpr int CHUNK = 24;  // edges whose intermediate results stay in the first-level cache

// Edges after their update, and what they say to their nodes: (m, 3 D) and (n, 3 D).
static void update_edges(Sizes z, const float* edges, const Weights& weights, Workspace& space, float* result,
                         float* by_hidden, float* by_input) {
    const int m = z.m, n = z.n;
    float active[CHUNK * W];
    std::memcpy(result, edges, sizeof(float) * m * n * D);
    for (int start = 0; start < m * n; start += CHUNK) {
        const int rows = start + CHUNK <= m * n ? CHUNK : m * n - start;
        for (int c = 0; c < rows * W; c += LANES) {
            const Vector u = load(&space.update[start * W + c]);
            store(&active[c], u * sigmoid(u));
        }
        product<W, D>(active, weights.out, result + start * D, rows);
    }
    std::memset(by_hidden, 0, sizeof(float) * m * 3 * D);
    std::memset(by_input, 0, sizeof(float) * n * 3 * D);
    for (int j = 0, e = 0; j < m; ++j)
        for (int i = 0; i < n; ++i, ++e) {
            float y[D];
            normalise(result + e * D, y);
            const float q[3] = {1.0f / n, claimed(z, space, e), won(z, space, e)};
            const float r[3] = {1.0f / m, q[1], q[2]};
            for (int pool = 0; pool < 3; ++pool)
                for (int c = 0; c < D; c += LANES) {
                    float *h = by_hidden + (j * 3 + pool) * D + c, *k = by_input + (i * 3 + pool) * D + c;
                    store(h, load(h) + load(y + c) * q[pool]);
                    store(k, load(k) + load(y + c) * r[pool]);
                }
        }
}

// `total` (edges, D): in, the gradient of the updated edges; out, that of the edges.
static void update_edges_backward(Sizes z, const float* updated, const float* to_by_hidden, const float* to_by_input,
                                  const Weights& weights, Workspace& space, float* total, float* to_hidden,
                                  float* to_input, const Gradients& gradients) {
    const int m = z.m, n = z.n;
    float active[CHUNK * W], slope[CHUNK * W];
    float back_scores[D * S], back_edge[D * W], back_shares[2 * S * W], back_out[W * D];
    transpose<D, S>(weights.scores, back_scores);
    transpose<D, W>(weights.edge, back_edge);
    transpose<2 * S, W>(weights.shares, back_shares);
    transpose<W, D>(weights.out, back_out);
    std::fill(space.to_shares.begin(), space.to_shares.end(), 0.0f);
    std::fill(space.to_normal.begin(), space.to_normal.end(), 0.0f);
    for (int start = 0; start < m * n; start += CHUNK) {
        const int rows = start + CHUNK <= m * n ? CHUNK : m * n - start;
        float pools[CHUNK][2];  // gradients of the shares by which nodes pool
        for (int r = 0; r < rows; ++r) {
            const int e = start + r;
            const float *h = to_by_hidden + e / n * 3 * D, *k = to_by_input + e % n * 3 * D;
            float y[D], to_y[D];
            const float factor = normalise(updated + e * D, y);
            const float q[2] = {claimed(z, space, e), won(z, space, e)};
            Vector along[2] = {all(0.0f), all(0.0f)};
            for (int c = 0; c < D; c += LANES) {
                Vector x = load(h + c) * (1.0f / n) + load(k + c) * (1.0f / m);
                for (int pool = 0; pool < 2; ++pool) {
                    const Vector both = load(h + (pool + 1) * D + c) + load(k + (pool + 1) * D + c);
                    along[pool] += both * load(y + c);
                    x += both * q[pool];
                }
                store(to_y + c, x);
            }
            for (int pool = 0; pool < 2; ++pool) pools[r][pool] = sum(along[pool]);
            normalise_backward(y, factor, to_y, total + e * D);
        }
        float* update = &space.update[start * W];
        std::memset(slope, 0, sizeof(slope));
        product<D, W>(total + start * D, back_out, slope, rows);
        for (int c = 0; c < rows * W; c += LANES) {
            const Vector u = load(update + c), s = sigmoid(u);
            store(&active[c], u * s);
            store(update + c, load(&slope[c]) * (s + u * s * (1.0f - s)));
        }
        accumulate<W, D>(active, total + start * D, gradients.out, rows);
        accumulate<D, W>(&space.normal[start * D], update, gradients.edge, rows);
        accumulate<2 * S, W>(&space.shares[start * 2 * S], update, gradients.shares, rows);
        product<W, D>(update, back_edge, &space.to_normal[start * D], rows);
        product<W, 2 * S>(update, back_shares, &space.to_shares[start * 2 * S], rows);
        for (int r = 0; r < rows; ++r) {
            const int e = start + r;
            float *h = to_hidden + e / n * W, *k = to_input + e % n * W, *gradient = &space.to_shares[e * 2 * S];
            for (int c = 0; c < W; c += LANES) {
                const Vector x = load(update + r * W + c);
                store(h + c, load(h + c) + x);
                store(k + c, load(k + c) + x);
            }
            for (int c = 0; c < S; c += LANES) {
                store(gradient + c, load(gradient + c) * static_cast<float>(n));
                store(gradient + S + c, load(gradient + S + c) * static_cast<float>(m));
            }
            gradient[S - 1] += pools[r][0];
            gradient[S] += pools[r][1];
        }
    }
    compete_backward(z, space);
    accumulate<D, S>(space.normal.data(), space.relative.data(), gradients.scores, m * n);
    product<S, D>(space.relative.data(), back_scores, space.to_normal.data(), m * n);
    for (int e = 0; e < m * n; ++e)
        normalise_backward(&space.normal[e * D], space.factor[e], &space.to_normal[e * D], total + e * D);
}

// Of a pack: edges (members, m n, D), hidden nodes (members, m, D), inputs (members, n, D), whole (members, D).
struct State {
    float *edges, *hidden, *input, *whole;

    State of(int member, Sizes z) const {
        const size_t p = member;
        return {edges + p * z.edges() * D, hidden + p * z.m * D, input + p * z.n * D, whole + p * D};
    }
};

static Weights of_member(const float* const* weights, const long* strides, int member) {
    const float* own[WEIGHTS];
    for (int k = 0; k < WEIGHTS; ++k) own[k] = weights[k] + member * strides[k];
    Weights result;
    std::memcpy(&result, own, sizeof(own));
    return result;
}

// weights: WEIGHTS addresses, of which a member's are `strides` numbers apart. Writes `after`, and the pools by_hidden
// (members, m, 3 D) and by_input (members, n, 3 D).
extern "C" void layer_forward(int members, int m, int n, const float* const* weights, const long* strides,
                              const State* before, const State* after, float* by_hidden, float* by_input) {
    const Sizes z{m, n};
    Workspace space(z);
    Nodes nodes(z);
    std::vector<float> total(m * W > n * W ? m * W : n * W);
    for (int p = 0; p < members; ++p) {
        const Weights own = of_member(weights, strides, p);
        const State from = before->of(p, z), to = after->of(p, z);
        float *h = by_hidden + p * m * 3 * D, *i = by_input + p * n * 3 * D, means[2 * D];
        nodes.prepare(z, from.hidden, from.input, from.whole, own);
        prepare(z, from.edges, nodes.of_hidden.data(), nodes.of_input.data(), own, space);
        update_edges(z, from.edges, own, space, to.edges, h, i);
        update_nodes<3 * D>(from.hidden, h, nodes.hidden.data(), nodes.whole, own.of_hidden, to.hidden, total.data(), m);
        update_nodes<3 * D>(from.input, i, nodes.input.data(), nodes.whole, own.of_input, to.input, total.data(), n);
        mean_of(to.hidden, m, means);
        mean_of(to.input, n, means + D);
        update_nodes<2 * D>(from.whole, means, nodes.whole, nodes.whole, own.of_whole, to.whole, total.data(), 1);
    }
}

// From the gradients `to_after` of the results to those of the states, `to_before`, and of the weights: WEIGHTS addresses
// of (members, …). All are overwritten.
extern "C" void layer_backward(int members, int m, int n, const float* const* weights, const long* strides,
                               const State* before, const State* after, const float* by_hidden, const float* by_input,
                               const State* to_after, const State* to_before, float* const* gradients) {
    const Sizes z{m, n};
    Workspace space(z);
    Nodes nodes(z);
    std::vector<float> to_by_hidden(m * 3 * D), to_by_input(n * 3 * D), to_of_hidden(m * W), to_of_input(n * W);
    std::vector<float> to_h(m * D), to_i(n * D), back(D * W);
    for (int p = 0; p < members; ++p) {
        const Weights own = of_member(weights, strides, p);
        float* addresses[WEIGHTS];
        for (int k = 0; k < WEIGHTS; ++k) {
            addresses[k] = gradients[k] + static_cast<size_t>(p) * SIZES[k];
            std::memset(addresses[k], 0, sizeof(float) * SIZES[k]);
        }
        Gradients into;
        std::memcpy(&into, addresses, sizeof(addresses));
        const State from = before->of(p, z), result = after->of(p, z);
        const State to_output = to_after->of(p, z), to = to_before->of(p, z);
        const float *h = by_hidden + p * m * 3 * D, *i = by_input + p * n * 3 * D;
        nodes.prepare(z, from.hidden, from.input, from.whole, own);
        prepare(z, from.edges, nodes.of_hidden.data(), nodes.of_input.data(), own, space);

        float means[2 * D], to_means[2 * D], to_g[D] = {};
        mean_of(result.hidden, m, means);
        mean_of(result.input, n, means + D);
        std::memcpy(to.edges, to_output.edges, sizeof(float) * m * n * D);
        std::memcpy(to.hidden, to_output.hidden, sizeof(float) * m * D);
        std::memcpy(to.input, to_output.input, sizeof(float) * n * D);
        std::memcpy(to.whole, to_output.whole, sizeof(float) * D);
        update_nodes_backward<2 * D>(means, nodes.whole, nodes.whole, own.of_whole, to.whole, to_means, to_g, to_g,
                                     into.of_whole, 1);
        mean_backward(result.hidden, m, to_means, to.hidden);
        mean_backward(result.input, n, to_means + D, to.input);

        std::fill(to_h.begin(), to_h.end(), 0.0f);
        std::fill(to_i.begin(), to_i.end(), 0.0f);
        update_nodes_backward<3 * D>(h, nodes.hidden.data(), nodes.whole, own.of_hidden, to.hidden,
                                     to_by_hidden.data(), to_h.data(), to_g, into.of_hidden, m);
        update_nodes_backward<3 * D>(i, nodes.input.data(), nodes.whole, own.of_input, to.input, to_by_input.data(),
                                     to_i.data(), to_g, into.of_input, n);

        std::fill(to_of_hidden.begin(), to_of_hidden.end(), 0.0f);
        std::fill(to_of_input.begin(), to_of_input.end(), 0.0f);
        update_edges_backward(z, result.edges, to_by_hidden.data(), to_by_input.data(), own, space, to.edges,
                              to_of_hidden.data(), to_of_input.data(), into);

        accumulate<D, W>(nodes.hidden.data(), to_of_hidden.data(), into.hidden, m);
        accumulate<D, W>(nodes.input.data(), to_of_input.data(), into.input, n);
        for (int j = 0; j < n; ++j)
            for (int c = 0; c < W; c += LANES)
                store(into.whole_bias + c, load(into.whole_bias + c) + load(&to_of_input[j * W + c]));
        accumulate<D, W>(nodes.whole, into.whole_bias, into.whole, 1);
        transpose<D, W>(own.hidden, back.data());
        product<W, D>(to_of_hidden.data(), back.data(), to_h.data(), m);
        transpose<D, W>(own.input, back.data());
        product<W, D>(to_of_input.data(), back.data(), to_i.data(), n);
        transpose<D, W>(own.whole, back.data());
        product<W, D>(into.whole_bias, back.data(), to_g, 1);
        for (int j = 0; j < m; ++j)
            normalise_backward(&nodes.hidden[j * D], nodes.hidden_factor[j], &to_h[j * D], to.hidden + j * D);
        for (int j = 0; j < n; ++j)
            normalise_backward(&nodes.input[j * D], nodes.input_factor[j], &to_i[j * D], to.input + j * D);
        normalise_backward(nodes.whole, nodes.whole_factor, to_g, to.whole);
    }
}
