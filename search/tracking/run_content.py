"""What MLflow's pages show of a sweep and its trainings: metrics, datasets, descriptions, addresses of lists."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from analysis.algorithms.names import OTHER, display_name
from analysis.distributions import DISTRIBUTIONS
from analysis.formatting import short
from search.ledger.record import Record
from trainables.recipe import Recipe

PARAMETERS = ("task", "dimension", "hidden", "beta", "seed", "steps")
MODEL_PARAMETERS = ("task", "dimension", "beta", "seed")
MODEL_METRICS = ("relative_error", "complexity_nats", "faithfulness")  # of a model's page, as they are at the end
CURVES = ("relative_error", "purity")  # and every complexity_*; few names: the UI suffers from many
ORDER = "relative_error"  # by which lists of runs are sorted
FINALS = ("faithfulness", "margin", "seconds")
WORKFLOW = "workflowType=machine_learning"  # else MLflow shows its pages for agents around ours
PHASE_MAP = "phase_map.png"  # in the report's folder, and the parent run's
DRAWING = "drawing.svg"  # a training's first artifact


def is_equal(name: str, value: str) -> str:
    """A filter of MLflow's search. Its language has no escape: a text with both kinds of quotes is found by a pattern.

    Compare what is found again where the pattern could match others too.
    """
    if "'" not in value:
        return f"{name} = '{value}'"
    if '"' not in value:
        return f'{name} = "{value}"'
    return f"{name} LIKE '{value.replace(chr(39), '_')}'"


def markdown(text: str) -> str:
    """A text from outside in a description: neither link, table, code nor HTML."""
    return re.sub(r"([\\`|<>\[\]])", r"\\\1", " ".join(text.split()))


def metric_name(label: str) -> str:
    """Without what MLflow forbids in the name of a metric."""
    return re.sub(r"[^\w\-. :/]", "_", label)


def model_name(text: str) -> str:
    """Without what MLflow forbids in the name of a model."""
    return re.sub(r"[/:.%\"']", "_", text)


@dataclass(frozen=True)
class Model:
    """A training's hypernetwork as a model."""

    name: str  # without what MLflow forbids in one: / : . % " '
    params: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class TrainingRun:
    """What MLflow is told of a training, files and the run's description apart. start, end: ms since the epoch."""

    name: str
    done: bool  # or failed
    start: int
    end: int
    steps: int
    tags: dict[str, str]
    params: dict[str, str]
    metrics: list  # mlflow.entities.Metric
    model: Model | None


def training_run(record: Record, sweep: str) -> TrainingRun:
    row = record.row
    end = int(row["finished_at"] * 1000)
    algorithm = row["algorithm"] if row["status"] == "done" else "failed"
    tags = {
        "kind": "training",
        "key": row["key"],
        "task": row["task"],
        "algorithm": algorithm,
        "dimension": str(row["dimension"]),
        "beta": short(row["beta"]),
        "seed": str(row["seed"]),
    }
    tags |= {"pattern": row["pattern"]} if row.get("pattern") else {}
    start = json.loads(row["recipe"]).get("start", "")
    model = Model(
        model_name(f"{display_name(algorithm)} n={row['dimension']} β={short(row['beta'])} seed={row['seed']}"),
        {name: str(row[name]) for name in MODEL_PARAMETERS if row.get(name) is not None},
        {"key": row["key"], "algorithm": algorithm, "sweep": sweep, "mlflow.note.content": model_note(row)},
    )
    return TrainingRun(
        name=f"n={row['dimension']} β={short(row['beta'])} seed={row['seed']}" + (" annealed" if start else ""),
        done=row["status"] == "done",
        start=end - int(row["seconds"] * 1000),
        end=end,
        steps=row["steps"],
        tags=tags | ({"start": start} if start else {}) | ({"reason": row["reason"][:5000]} if row["reason"] else {}),
        params={name: str(row[name]) for name in PARAMETERS},
        metrics=metrics(record, end),
        model=model,
    )


def sweep_note(
    experiment: str,
    sweep: str,
    run_id: str,
    status: str,
    counts: dict[str, int],
    *,
    phase_map: bool,
    label: str = "algorithm",
    axes: Sequence[str] = ("dimension", "beta"),
    order: str = ORDER,
    view: str = "",
) -> str:
    """The parent run's description: the phase map, what was found, and links to lists of just that.

    label: the tag that says what was found; axes: tags of places; order: the metric that lists are sorted by; view:
    address of the list in which trainings are folded under their sweep.
    """
    here = is_equal("tags.sweep", sweep)
    folded = f" ([folded by sweep, with columns]({view}))" if view else ""
    listed = f"[{sum(counts.values())} trainings]({list_address(experiment, here, order)})"
    lines = [f"{listed}{folded}, {status.lower()}", ""]
    if phase_map:
        lines += [f"![phase map]({picture_address(PHASE_MAP, run_id)})", ""]
    lines += [f"| {label} | trainings | filter of the list of runs |", "|---|---|---|"]
    for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        query = is_equal(f"tags.{label}", name)
        found = list_address(experiment, f"{here} and {query}", order)
        lines.append(f"| [{markdown(display_name(name))}]({found}) | {number} | `{markdown(query)}` |")
    more = [*axes, "seed", *(["task"] if label == "algorithm" else []), "key", "sweep"]
    return "\n".join([*lines, "", f"More tags to filter by: {', '.join(f'`{name}`' for name in more)}."])


def training_note(run_id: str, row: dict, *, drawing: bool) -> str:
    """A training's description: its formula and its drawing."""
    if row["status"] != "done":
        return f"failed: {markdown(row['reason'])}"
    formula, faithful = row.get("formula"), row["faithfulness"]
    if row["algorithm"] == OTHER and row.get("pattern_formula"):
        formula, faithful = row["pattern_formula"], row["pattern_r_squared"]
    text = "no closed formula" if math.isnan(faithful) else f"f(x) ≈ {formula or '…'}, faithfulness {faithful:.3f}"
    picture = f"\n\n![drawing]({picture_address(DRAWING, run_id)})" if drawing else ""
    return f"{display_name(row['algorithm'])}: {text}{picture}"


def model_note(row: dict) -> str:
    """A model's description: what it is, how good it is, and how to use it."""
    if row["status"] != "done":
        return "of a training that failed"
    quality = f"relative error {row['relative_error']:.3g}, {row['complexity_nats']:.3g} nats"
    return (
        f"A hypernetwork that draws networks computing {markdown(row['task'])}, trained at n = {row['dimension']}, "
        f"β = {short(row['beta'])}, seed {row['seed']}: {markdown(display_name(row['algorithm']))}, {quality}.\n\n"
        "It draws at any dimension (the model's ID stands on this page):\n\n"
        '    model = mlflow.pyfunc.load_model("models:/MODEL_ID")\n'
        '    model.predict({"dimension": [8], "seed": [0]})\n'
    )


def picture_address(name: str, run_id: str) -> str:
    """Address of a run's picture, as MLflow's pages reach it."""
    return f"get-artifact?path={name}&run_uuid={run_id}"


def run_address(experiment: str, run_id: str) -> str:
    """Address of a run's page."""
    return f"#/experiments/{experiment}/runs/{run_id}?{WORKFLOW}"


def list_address(experiment: str, query: str, metric: str = ORDER) -> str:
    """Address of a list of runs. Sorted by a metric, because the UI folds children away in one sorted by time."""
    order = quote(f"metrics.`{metric}`")
    return f"#/experiments/{experiment}/runs?searchFilter={quote(query)}&orderByKey={order}&orderByAsc=true&{WORKFLOW}"


def dataset(recipe: Recipe, dimension: int):
    """Fresh inputs and the task's values: made, not stored, so task, dimension and the inputs' distribution say all."""
    from mlflow.entities import Dataset

    task, n = recipe.task, dimension
    columns = [{"name": "x", "type": f"{n} × double", "required": True}, {"name": task, "type": "double"}]
    facts = recipe.model_dump(include={"inputs_per_step", "evaluation_inputs", "steps"})
    inputs = "" if recipe.inputs == "normal" else f" {recipe.inputs}"
    drawn = DISTRIBUTIONS[recipe.inputs].text.replace("_n", f"_{n}").replace("ⁿ", f"^{n}")
    return Dataset(
        name=f"{task} n={n}{inputs}",
        digest=hashlib.sha256(f"{task} {n}{inputs}".encode()).hexdigest()[:8],
        source_type="code",
        source=json.dumps({"tags": {"distribution": f"{drawn}, fresh at every step", "task": task}}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(facts),
    )


def metrics(record: Record, time_ms: int) -> list:
    """Curves over the snapshots' steps, and the final values at the last step."""
    row = record.row
    found = []
    for values in [*record.snapshots, row]:
        step = values.get("step", row["steps"])
        names = [name for name in values if name in CURVES]
        if values is row:
            names += [name for name in values if name.startswith("complexity_") and name not in CURVES]
            names += FINALS
        found += [metric(name, values[name], time_ms, step) for name in names if _is_number(values.get(name))]
    # the last snapshot and the final look share a step: the final look, with more draws, is the one to show
    return list({(one.key, one.step): one for one in found}.values())


def of_model(metrics: list, model_id: str, step: int) -> list:
    """The metrics, of which those that say how good a model is at the end, `step`, are the model's too."""
    from mlflow.entities import Metric

    return [
        Metric(one.key, one.value, one.timestamp, one.step, model_id=model_id)
        if one.key in MODEL_METRICS and one.step == step
        else one
        for one in metrics
    ]


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def metric(name: str, value: float, time_ms: int, step: int):
    from mlflow.entities import Metric

    return Metric(name, float(value), time_ms, step)
