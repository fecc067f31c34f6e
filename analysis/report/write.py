"""The report: one page about a sweep that opens from disk, and its pictures as PNG files beside it."""

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path

from analysis import formatting
from analysis.charts.complexity import error_complexity, kl_components
from analysis.charts.counts import counts_by_beta
from analysis.charts.generalisation import generalisation_chart
from analysis.charts.order_parameters import order_parameter_pairs, order_parameter_scatter
from analysis.charts.phase_map import phase_map_chart, scaling_chart
from analysis.errors import UserError
from analysis.formatting import penalty
from analysis.sweeps.load import Sweep, load_sweep

REPORT = "report"
LINKS = "links.json"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Figure:
    """One numbered picture of the page."""

    number: int
    file: str  # PNG beside the page
    caption: str
    svg: str
    live: dict | None  # its twin for Plotly


def write_report(sweep_folder: Path | str) -> Path:
    """Write SWEEP/report/index.html, its pictures and boundaries.csv from the sweep's tables -> path of the page.

    Works on an interrupted sweep too: the page says how much is missing. Overwrites an earlier report.
    """
    sweep = load_sweep(sweep_folder)
    folder = sweep.folder / REPORT
    try:
        folder.mkdir(exist_ok=True)
        page = _render(sweep, folder)
        temporary = folder / f".index.{os.getpid()}.html"
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(folder / "index.html")  # a reader never sees half a page
    except OSError as error:
        raise UserError(f"{folder}: cannot write the report ({error.strerror or error})") from error
    return folder / "index.html"


def read_links(folder: Path) -> dict[str, str]:
    """key -> address of the training's page where trainings are tracked, from SWEEP/links.json; {} without it."""
    try:
        links = json.loads((folder / LINKS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(link) for key, link in links.items() if str(link).startswith(("http://", "https://"))}


def _render(sweep: Sweep, folder: Path) -> str:
    import jinja2

    from analysis.algorithms.names import MERGE, colours, title
    from analysis.report import cards, context
    from analysis.report.gallery import draw_gallery
    from analysis.report.scripts import page_data
    from analysis.sweeps.clusters import find_clusters
    from analysis.sweeps.phases import read_phases

    done = sweep.done
    phases = gallery = None
    found, score = [], float("nan")
    if len(done):
        phases = read_phases(done)
        phases.boundaries.to_csv(folder / "boundaries.csv", index=False)
        found, score = find_clusters(done)
        gallery = draw_gallery(sweep, folder / "drawings", {cluster.typical for cluster in found})
    else:
        (folder / "boundaries.csv").unlink(missing_ok=True)
    links = read_links(sweep.folder)
    figures = dict.fromkeys(CAPTIONS) | _figures(sweep, phases, folder)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    labels = {*done["algorithm"], *MERGE, *MERGE.values(), *sweep.snapshots["algorithm"]}
    return environment.get_template("report.html.j2").render(
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        js=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
        colour=colours(labels),
        title=title,
        number=formatting.number,
        penalty=penalty,
        figures=figures,
        snapshots=len(sweep.snapshots),
        linked=bool(links),
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=context.version(),
        **context.opening(sweep, figures, gallery, bool(found)),
        **context.boundary_table(phases),
        **context.split_table(done, MERGE),
        **context.ranking_table(done),
        **cards.gallery_context(gallery, done, links),
        **cards.cluster_context(found, score, done, gallery, links),
        **page_data(done, gallery, links, {name: one.live for name, one in figures.items() if one and one.live}),
        **context.training_table(sweep.trainings, links),
        failures=sweep.failed.to_dict("records"),
        **context.manifest_context(sweep.manifest),
    )


def _figures(sweep: Sweep, phases, folder: Path) -> dict[str, Figure]:
    """Draw every chart that the data allow: name -> Figure, in the order of the page."""
    from analysis.algorithms.names import title
    from analysis.charts import dynamics
    from analysis.charts.chart import save_png, styled, svg_text
    from analysis.charts.plotly import plotly_figure
    from analysis.charts.refinement import refinement_chart
    from analysis.charts.time_map import time_map_chart
    from analysis.phases.scaling_laws import scaling_laws
    from analysis.sweeps import generalisation
    from analysis.sweeps.dynamics import transitions
    from analysis.sweeps.rounds import read_rounds
    from analysis.sweeps.statistics import order_parameters

    done, snapshots = sweep.done, sweep.snapshots
    pairs = order_parameter_pairs(order_parameters(done)) if len(done) else []
    wanted = {}
    if len(done):
        wanted["phase_map"] = (lambda: phase_map_chart(phases, done), CAPTIONS["phase_map"])
        laws = scaling_laws(phases.phase_map) if done["dimension"].nunique() > 1 else []
        said = "; ".join(law.describe("n", title=title) for law in laws)
        wanted["scaling"] = (lambda: scaling_chart(laws), f"{CAPTIONS['scaling']} {said}.")
    rounds = read_rounds(sweep.folder)
    if len(rounds) > 1:
        wanted["refinement"] = (lambda: refinement_chart(rounds, done), CAPTIONS["refinement"])
    if len(done):
        wanted |= {
            "counts": (lambda: counts_by_beta(done), CAPTIONS["counts"]),
            "error_complexity": (lambda: error_complexity(done), CAPTIONS["error_complexity"]),
            "kl_components": (lambda: kl_components(done), CAPTIONS["kl_components"]),
        }
    if len(snapshots):
        wanted |= {
            "fractions": (lambda: dynamics.fractions_over_training(snapshots), CAPTIONS["fractions"]),
            "time_map": (lambda: time_map_chart(snapshots), CAPTIONS["time_map"]),
            "transitions": (lambda: dynamics.transition_graph(transitions(snapshots)), CAPTIONS["transitions"]),
        }
    unseen = generalisation.load(sweep.folder, set(done["key"]))
    if unseen is not None:
        wanted["generalisation"] = (
            lambda: generalisation_chart(unseen),
            CAPTIONS["generalisation"],
        )
    if pairs:
        wanted["order_parameters"] = (lambda: order_parameter_scatter(done, pairs), CAPTIONS["order_parameters"])
    figures = {}
    for stale in (f"{name}.png" for name in CAPTIONS):
        (folder / stale).unlink(missing_ok=True)
    for name, (draw, caption) in wanted.items():
        with styled():
            chart = draw()
        if chart is None:
            continue
        save_png(chart, folder / f"{name}.png")
        figures[name] = Figure(
            len(figures) + 1, f"{name}.png", caption, svg_text(chart, name), plotly_figure(chart, done)
        )
    return figures


CAPTIONS = {
    "phase_map": "Which algorithm is learned at which complexity penalty β and input dimension n. Each dot is one "
    "training (repeats fan out); the background mixes the algorithms’ colours by their estimated "
    "probability. Lines are boundaries, where the most probable algorithm changes, with their 90 % bands.",
    "scaling": "Boundaries against n (90 % bands) on log axes, the power law β* = A / n^γ where the trainings support "
    "one, and what is left over.",
    "refinement": "Where the refinement’s trainings went (coloured; grey: those before), and the boundaries with their "
    "90 % bands before and after them.",
    "counts": "Trainings per algorithm at each β. Every seed counts once.",
    "error_complexity": "Every training’s relative error (mean squared error over the variance of the target; 1 is as "
    "good as a constant) against its complexity, the KL divergence of its weights from their prior. "
    "The steps are the fronts: no training of that n has both a lower error and a lower complexity.",
    "kl_components": "Where the complexity lies: mean KL divergence by tensor of weights.",
    "fractions": "The algorithm of every training at each snapshot. Each row is one β; a cell divides as the "
    "trainings do.",
    "time_map": "The phase map over training: the most probable algorithm at each β and step. Snapshots of a training "
    "are not independent, so that bands are narrower here than what they stand on.",
    "transitions": "Which algorithm turns into which between consecutive snapshots, and how often. A disc’s size shows "
    "how many trainings ever had the algorithm.",
    "generalisation": "Networks drawn at dimensions n that the hypernetworks were never trained at (the grey band is "
    "what they were trained at), by the algorithm that a training has at its own n: medians and quartiles over "
    "trainings, and the share of drawn networks that still carry that algorithm.",
    "order_parameters": "Order parameters of every training: medians over the networks that it draws.",
}
