"""The benchmark's table: trials to reach a mark, relative to a regular grid."""

import numpy as np

from benchmarks.boundaries.designs import OWN
from benchmarks.boundaries.synthetic import ALL_KINDS

MARKS = (0.05, 0.02)  # shares of the map named wrongly
OWN_MAP = ", own map"  # added to a peer's name where its own classifier predicts the map


def reach(x, area, mark: float) -> tuple[float, bool]:
    """Where a mean curve falls to the mark for good (log-log interpolation) -> x, and whether it does at all."""
    above = np.flatnonzero(np.asarray(area) > mark)
    if len(above) == 0:
        return float(x[0]), True
    last = above[-1]
    if last + 1 == len(x):
        return float(x[-1]), False
    share = np.log(area[last] / mark) / np.log(area[last] / max(area[last + 1], 1e-4))
    return float(np.exp(np.log(x[last]) + share * np.log(x[last + 1] / x[last]))), True


class Curves:
    """The measured curves, by sampler, scene and repetition."""

    def __init__(self, rows: list[dict]):
        self.found: dict[str, dict[str, dict[int, dict]]] = {}
        for row in rows:
            self.add(row["sampler"], row, row["area"])
            if "own_area" in row:
                self.add(row["sampler"] + OWN_MAP, row, row["own_area"])
        self.scenes = sorted(self.found["grid"], key=ALL_KINDS.index)

    def add(self, name: str, row: dict, area) -> None:
        self.found.setdefault(name, {}).setdefault(row["scene"], {})[row["repetition"]] = row | {"area": area}

    def repetitions(self, *names: str) -> list[int]:
        """Those in which all these samplers did all scenes."""
        return sorted(set.intersection(*(set(self.found[n].get(s, {})) for n in names for s in self.scenes)))

    def ratios(self, name: str, base: str, axis: str, mark: float, repetitions) -> dict[str, tuple[float, bool]]:
        """scene -> where the mean curve reaches the mark, relative to the base's, and whether that is exact."""
        found = {}
        for scene in self.scenes:
            ends = []
            for one in (name, base):
                chosen = [self.found[one][scene][repetition] for repetition in repetitions]
                along, area = (np.mean([row[key] for row in chosen], axis=0) for key in (axis, "area"))
                ends.append(reach(along, area, mark))
            found[scene] = (ends[0][0] / ends[1][0], ends[0][1] and ends[1][1])
        return found

    def interval(self, name: str, base: str, axis: str, mark: float, *, resamples: int = 200) -> str:
        """The geometric mean of the ratios over scenes, with its 90 % bootstrap interval over repetitions."""
        there = self.repetitions(name, base)
        middle = self.ratios(name, base, axis, mark, there)
        draws = np.random.default_rng(0).choice(there, (resamples, len(there)))
        spread = np.quantile([_mean(self.ratios(name, base, axis, mark, draw)) for draw in draws], [0.05, 0.95])
        bound = "" if all(exact for _, exact in middle.values()) else "*"
        return f"{_mean(middle):.2f}{bound} ({spread[0]:.2f}–{spread[1]:.2f})"

    def reached(self, name: str, base: str, axis: str, mark: float) -> str:
        """The geometric mean over those scenes alone in which both reach the mark, and how many these are."""
        found = self.ratios(name, base, axis, mark, self.repetitions(name, base))
        exact = {scene: one for scene, one in found.items() if one[1]}
        return f"{_mean(exact):.2f} ({len(exact)})" if exact else "none"


def summary(rows: list[dict]) -> str:
    """Markdown: trials and cost to each mark relative to the grid's and to the best peer's."""
    curves = Curves(rows)
    names = [name for name in curves.found if curves.repetitions(name, "grid")]
    first = {name: _mean(curves.ratios(name, "grid", "trials", MARKS[0], curves.repetitions(name, "grid")))
             for name in names}  # fmt: skip
    names.sort(key=lambda name: first[name])
    table = [(axis, mark) for axis in ("trials", "cost") for mark in MARKS]
    lines = ["| sampler | repetitions | trials to 5 % | to 2 % | cost to 5 % | to 2 % | ms a suggestion |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in names:
        there = curves.repetitions(name, "grid")
        cells = [curves.interval(name, "grid", axis, mark) for axis, mark in table]
        spent = np.mean([curves.found[name][scene][each]["ask_ms"] for scene in curves.scenes for each in there])
        lines.append(f"| {name} | {len(there)} | {' | '.join(cells)} | {spent:.1f} |")
    lines += ["", "Relative to the regular grid, geometric means over scenes, 90 % bootstrap intervals over "
              "repetitions; * holds scenes in which the sampler or the grid never got there: a bound.", ""]  # fmt: skip
    peers = [name for name in names if name not in ("grid", *OWN) and len(curves.repetitions(name)) > 2]
    as_they_come = [name for name in peers if name.endswith(OWN_MAP)]  # with the classifier that they bring
    for base in peers[:1] + as_they_come[:1]:
        for name in [each for each in OWN if each in names]:
            cells = [curves.interval(name, base, axis, mark) for axis, mark in table]
            lines.append(f"{name} over {base}: {', '.join(cells)}, in the columns of the table.")
            inside = [curves.reached(name, base, axis, mark) for axis, mark in table]
            lines.append(f"  where both got there: {', '.join(inside)} (scenes).")
    lines += ["", f"| trials to 5 % / 2 % | {' | '.join(curves.scenes)} |", "|---|" + "---|" * len(curves.scenes)]
    for name in names:
        both = [curves.ratios(name, "grid", "trials", mark, curves.repetitions(name, "grid")) for mark in MARKS]
        cells = [
            " / ".join(f"{each[scene][0]:.2f}{'' if each[scene][1] else '*'}" for each in both)
            for scene in curves.scenes
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(ratios: dict[str, tuple[float, bool]]) -> float:
    return float(np.exp(np.mean([np.log(ratio) for ratio, _ in ratios.values()])))
