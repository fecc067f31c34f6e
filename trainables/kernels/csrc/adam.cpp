// What Python calls: a step of Adam for a pack whose gradients come from elsewhere.

#include <vector>

#include "adam.h"

// values, first and second moments: rows of `size` numbers a member, in which the parameters lie one after another, `counts`
// numbers each. gradients: an address a parameter, a member's `strides` numbers apart. step: 1 for the first. Writes the
// norms (members) before clipping.
extern "C" void adam_step(int members, int parameters, const long* counts, const float* const* gradients,
                          const long* strides, float* values, float* first, float* second, long size, int step,
                          float rate, float beta_first, float beta_second, float epsilon, float clip, float* norms) {
    const Rates rates(step, rate, beta_first, beta_second, epsilon, clip);
    std::vector<const float*> own(parameters);
    for (int p = 0; p < members; ++p) {
        for (int k = 0; k < parameters; ++k) own[k] = gradients[k] + p * strides[k];
        norms[p] = adam(parameters, counts, own.data(), values + p * size, first + p * size, second + p * size, rates);
    }
}
