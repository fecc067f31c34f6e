"""Are the bands honest? Coverage of the 90 % bands on synthetic truths, measured.

    python -m benchmarks.coverage --repetitions 200

Each repetition draws a truth of its kind anew, a table of labels from it, fits the map, and asks of every true
boundary at every y of the table: is there a row for it, and does the row's band hold it? `--gaps`: what exact inference
would cover of sharp boundaries on the quick grid, where all that labels say is between which two β each lies.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from analysis.phases.boundaries import boundaries
from analysis.phases.phase_map import fit_phase_map
from benchmarks.boundaries.synthetic import HIGH, KINDS, LOW, random_truth, sweep_design

DESIGNS = ("quick", "scattered", "wide_grid", "few")


@dataclass(frozen=True)
class Coverage:
    kind: str
    design: str
    repetitions: int
    covered: float  # of the reported true boundaries, the share whose band holds the truth
    standard_error: float  # over repetitions: boundaries of one table are not independent
    reported: float  # share of the true boundaries that have a row
    false: float  # rows for pairs of phases that don't touch at that y, per row
    band: float  # median width of the bands, decades
    error: float  # median |x - truth|, decades
    seconds: float  # median time of a fit


def measure(kind: str, design: str, *, repetitions: int, rng_seed: int = 0, **options) -> Coverage:
    """options go to `phase_map.fit`."""
    from time import perf_counter

    rows_of_counts: list[tuple[int, int, int]] = []
    rows_all = rows_false = 0
    widths: list[float] = []
    errors: list[float] = []
    seconds: list[float] = []
    for repetition in range(repetitions):
        rng = np.random.default_rng([rng_seed, repetition, KINDS.index(kind), DESIGNS.index(design)])
        truth = random_truth(kind, rng)
        x, y = sweep_design(design, rng)
        labels = truth.draw(x, y, rng)
        started = perf_counter()
        phase_map = fit_phase_map(x, y, labels, log_x=True, log_y=True, merge=truth.merge, **options)
        seconds.append(perf_counter() - started)
        found = boundaries(phase_map)
        hits = answers = questions = 0
        for value, rows in found.groupby("y"):
            pairs = {(low, high) for low, high, _ in truth.boundaries(value)}
            rows_all += len(rows)
            rows_false += sum((row.lower_phase, row.upper_phase) not in pairs for row in rows.itertuples())
        for value in np.unique(y):
            at = found[found["y"] == value]
            for lower, upper, true_x in truth.boundaries(value):
                questions += 1
                rows = at[(at["lower_phase"] == lower) & (at["upper_phase"] == upper)]
                if len(rows) == 0:
                    continue
                row = rows.iloc[np.abs(np.log10(rows["x"] / true_x)).argmin()]
                answers += 1
                hits += row["x_low"] <= true_x <= row["x_high"]
                widths.append(np.log10(row["x_high"] / row["x_low"]))
                errors.append(abs(np.log10(row["x"] / true_x)))
        rows_of_counts.append((hits, answers, questions))
    held, answered, asked = np.array(rows_of_counts).T
    covered = held.sum() / max(1, answered.sum())
    # delta method for a ratio of sums over repetitions
    spread = np.sqrt(((held - covered * answered) ** 2).sum()) / max(1, answered.sum())
    return Coverage(
        kind,
        design,
        repetitions,
        float(covered),
        float(spread),
        float(answered.sum() / asked.sum()),
        rows_false / max(1, rows_all),
        float(np.median(widths)),
        float(np.median(errors)),
        float(np.median(seconds)),
    )


def gaps(repetitions: int, *, rng_seed: int = 0, draws: int = 100_000) -> tuple[float, float, float]:
    """Coverage by exact inference of straight boundaries known by their gaps alone, its error, median band (decades).

    Draws from the phase map's prior of boundaries (leans in log n of about a power of 1, their scale log-normal), of
    which those count that lie in the right gap of the quick grid at every n.
    """
    betas, rng = np.linspace(LOW, HIGH, 10), np.random.default_rng([rng_seed, 1])
    covered: list[float] = []
    widths: list[float] = []
    for repetition in range(repetitions):
        truth = random_truth("sharp", np.random.default_rng([rng_seed, repetition]))
        n = np.array([4.0, 6.0, 8.0])
        along = np.log10(n / n.mean())
        for curve in truth.curves:
            x = curve(n)
            at = np.searchsorted(betas, x)
            if (at == 0).any() or (at == len(betas)).any():
                continue
            power = rng.normal(size=draws) * np.exp(rng.normal(size=draws))
            line = rng.uniform(x[1] - 2, x[1] + 2, draws)[:, None] + power[:, None] * along  # (draws, n)
            line = line[((line > betas[at - 1]) & (line < betas[at])).all(axis=1)]
            low, high = np.quantile(line, [0.05, 0.95], axis=0)
            covered.append(float(((low <= x) & (x <= high)).mean()))
            widths += list(high - low)
    return float(np.mean(covered)), float(np.std(covered) / np.sqrt(len(covered))), float(np.median(widths))


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description="Measure the coverage of the boundaries' 90 % bands.")
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--designs", nargs="+", default=DESIGNS[:3], choices=DESIGNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gaps", action="store_true", help="only what exact inference covers of sharp boundaries")
    chosen = parser.parse_args(arguments)
    if chosen.gaps:
        covered, error, band = gaps(chosen.repetitions, rng_seed=chosen.seed)
        print(f"exact, sharp, quick: {covered:.1%} ±{error:.1%}  band {band:.2f}")
        return
    print(f"{'truth':13} {'table':10} covered      reported  false  band  error  fit")
    results = []
    for kind in chosen.kinds:
        for design in chosen.designs:
            one = measure(kind, design, repetitions=chosen.repetitions, rng_seed=chosen.seed)
            results.append(one)
            print(
                f"{kind:13} {design:10} {one.covered:.1%} ±{one.standard_error:.1%}  {one.reported:6.1%}"
                f"  {one.false:6.1%}  {one.band:.2f}  {one.error:.3f}  {one.seconds:.2f} s",
                flush=True,
            )
    print(f"{'mean':24} {np.mean([one.covered for one in results]):.1%}")


if __name__ == "__main__":
    main()
