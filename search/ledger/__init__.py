"""What is kept of trainings: records, checkpoints, and the storage below them."""
