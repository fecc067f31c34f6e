"""Read a formula out of any network: neuron types up to permuted inputs, and the few constants that each type shares."""
