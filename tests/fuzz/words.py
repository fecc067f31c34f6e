"""What hostile inputs are drawn from: names, words, settings, mistakes in a user's file, labels, cells."""

NAMES = [
    "plain", "a b", "it's", "a%20b", "what?x=1", "$HOME", "größe", "相", "-rf", "a\nb", "\x1b[31m", "x" * 200,
    "...", "a;b", "<b>", "\udcff",
]  # fmt: skip
WORDS = [
    "", "0", "-1", "nan", "inf", "1e308", "9" * 4000, "[", "]" * 50, "'", '"', "{}", "true", "\x00", "\x1b[2J",
    "x=y", "--", "None", "5e-324", "🙂", "[1, 2", "{from=1, to=2}", "1_000", "0x10", "2026-01-01", "mine.py:MINE",
    "/dev/zero:X", "os:system", ":", "trainables.tasks.builtin:MAXIMUM", "found", "equilibrium", "{count = 99999}",
]  # fmt: skip
SETTINGS = [
    "grid.betas", "grid.seeds", "grid.dimensions", "training.steps", "training.width", "training.task",
    "ray.storage", "training.trainable", "ray.cpus", "mlflow.tracking_uri", "mlflow.experiment",
    "training.learning_rate", "grid", "a.b", "training.dimensions", "manifest.diff", "ray.address",
    "experiment.trainable", "experiment.timeout", "annealing.steps", "annealing.learning_rate", "training.inputs",
    "training.curriculum", "training.activation", "analysis.algorithms", "mlflow.detailed",
]  # fmt: skip
OWN_SETTINGS = [
    "grid.axes.rate", "grid.axes.decay", "grid.axes.x", "grid.axes", "grid.seeds", "grid.betas", "training.shift",
    "training.steps", "training.password", "experiment.timeout", "experiment.trainable",
]  # fmt: skip
# what may stand in a user's file in the place of something that is right
MISTAKES = [
    ("", ""), ("import math", "import maths"), ("import math", "import sys; sys.exit(3)"), ("MINE = ", "YOURS = "),
    ("MINE = ", "(" * 999), ('"rate"', '"seed"'), ('"rate"', '"$x$"'), ("10, log", "1e999, log"),
    ('"#cc3311"', '"<b>"'),
    ("a toy", "<script>alert(1)</script> $\\frac{$"), ('"low"', '"a\'b|c"'), ("train=train", "train=3"),
    ("settings=Settings", "settings=dict"), ("Axis(", "Axis(values=(1, float('nan')), name="),
    ("label=label", "label=label, timeout=-1"), ("label=label", "label=label, cost=lambda point: -1"),
    ("label=label", "label=label, version='content'"), ("def label", "def other"), ("shift: float", "shift: object"),
]  # fmt: skip
TASKS = [
    "lambda x: x.max(-1)", "lambda x: x", "lambda x: 1 / 0", "lambda x: 'a'", "lambda x: x.sum() * float('nan')", "3",
    "lambda x: exit(3)", "lambda: 0",
]  # fmt: skip
LABELS = [
    "a", "b", "a_low", "01", "1", "$x$", "$\\frac{$", "<script>", "相", "a|b", "NA", "  ", "x" * 300, "a'b", "=1+1",
    "_c",
]  # fmt: skip
CELLS = [
    "1", "0.5", "0,5", "1e-3", "-1", "0", "inf", "nan", "", "x", "1_0", "2026-01-01", "1e400", "٣", '"', "1;2",
]  # fmt: skip
COMMANDS = [
    "sweep", "resume", "refine", "status", "report", "boundaries", "classify", "draw", "generate", "generalise",
    "ui", "compare", "sync", "completion", "nonsense", "anneal",
]  # fmt: skip
OPTIONS = [
    "--preset", "smoke", "--out", "--set", "--json", "-q", "-v", "--help", "--version", "--seed", "--dimension",
    "--yes", "--x", "--y", "--label", "--sweep", "--width", "--port", "--draws", "--dimensions", "--trainings",
    "--verify", "--energy", "--complexity", "--boundary", "--relabel", "--algorithms", "--sections", "--task",
    "--batch", "--seconds", "--merge", "--log-x", "--retry-failed",
]  # fmt: skip
