// One exchangeable-matrix layer's work on edges, forward and backward, a member at a time.
//
// The same arithmetic as `exchange` in trainables/exchange.py, for CPUs. A pack in lockstep walks through memory once per
// operation; here one member goes through all of them while its edges stay in the cache, and nothing but the layer's
// input and output is kept for the backward pass, which computes the rest again. Members are treated one after another by
// the same code, so that a member's bits cannot depend on its pack.
//
// Everything is channel-last: an edge (j, i) of hidden neuron j and input i is row j * n + i. Sizes are compile-time
// constants, multiples of 8: CHANNELS d, SCORES s, WIDTH w; the first BALANCED scores are Sinkhorn-balanced in ROUNDS
// rounds.

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

struct Weights {  // of one member, (fan in, fan out) each
    const float *scores, *edge, *shares, *out;
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

static inline Vector balanced_or(int lane, Vector balanced, Vector otherwise) {
    Integers which = {0, 1, 2, 3, 4, 5, 6, 7};
    return which + lane < BALANCED ? balanced : otherwise;
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
                const Vector u = 1.0f / total;
                store(by_hidden + j * S, u);
                for (int i = 0; i < n; ++i)
                    store(by_input + i * S, load(by_input + i * S) + load(claims + (j * n + i) * S) * u);
            }
            for (int i = 0; i < n; ++i)
                store(by_input + i * S,
                      balanced_or(lane, (static_cast<float>(m) / n) / load(by_input + i * S), all(1.0f)));
        }
        const float* scaling = space.by_input(z, ROUNDS) + lane;
        float *row = space.row.data() + lane, *column = space.column.data() + lane;
        for (int i = 0; i < n; ++i) store(column + i * S, all(0.0f));
        for (int j = 0; j < m; ++j) {
            Vector total = all(0.0f);
            for (int i = 0; i < n; ++i) total += load(claims + (j * n + i) * S) * load(scaling + i * S);
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
                store(to_total, -load(to_total) * v * v * (static_cast<float>(n) / m));
                store(&to_before[i * LANES], all(0.0f));
            }
            for (int j = 0; j < m; ++j) {
                const Vector u = load(by_hidden + j * S);
                Vector to_u = all(0.0f);
                for (int i = 0; i < n; ++i)
                    to_u += load(claims + (j * n + i) * S) * load(&to_input[i * LANES]);
                const Vector to_total = -to_u * u * u;
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
            const Vector largest = total / ties;
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

constexpr int CHUNK = 24;  // edges whose intermediate results stay in the first-level cache

extern "C" void exchange_forward(int members, int m, int n, const float* edges, const float* of_hidden,
                                 const float* of_input, const float* w_scores, const float* w_edge,
                                 const float* w_shares, const float* w_out, float* out, float* by_hidden,
                                 float* by_input) {
    const Sizes z{m, n};
    Workspace space(z);
    std::vector<float> active(CHUNK * W);
    for (int p = 0; p < members; ++p) {
        const Weights weights{w_scores + p * D * S, w_edge + p * D * W, w_shares + p * 2 * S * W, w_out + p * W * D};
        const float* in = edges + static_cast<size_t>(p) * m * n * D;
        float* result = out + static_cast<size_t>(p) * m * n * D;
        prepare(z, in, of_hidden + p * m * W, of_input + p * n * W, weights, space);
        std::memcpy(result, in, sizeof(float) * m * n * D);
        for (int start = 0; start < m * n; start += CHUNK) {
            const int rows = start + CHUNK <= m * n ? CHUNK : m * n - start;
            for (int c = 0; c < rows * W; c += LANES) {
                const Vector u = load(&space.update[start * W + c]);
                store(&active[c], u * sigmoid(u));
            }
            product<W, D>(active.data(), weights.out, result + start * D, rows);
        }
        float *hidden = by_hidden + p * m * 3 * D, *input = by_input + p * n * 3 * D;
        std::memset(hidden, 0, sizeof(float) * m * 3 * D);
        std::memset(input, 0, sizeof(float) * n * 3 * D);
        for (int j = 0, e = 0; j < m; ++j)
            for (int i = 0; i < n; ++i, ++e) {
                float y[D];
                normalise(result + e * D, y);
                const float q[2] = {claimed(z, space, e), won(z, space, e)};
                for (int c = 0; c < D; c += LANES) {
                    const Vector x = load(y + c);
                    float *h = hidden + j * 3 * D + c, *k = input + i * 3 * D + c;
                    store(h, load(h) + x / static_cast<float>(n));
                    store(k, load(k) + x / static_cast<float>(m));
                    for (int pool = 0; pool < 2; ++pool) {
                        h += D, k += D;
                        store(h, load(h) + x * q[pool]);
                        store(k, load(k) + x * q[pool]);
                    }
                }
            }
    }
}

// Gradients of everything that exchange_forward reads, from those of its three results. All are overwritten.
extern "C" void exchange_backward(int members, int m, int n, const float* edges, const float* of_hidden,
                                  const float* of_input, const float* w_scores, const float* w_edge,
                                  const float* w_shares, const float* w_out, const float* out, const float* to_out,
                                  const float* to_by_hidden, const float* to_by_input, float* to_edges,
                                  float* to_hidden, float* to_input, float* to_scores, float* to_edge,
                                  float* to_shares, float* to_w_out) {
    const Sizes z{m, n};
    Workspace space(z);
    std::vector<float> active(CHUNK * W), slope(CHUNK * W);
    std::vector<float> back_scores(D * S), back_edge(D * W), back_shares(2 * S * W), back_out(W * D);
    for (int p = 0; p < members; ++p) {
        const Weights weights{w_scores + p * D * S, w_edge + p * D * W, w_shares + p * 2 * S * W, w_out + p * W * D};
        transpose<D, S>(weights.scores, back_scores.data());
        transpose<D, W>(weights.edge, back_edge.data());
        transpose<2 * S, W>(weights.shares, back_shares.data());
        transpose<W, D>(weights.out, back_out.data());
        const size_t offset = static_cast<size_t>(p) * m * n * D;
        prepare(z, edges + offset, of_hidden + p * m * W, of_input + p * n * W, weights, space);

        float* total = to_edges + offset;  // the gradient of out, then of edges
        float *hidden = to_hidden + p * m * W, *input = to_input + p * n * W;
        float *g_scores = to_scores + p * D * S, *g_edge = to_edge + p * D * W;
        float *g_shares = to_shares + p * 2 * S * W, *g_out = to_w_out + p * W * D;
        std::memcpy(total, to_out + offset, sizeof(float) * m * n * D);
        std::memset(hidden, 0, sizeof(float) * m * W);
        std::memset(input, 0, sizeof(float) * n * W);
        std::memset(g_scores, 0, sizeof(float) * D * S);
        std::memset(g_edge, 0, sizeof(float) * D * W);
        std::memset(g_shares, 0, sizeof(float) * 2 * S * W);
        std::memset(g_out, 0, sizeof(float) * W * D);
        std::memset(space.to_shares.data(), 0, sizeof(float) * m * n * 2 * S);
        std::memset(space.to_normal.data(), 0, sizeof(float) * m * n * D);
        const float *from_hidden = to_by_hidden + p * m * 3 * D, *from_input = to_by_input + p * n * 3 * D;

        for (int start = 0; start < m * n; start += CHUNK) {
            const int rows = start + CHUNK <= m * n ? CHUNK : m * n - start;
            float pools[CHUNK][2];  // gradients of the shares by which nodes pool
            for (int r = 0; r < rows; ++r) {
                const int e = start + r, j = e / n, i = e % n;
                float y[D], to_y[D];
                const float scale = normalise(out + offset + e * D, y);
                const float q[2] = {claimed(z, space, e), won(z, space, e)};
                Vector along[2] = {all(0.0f), all(0.0f)};
                for (int c = 0; c < D; c += LANES) {
                    const float *h = from_hidden + j * 3 * D + c, *k = from_input + i * 3 * D + c;
                    Vector x = load(h) / static_cast<float>(n) + load(k) / static_cast<float>(m);
                    for (int pool = 0; pool < 2; ++pool) {
                        h += D, k += D;
                        const Vector both = load(h) + load(k);
                        along[pool] += both * load(y + c);
                        x += both * q[pool];
                    }
                    store(to_y + c, x);
                }
                for (int pool = 0; pool < 2; ++pool) pools[r][pool] = sum(along[pool]);
                normalise_backward(y, scale, to_y, total + e * D);
            }
            float* update = &space.update[start * W];
            std::memset(slope.data(), 0, sizeof(float) * rows * W);
            product<D, W>(total + start * D, back_out.data(), slope.data(), rows);
            for (int c = 0; c < rows * W; c += LANES) {
                const Vector u = load(update + c), s = sigmoid(u);
                store(&active[c], u * s);
                store(update + c, load(&slope[c]) * (s + u * s * (1.0f - s)));
            }
            accumulate<W, D>(active.data(), total + start * D, g_out, rows);
            accumulate<D, W>(&space.normal[start * D], update, g_edge, rows);
            accumulate<2 * S, W>(&space.shares[start * 2 * S], update, g_shares, rows);
            product<W, D>(update, back_edge.data(), &space.to_normal[start * D], rows);
            product<W, 2 * S>(update, back_shares.data(), &space.to_shares[start * 2 * S], rows);
            for (int r = 0; r < rows; ++r) {
                const int e = start + r, j = e / n, i = e % n;
                for (int c = 0; c < W; c += LANES) {
                    const Vector x = load(update + r * W + c);
                    store(hidden + j * W + c, load(hidden + j * W + c) + x);
                    store(input + i * W + c, load(input + i * W + c) + x);
                }
                float* gradient = &space.to_shares[e * 2 * S];
                for (int c = 0; c < S; c += LANES) {
                    store(gradient + c, load(gradient + c) * static_cast<float>(n));
                    store(gradient + S + c, load(gradient + S + c) * static_cast<float>(m));
                }
                gradient[S - 1] += pools[r][0];
                gradient[S] += pools[r][1];
            }
        }
        compete_backward(z, space);
        accumulate<D, S>(space.normal.data(), space.relative.data(), g_scores, m * n);
        product<S, D>(space.relative.data(), back_scores.data(), space.to_normal.data(), m * n);
        for (int e = 0; e < m * n; ++e)
            normalise_backward(&space.normal[e * D], space.factor[e], &space.to_normal[e * D], total + e * D);
    }
}
