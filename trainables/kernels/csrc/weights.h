// A layer's weights and their gradients, of one member. Weights are (fan in, fan out).

#pragma once

constexpr int D = CHANNELS, W = WIDTH;

template <class Number>
struct NodeArrays {
    Number *pooled, *itself, *context, *context_bias, *out;
};

template <class Number>
struct Arrays {  // in the order of ExchangeableLayer.parameters()
    Number *scores, *edge, *shares, *hidden, *input, *whole, *whole_bias, *out;
    NodeArrays<Number> of_hidden, of_input, of_whole;
};

typedef Arrays<const float> Weights;
typedef Arrays<float> Gradients;
typedef NodeArrays<const float> NodeWeights;
typedef NodeArrays<float> NodeGradients;

constexpr int WEIGHTS = sizeof(Weights) / sizeof(const float*);

// Fan in times fan out of every weight.
constexpr int SIZES[WEIGHTS] = {
    D * SCORES, D * W, 2 * SCORES * W, D * W, D * W, D * W, W, W * D,  //
    3 * D * W,  D * W, D * W,          W,     W * D,                   //
    3 * D * W,  D * W, D * W,          W,     W * D,                   //
    2 * D * W,  D * W, D * W,          W,     W * D,
};
