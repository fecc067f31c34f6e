"""What Ray, MLflow and the rest cost beside training."""
