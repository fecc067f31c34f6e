"""Training steps compiled for the processor that runs them."""
