"""Hostile and odd inputs of every command, drawn from a seed: words, files, folders."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tomli_w

from analysis.network import Network
from tests.fuzz.words import (
    CELLS,
    COMMANDS,
    LABELS,
    MISTAKES,
    NAMES,
    OPTIONS,
    OWN_SETTINGS,
    SETTINGS,
    TASKS,
    WORDS,
)
from tests.support.damage import CONFIG, DAMAGE, OWN_DAMAGE
from tests.support.own_experiment import MINE, TABLES, kept_own_sweep
from tests.support.records import smoke
from tests.support.small_sweep import train_here


class Inputs:
    """Makes one input at a time: the words of a command, and the files that they name, in a folder of their own."""

    def __init__(self, place: Path, seed: int):
        """place: a folder for what the inputs are made from."""
        self.random = random.Random(seed)
        self.sweep = train_here(smoke(*CONFIG), place / "whole").path
        (place / "own").mkdir()
        self.own = kept_own_sweep(place / "own").path
        self.network = place / "network.npz"
        draw = np.random.default_rng(seed)
        Network(draw.normal(size=(6, 2)), draw.normal(size=6), draw.normal(size=6), np.zeros(())).save(self.network)
        self.kinds: list[tuple[int, Callable[[Path], list[str]]]] = [
            (6, self.words), (5, self.of_sweep), (3, self.of_own_sweep), (6, self.on_network), (2, self.on_own_task),
            (6, self.on_table), (7, self.on_damaged_sweep), (3, self.on_damaged_own_sweep),
        ]  # fmt: skip

    def draw(self, folder: Path) -> list[str]:
        """The words of one command; its files are made in `folder`, which is empty."""
        weights, kinds = zip(*self.kinds, strict=True)
        return self.random.choices(kinds, weights)[0](folder)

    def name(self, folder: Path) -> Path:
        """A path in the folder that can be made."""
        name = self.random.choice([name for name in NAMES if name != "..." and "\x00" not in name])
        return folder / name

    def words(self, folder: Path) -> list[str]:
        """Anything after any command."""
        some = [self.random.choice([*OPTIONS, *WORDS, str(folder)]) for _ in range(self.random.randrange(6))]
        command = self.random.choice(COMMANDS)
        return [command, *some] if command != "ui" else [command, str(folder), *some]

    def of_sweep(self, folder: Path) -> list[str]:
        """A sweep with odd settings, configs and places."""
        if self.random.random() < 0.4:
            config = folder / "c.toml"
            content = bytearray((self.sweep / "config.toml").read_bytes())
            for _ in range(self.random.randrange(1, 8)):
                content[self.random.randrange(len(content))] = self.random.randrange(256)
            config.write_bytes(content)
            source = ["--config", str(config)]
        else:
            source = ["--preset", self.random.choice(["smoke", "smoke", "smoke", *WORDS])]
        for _ in range(self.random.randrange(3)):
            source += ["--set", f"{self.random.choice(SETTINGS)}={self.random.choice([*WORDS, '3', '[1e-3, 1.0]'])}"]
        out = self.name(folder)
        if self.random.random() < 0.3:
            out.mkdir(exist_ok=True)
            (out / "mine.txt").write_text("mine")
        return ["sweep", *source, "--set", "mlflow.enabled=false", "--out", str(out)]

    def of_own_sweep(self, folder: Path) -> list[str]:
        """A sweep of a user's own experiment, with mistakes in its file, its grid and its settings."""
        (folder / "mine.py").write_text(MINE.replace(*self.random.choice(MISTAKES)))
        (folder / "c.toml").write_text(tomli_w.dumps(TABLES))
        words = ["sweep", "--config", str(folder / "c.toml"), "--out", str(self.name(folder))]
        for _ in range(self.random.randrange(3)):
            words += ["--set", f"{self.random.choice(OWN_SETTINGS)}={self.random.choice([*WORDS, '3', '[1e-3, 1.0]'])}"]
        return words

    def on_own_task(self, folder: Path) -> list[str]:
        """A task of a user's own, right or not, for a network or a sweep."""
        path = self.name(folder).with_suffix(".py")
        variance = self.random.choice(
            ["lambda n: 1.0", "lambda n: -1", "lambda n: float('nan')", "lambda n: None", "1"]
        )
        path.write_text(
            "from trainables import Task\n"
            f"MINE = Task({self.random.choice(LABELS)!r}, target={self.random.choice(TASKS)}, variance={variance})\n"
        )
        spec = f"{path}:{self.random.choice(['MINE', 'MINE', 'MINE', 'Task', '', 'a b'])}"
        if self.random.random() < 0.5:
            return ["classify", str(self.network), "--task", spec, "--json"]
        task = f"training.task={json.dumps(spec)}"
        return [
            "sweep",
            "--preset",
            "smoke",
            "--set",
            task,
            "--set",
            "mlflow.enabled=false",
            "--out",
            str(folder / "out"),
        ]

    def on_network(self, folder: Path) -> list[str]:
        """A network file that is damaged, or holds odd arrays."""
        path = self.name(folder).with_suffix(".npz")
        kind = self.random.randrange(4)
        if kind == 0:
            shutil.copy(self.network, path)
        elif kind == 1:
            path.write_bytes(self._spoilt(self.network.read_bytes()))
        elif kind == 2:
            arrays = {name: self._array() for name in ("hidden_weight", "hidden_bias", "output_weight", "output_bias")}
            with path.open("wb") as file:
                np.savez(file, **arrays)
        else:
            path = self.random.choice([Path("/dev/zero"), folder, folder / "absent.npz", Path("/dev/null")])
        if self.random.random() < 0.5:
            return ["classify", str(path), *self.random.choice([[], ["--json"], ["--task", self.random.choice(WORDS)]])]
        return ["draw", str(path), *self.random.choice([[], ["--out", str(self.name(folder)) + ".svg"]])]

    def _array(self) -> np.ndarray:
        shape = self.random.choice([(), (2,), (6,), (6, 2), (2, 6), (0, 2), (1, 6, 2), (9000, 1)])
        value = self.random.choice([0.0, 1.0, np.nan, np.inf, 1e300, 1e-320, -1.0])
        return np.full(shape, value).astype(self.random.choice(["f8", "f4", "f2", "i8", "?", "c16", "U3"]))

    def _spoilt(self, content: bytes) -> bytes:
        if self.random.random() < 0.3:
            return content[: self.random.randrange(len(content))]
        spoilt = bytearray(content)
        for _ in range(self.random.randrange(1, 20)):
            spoilt[self.random.randrange(len(spoilt))] = self.random.randrange(256)
        return bytes(spoilt)

    def on_table(self, folder: Path) -> list[str]:
        """A table of odd cells, separators, encodings and labels."""
        separator = self.random.choice([",", ";", "\t", "|"])
        columns = [
            self.random.choice(["x", "$x$", "p_a", "x y"]),
            "y",
            "label",
            self.random.choice(["e", "$e$"]),
            "nats",
        ]
        labels = self.random.sample(LABELS, self.random.randrange(1, 4))
        rows = [separator.join(columns)]
        for row in range(self.random.randrange(4, 24)):
            cells = [f"{10.0**-row}", str(4 + row % 2), self.random.choice(labels), f"{0.01 * row}", f"{40 - row}"]
            if self.random.random() < 0.03:
                cells[self.random.choice([0, 1, 3, 4])] = self.random.choice(CELLS)
            rows.append(separator.join(cells))
        text = "\n".join(rows)
        encoding = self.random.choice(["utf-8", "utf-8", "utf-16", "utf-8-sig", "latin-1", "utf-16-le"])
        content = text.encode(encoding, errors="replace")
        path = folder / self.random.choice(["t.csv", "t.tsv", "t.parquet", "t.csv.gz"])
        path.write_bytes(self._spoilt(content) if self.random.random() < 0.3 else content)
        more = self.random.choice(
            [[], ["--log-x"], ["--log-x", "--json"], ["--merge", self.random.choice([*WORDS, "a=b"])],
             ["--log-x", "--energy", columns[3], "--complexity", "nats", "--json"]]
        )  # fmt: skip
        return [
            "boundaries",
            str(path),
            "--x",
            columns[0],
            "--y",
            "y",
            "--label",
            "label",
            *more,
            "--out",
            str(self.name(folder)),
        ]

    def on_damaged_sweep(self, folder: Path) -> list[str]:
        """A sweep's folder, whole, damaged in a known way, or with bytes of one file spoilt."""
        sweep = Path(shutil.copytree(self.sweep, self.name(folder)))
        if self.random.random() < 0.5:
            DAMAGE[self.random.choice(list(DAMAGE))](sweep)
        elif self.random.random() < 0.9:
            path = self.random.choice([path for path in sorted(sweep.rglob("*")) if path.is_file()])
            path.write_bytes(self._spoilt(path.read_bytes() or b"\0"))
        command = self.random.choices(
            ["status", "resume", "generate", "sync", "report", "compare", "refine", "generalise", "ui", "anneal",
             "boundaries", "draw"],
            [8, 6, 6, 1, 1, 1, 1, 1, 2, 2, 1, 2],
        )[0]  # fmt: skip
        if command == "generate":
            keys = ["", "0", "x", *sorted(path.stem for path in (sweep / "ledger").glob("*.npz"))]
            dimension = self.random.choice(["3", "5", "0", "9999", "x"])
            asked = ["--sweep", str(sweep), "--dimension", dimension, "--out", str(folder / "out" / "n.npz")]
            return ["generate", self.random.choice(keys), *asked]
        if command == "compare":
            return ["compare", str(sweep), "--out", str(folder / "out"), "--most-error", "1000"]
        if command == "boundaries":
            more = [
                "--energy",
                "relative_error",
                "--complexity",
                "complexity_nats",
                "--log-x",
                "--out",
                str(folder / "out"),
            ]
            axes = ["--x", "beta", "--y", "dimension", "--label", "algorithm"]
            return ["boundaries", str(sweep / "trainings.parquet"), *axes, *more]
        if command == "draw":
            return ["draw", *map(str, sorted((sweep / "networks").glob("*"))[:2]), "--out", str(folder / "out")]
        more = {
            "refine": self._refinement(),
            "status": self.random.choice([[], ["--json"], ["--verify", "--json"]]),
            "generalise": ["--dimensions", "4", "--draws", "2"],
            "report": self.random.choice([[], ["--relabel"]]),
        }
        return [command, str(sweep), *more.get(command, [])]

    def _refinement(self) -> list[str]:
        return ["--trainings", "1", "--boundary", self.random.choice(["found", "equilibrium"])]

    def on_damaged_own_sweep(self, folder: Path) -> list[str]:
        """The same of a user's own experiment, whose file lies in the sweep's folder only."""
        sweep = Path(shutil.copytree(self.own, self.name(folder)))
        if self.random.random() < 0.6:
            OWN_DAMAGE[self.random.choice(list(OWN_DAMAGE))](sweep)
        elif self.random.random() < 0.9:
            path = self.random.choice([path for path in sorted(sweep.rglob("*")) if path.is_file()])
            path.write_bytes(self._spoilt(path.read_bytes() or b"\0"))
        commands = ["status", "resume", "report", "refine", "anneal", "generate", "ui"]
        command = self.random.choices(commands, [8, 6, 2, 1, 1, 1, 2])[0]
        if command == "generate":
            return ["generate", "0", "--sweep", str(sweep), "--dimension", "3", "--out", str(folder / "out.npz")]
        more = {"refine": self._refinement(), "status": self.random.choice([[], ["--verify", "--json"]]),
                "report": self.random.choice([[], ["--relabel"]]),
                "resume": self.random.choice([[], ["--retry-failed"]])}  # fmt: skip
        return [command, str(sweep), *more.get(command, [])]
