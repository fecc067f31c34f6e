"""MLflow: a window on the trainings for people."""
