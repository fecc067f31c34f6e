"""Where does kernel ridge regression underfit, fit and overfit, over two of its parameters? (scikit-learn)"""

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from trainables import Axis, Experiment, Label, Outcome


def train(run):
    random = np.random.default_rng(run.seed)
    x = random.uniform(-1, 1, (560, 1))
    y = np.sin(6 * x[:, 0]) + 0.3 * random.normal(size=560)
    model = KernelRidge(kernel="rbf", alpha=run["alpha"], gamma=run["gamma"]).fit(x[:60], y[:60])
    seen, unseen = (np.mean((model.predict(x[part]) - y[part]) ** 2) for part in (slice(60), slice(60, None)))
    return Outcome(metrics={"seen_error": seen, "unseen_error": unseen})


def label(outcome):
    if outcome.metrics["unseen_error"] < 0.15:  # of which the noise itself is 0.09
        return "fits"
    return "overfits" if outcome.metrics["seen_error"] < 0.09 else "underfits"


OVERFITTING = Experiment(
    "overfitting",
    axes=(Axis("alpha", 1e-9, 100, log=True), Axis("gamma", 0.01, 10_000, log=True)),
    train=train,
    label=label,
    labels=(Label("underfits", colour="#4477aa"), Label("fits", colour="#228833"), Label("overfits", colour="#cc6677")),
    title="fitting a sine by kernel ridge regression",
)
