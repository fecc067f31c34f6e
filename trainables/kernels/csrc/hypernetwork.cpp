// What Python calls: layers of a pack, forward and backward, and whole steps, a member at a time.
//
// A pack in lockstep walks through memory once per operation; here one member goes through all of them while its edges stay
// in the cache. Members are treated one after another by the same code, so that a member's bits cannot depend on its pack.

#include <cstddef>

#include "adam.h"
#include "row.h"

// Member `member` of a pack's state: edges (members, m n, D), hidden (members, m, D), input (members, n, D), whole (members, D).
static State of_member(const State* pack, int member, Sizes z) {
    const size_t p = member;
    return {pack->edges + p * z.edges() * D, pack->hidden + p * z.m * D, pack->input + p * z.n * D, pack->whole + p * D};
}

// A member's own of the arrays of a pack, which are `strides` numbers apart.
template <class Own, class Number>
static Own of_member(Number* const* arrays, const long* strides, int member) {
    Number* own[sizeof(Own) / sizeof(Number*)];
    for (size_t k = 0; k < sizeof(Own) / sizeof(Number*); ++k) own[k] = arrays[k] + member * strides[k];
    return taken_from<Own>(own);
}

// The same for what gradients are to be added to.
template <class Own, size_t COUNT>
static Own zeros_of_member(float* const* arrays, const long* strides, int member, const int (&sizes)[COUNT]) {
    static_assert(sizeof(Own) == COUNT * sizeof(float*));
    for (size_t k = 0; k < COUNT; ++k) std::memset(arrays[k] + member * strides[k], 0, sizeof(float) * sizes[k]);
    return of_member<Own>(arrays, strides, member);
}

// weights: WEIGHTS addresses, of which a member's are `strides` numbers apart. Writes `after`.
extern "C" void layers_forward(int members, int m, int n, const float* const* weights, const long* strides,
                               const State* before, const State* after) {
    const Sizes z{m, n};
    LayerSpace space(z);
    LayerScratch scratch(z);
    for (int p = 0; p < members; ++p)
        layer_forward(z, of_member<Weights>(weights, strides, p), of_member(before, p, z), of_member(after, p, z),
                      space, scratch);
}

// `to`: in, the gradients of the results; out, those of the states `before`. gradients: WEIGHTS addresses like weights.
extern "C" void layers_backward(int members, int m, int n, const float* const* weights, const long* strides,
                                const State* before, const State* to, float* const* gradients,
                                const long* gradient_strides) {
    const Sizes z{m, n};
    LayerSpace space(z);
    LayerScratch scratch(z);
    std::vector<float> edges(z.edges() * D), hidden(m * D), input(n * D), whole(D);
    const State after{edges.data(), hidden.data(), input.data(), whole.data()};
    for (int p = 0; p < members; ++p) {
        const Weights own = of_member<Weights>(weights, strides, p);
        layer_forward(z, own, of_member(before, p, z), after, space, scratch);
        layer_backward(z, own, after.edges, of_member(to, p, z), space, scratch,
                       zeros_of_member<Gradients>(gradients, gradient_strides, p, SIZES));
    }
}

// Losses (members) and the gradients of all weights: those of the two ends, then those of every layer. For what is given,
// noise and inputs x (samples, n), the task's outputs (members, samples), their variance, betas (members) and the
// quadrature of the inputs, see `Given`. relu: whether the activation is relu, else it is swish.
extern "C" void losses(int members, int m, int n, int samples, int layers, const float* const* weights,
                       const long* strides, const float* const* noise_and_x, const long* noise_and_x_strides,
                       const float* wanted, float variance, const float* betas, float initial_log_sigma, int relu, int nodes,
                       const float* node_values, const float* node_weights, float* loss,
                       float* const* gradients, const long* gradient_strides) {
    const Sizes z{m, n};
    MemberSpace space(z, layers, samples, initial_log_sigma);
    const auto step = relu ? member_loss<Relu> : member_loss<Swish>;
    std::vector<Weights> own(layers);
    std::vector<Gradients> into(layers);
    for (int p = 0; p < members; ++p) {
        for (int k = 0; k < layers; ++k) {
            const int first = ENDS + k * WEIGHTS;
            own[k] = of_member<Weights>(weights + first, strides + first, p);
            into[k] = zeros_of_member<Gradients>(gradients + first, gradient_strides + first, p, SIZES);
        }
        const Given given{noise_and_x[0] + p * noise_and_x_strides[0], noise_and_x[1] + p * noise_and_x_strides[1],
                          wanted + static_cast<size_t>(p) * samples, variance, betas[p],
                          {nodes, node_values, node_weights}};
        loss[p] = step(z, of_member<EndWeights>(weights, strides, p), own.data(), given, space,
                              zeros_of_member<EndGradients>(gradients, gradient_strides, p, END_SIZES), into.data());
    }
}

// A whole step of a pack: losses (members), gradients, and Adam with the gradient norm clipped. values, first and second
// moments: rows of `size` numbers a member, in which `parameters` parameters lie one after another, `counts` numbers each.
// offsets, factors, initial_scales and scale_rate: see Layout; exponentials (members, 3): of the scales. step: 1 for the
// first; weight: what multiplies all gradients. Writes losses and gradient norms before clipping, (members) each. The rest
// is as of `losses` and of adam.h.
extern "C" void train_step(int members, int m, int n, int samples, int layers, const long* offsets, const float* factors,
                           const float* exponentials, const float* initial_scales, float scale_rate,
                           const float* const* noise_and_x, const long* noise_and_x_strides, const float* wanted,
                           float variance, const float* betas, float initial_log_sigma, int relu, int nodes,
                           const float* node_values, const float* node_weights, float* values, float* first,
                           float* second, long size, int parameters, const long* counts, int step, float rate,
                           float beta_first, float beta_second, float epsilon, float clip, float weight,
                           float* loss, float* norms) {
    const Sizes z{m, n};
    MemberSpace space(z, layers, samples, initial_log_sigma);
    RowSpace row({layers, offsets, factors, initial_scales, scale_rate}, size);
    const auto loss_of = relu ? member_loss<Relu> : member_loss<Swish>;
    const Rates rates(step, rate, beta_first, beta_second, epsilon, clip);
    std::vector<const float*> gradients(parameters);
    for (long k = 0, at = 0; k < parameters; at += counts[k], ++k) gradients[k] = &row.gradients[at];
    for (int k = 0; k < members; ++k) {
        const int p = step % 2 ? k : members - 1 - k;  // to and fro: what was used last is still in the cache
        const Given given{noise_and_x[0] + p * noise_and_x_strides[0], noise_and_x[1] + p * noise_and_x_strides[1],
                          wanted + static_cast<size_t>(p) * samples, variance, betas[p],
                          {nodes, node_values, node_weights}};
        PART(weights);
        row.open(values + p * size, exponentials + p * 3);
        loss[p] = loss_of(z, row.ends, row.layers.data(), given, space, row.to_ends, row.to_layers.data());
        PART(weights);
        if (weight != 1.0f)
            for (float& gradient : row.gradients) gradient *= weight;
        row.close(exponentials + p * 3);
        PART(adam);
        norms[p] = adam(parameters, counts, gradients.data(), values + p * size, first + p * size, second + p * size,
                        rates);
        END_MEMBER;
    }
}
