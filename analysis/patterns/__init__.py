"""Read a formula out of any network: its neuron types, up to permuted inputs, and the few constants of each."""
