"""A made-up sweep's folder that looks like a real one: phases by log β and n with soft crossovers and coin flips."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

BETAS = tuple(10.0 ** (half / 2) for half in range(-18, 0))
ALGORITHMS = ("constant", "convexity", "pudding_positive", "pudding_negative", "double_sided", "other")
NATS_PER_INPUT = {
    "constant": 0.02,
    "convexity": 4.0,
    "pudding_positive": 60.0,
    "pudding_negative": 60.0,
    "double_sided": 110.0,
    "other": 85.0,
}
ERROR = {
    "constant": 1.0,
    "convexity": 0.55,
    "pudding_positive": 0.02,
    "pudding_negative": 0.02,
    "double_sided": 0.004,
    "other": 0.03,
}
LOCALITY = {
    "constant": 0.0,
    "convexity": 0.05,
    "pudding_positive": 0.96,
    "pudding_negative": 0.96,
    "double_sided": 0.98,
    "other": 0.85,
}
SIDEDNESS = {
    "constant": 0.0,
    "convexity": 0.0,
    "pudding_positive": 0.97,
    "pudding_negative": -0.97,
    "double_sided": 0.02,
    "other": 0.4,
}


def boundaries(dimension: int) -> tuple[float, float, float]:
    """log10 β of constant|convexity, convexity|pudding, pudding|double-sided at this dimension."""
    scale = np.log10(dimension / 4)
    return -1.2 - 0.3 * scale, -2.2 - 2.0 * scale, -5.5 - 1.0 * scale


def network(algorithm: str, n: int, hidden: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A target network of this algorithm built by hand, in the network file's arrays."""
    weight, bias = np.zeros((hidden, n)), np.zeros(hidden)
    out, sharp, large = np.zeros(hidden), 6.0, 8.0
    order = rng.permutation(hidden)
    if algorithm == "convexity":
        weight, out = rng.normal(size=(hidden, n)), np.full(hidden, 2.0 / hidden**0.5)
    elif algorithm == "double_sided":
        for i in range(n):
            for sign, j in ((1, order[2 * i]), (-1, order[2 * i + 1])):
                weight[j, i], out[j] = sign * sharp, 1 / sharp
    elif algorithm != "constant":
        for i in range(n):
            sign = {"pudding_positive": 1, "pudding_negative": -1}.get(algorithm, 1 if i % 2 else -1)
            weight[order[i], i], out[order[i]] = sign * sharp, 2 / sharp
            weight[order[n], i] = -sign
        bias[order[n]], out[order[n]] = large, 1.0
    noise = 0.02 * (algorithm != "constant")
    return {
        "hidden_weight": weight + noise * rng.normal(size=weight.shape),
        "hidden_bias": bias,
        "output_weight": out,
        "output_bias": np.float64(0.8 * n if algorithm == "constant" else 0.0),
    }


def _phase(log_beta: float, n: int, rng: np.random.Generator) -> str:
    """The algorithm of one training; logistic crossovers about a quarter of a decade wide."""
    first, second, third = (edge + 0.25 * rng.logistic() for edge in boundaries(n))
    if log_beta > first:
        return "constant"
    if log_beta > second:
        return "convexity"
    if log_beta < third and rng.random() < 0.55:
        return "double_sided"
    if rng.random() < 0.05:
        return "other"
    return ("pudding_positive", "pudding_negative")[rng.integers(2)]


def _reading(algorithm: str, n: int, log_beta: float, rng: np.random.Generator) -> dict:
    purity = float(np.clip(1 - abs(rng.normal(0, 0.08)), 0.4, 1))
    nats = NATS_PER_INPUT[algorithm] * n * np.exp(rng.normal(0, 0.08)) * (1 - 0.08 * (log_beta + 5))
    row = {
        "relative_error": float(min(1.0, ERROR[algorithm] * np.exp(rng.normal(0, 0.25)))),
        "complexity_nats": float(nats),
        "complexity_hidden_weight": float(0.8 * nats),
        "complexity_hidden_bias": float(0.08 * nats),
        "complexity_output_weight": float(0.12 * nats),
        "algorithm": algorithm,
        "purity": purity,
        "locality": float(np.clip(LOCALITY[algorithm] + rng.normal(0, 0.02), 0, 1)),
        "sidedness": float(np.clip(SIDEDNESS[algorithm] + rng.normal(0, 0.04), -1, 1)),
        "sidedness_spread": float(abs(rng.normal(0.3 if algorithm == "other" else 0.03, 0.02))),
        "amplitude": float(rng.normal(1, 0.02)),
    }
    return row | {f"fraction_{name}": purity if name == algorithm else 0.0 for name in ALGORITHMS}


def write_fake_sweep(
    folder: Path,
    *,
    dimensions=(4, 6, 8),
    betas=BETAS,
    seeds=5,
    failed=2,
    snapshots=True,
    manifest=True,
    drop=0,
    rng_seed=0,
) -> Path:
    """Write trainings.parquet, snapshots.parquet, networks/ and manifest.json. `drop`: trainings left undone."""
    rng = np.random.default_rng(rng_seed)
    (folder / "networks").mkdir(parents=True, exist_ok=True)
    points = [(n, float(beta), seed) for n in dimensions for beta in betas for seed in range(seeds)]
    rows, snapshot_rows = [], []
    for index, (n, beta, seed) in enumerate(points[: len(points) - drop]):
        key, log_beta = f"{index:012x}", float(np.log10(beta))
        base = {"key": key, "task": "l1_norm", "dimension": n, "beta": beta, "seed": seed}
        common = base | {
            "hidden": 3 * n,
            "steps": 4000,
            "seconds": float(2 + rng.random()),
            "recipe": "{}",
            "finished_at": 1.76e9 + index,
        }
        if index % 37 == 11 and failed > 0:
            failed -= 1
            rows.append(common | {"status": "failed", "reason": f"loss became nan at step {100 * (index + 1)}"})
            continue
        final = _phase(log_beta, n, rng)
        rows.append(
            common
            | {
                "status": "done",
                "reason": "",
                "margin": float(rng.uniform(0.1, 0.9)),
                "faithfulness": float(1 - abs(rng.normal(0, 0.01))),
                "formula": f"formula of {final}",
            }
            | _reading(final, n, log_beta, rng)
        )
        np.savez(folder / "networks" / f"{key}.npz", **network(final, n, 3 * n, rng))
        path = ["constant"] * 3 + ([final] if final in ("constant", "convexity") else ["convexity"]) * 3
        path += ["other"] * int(rng.integers(2)) if final == "double_sided" else []
        path += [final] * (10 - len(path))
        for step, algorithm in zip(np.geomspace(10, 4000, 10).astype(int), path, strict=True):
            snapshot_rows.append(base | {"step": int(step)} | _reading(algorithm, n, log_beta, rng))
    pd.DataFrame(rows).to_parquet(folder / "trainings.parquet")
    if snapshots:
        pd.DataFrame(snapshot_rows).to_parquet(folder / "snapshots.parquet")
    if manifest:
        grid = {"dimensions": list(dimensions), "betas": [float(beta) for beta in betas], "seeds": list(range(seeds))}
        (folder / "manifest.json").write_text(
            json.dumps(
                {
                    "commit": "0123abc",
                    "dirty": False,
                    "started": "2025-11-23T06:00:00",
                    "config": {"grid": grid, "training": {"steps": 4000}},
                    "hardware": {"cpu": "a processor", "cores": 2},
                    "versions": {"python": "3.11.2", "torch": "2.13.0"},
                }
            )
        )
    return folder


if __name__ == "__main__":
    import sys

    print(write_fake_sweep(Path(sys.argv[1]), seeds=int(sys.argv[2]) if len(sys.argv) > 2 else 5))
