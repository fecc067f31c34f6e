"""The report's own sections, in the order of the page. Each leaves itself out where the tables lack what it needs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analysis.charts import dynamics
from analysis.charts.common import binned_note
from analysis.charts.complexity import error_complexity, kl_components
from analysis.charts.counts import counts_along_x
from analysis.charts.curves import MAX_CURVES, curves_chart
from analysis.charts.equilibrium import equilibrium_chart
from analysis.charts.generalisation import generalisation_chart
from analysis.charts.hysteresis import hysteresis_chart
from analysis.charts.order_parameters import order_parameter_pairs, order_parameter_scatter
from analysis.charts.phase_map import phase_map_chart, scaling_chart
from analysis.charts.refinement import refinement_chart
from analysis.charts.time_map import dots_note, time_map_chart
from analysis.report import cards, context, own_cards
from analysis.report.section import MAX_DOTS, Picture, ReportData, Section
from analysis.sweeps.experiment import BETA, Experiment, Slice
from analysis.sweeps.sample import stratified_sample

if TYPE_CHECKING:
    from markupsafe import Markup

    from analysis.report.section import Part

# what sections on hypernetworks need; another experiment's table that has all of it is welcome
MEASURED = ("algorithm", "beta", "dimension", "complexity_nats", "relative_error")
NAMED = ("algorithm",)  # every table of trainings has this column: what these sections need is a completed training


def _phase_map(data: ReportData) -> "Iterator[Part]":
    from analysis.algorithms.names import mirror_images

    experiment = data.experiment
    for number, (part, phases) in enumerate(data.slices):
        chart = phase_map_chart(phases, part.rows, data.dots)
        caption = _phase_map_caption(experiment) + data.dots_note
        yield Picture(_sliced("phase_map", number), _at(part) + caption, chart)
        tables = context.boundary_table(phases) | context.split_table(part.rows, mirror_images(), experiment)
        yield data.html("phase_map.html.j2", heading=f"{part.title}: " if part.title else "", **tables)
    if data.slices_note:
        yield data.slices_note


def _sliced(name: str, number: int) -> str:
    """A picture's name in one of the slices."""
    return f"{name}_{number + 1}" if number else name


def _at(part: Slice) -> str:
    """How the caption of a slice's picture begins."""
    return f"At {part.title}. " if part.title else ""


def _phase_map_caption(experiment: Experiment) -> str:
    x, y, kind = experiment.x, experiment.y, experiment.kind
    what = f"Which outcome training has at which {x.heading} and {y.heading}"
    if not experiment.own:
        what = "Which algorithm is learned at which complexity penalty β and input dimension n"
    return (
        f"{what}. Each dot is one training (repeats fan out); the background mixes the {kind}s’ colours by their "
        f"estimated probability. Lines are boundaries, where the most probable {kind} changes, with their 90 % bands."
    )


PHASE_MAP = Section("map", "Phase map", _phase_map, needs=NAMED)


def _equilibrium(data: ReportData) -> "Iterator[Part]":
    from analysis.sweeps.equilibrium import STATES_FILE

    yield Picture("equilibrium", EQUILIBRIUM_CAPTION, equilibrium_chart(data.equilibrium))
    if len(data.equilibrium.ground_states):
        data.equilibrium.ground_states.to_csv(data.folder / STATES_FILE, index=False)
        yield data.html("equilibrium.html.j2", **context.equilibrium_table(data.equilibrium, data.phases))


EQUILIBRIUM_CAPTION = (
    "The objective, error + β · nats, that each algorithm reaches at each β, over the lowest of all (90 % bands, "
    "bootstrapped over seeds). Dots are trainings (of many, 400 by lot at each n); lines are where two algorithms are "
    "equally good. The upper strip is the ground state, the algorithm with the lowest objective; the lower one is what "
    "the trainings ended in."
)
EQUILIBRIUM = Section(
    "equilibrium",
    "At equilibrium",
    _equilibrium,
    needs=MEASURED,
    menu="Equilibrium",
)


def _hysteresis(data: ReportData) -> "Iterator[Part]":
    from analysis.sweeps import annealing

    annealed = annealing.load(data.sweep.folder, data.done)
    if annealed is None:
        return
    yield hysteresis_chart(annealed, data.equilibrium)
    turns = annealing.turning_points(annealed, data.equilibrium)
    if len(turns):
        yield "Where the ways change, in β: up is where the way up leaves the lower phase, down where one down has it."
        yield turns


HYSTERESIS = Section(
    "hysteresis",
    "Hysteresis",
    _hysteresis,
    "Hypernetworks that went on at the next β from where they were, up (△) and down (▽) the ladder: medians over "
    "seeds, the loop between them grey. Lines are boundaries at equilibrium: on the far side of one, a way keeps an "
    "algorithm that is no longer the best.",
    needs=MEASURED,
)


def _scaling(data: ReportData) -> Iterator[Picture]:
    from analysis.algorithms.names import display_name
    from analysis.phases.scaling_laws import scaling_laws

    x, y = data.experiment.x, data.experiment.y
    for number, (part, phases) in enumerate(data.slices):
        possible = x.log and y.log and part.rows[y.name].nunique() > 1
        laws = scaling_laws(phases.phase_map) if possible else []
        said = "; ".join(law.describe(y.short, title=display_name) for law in laws)
        caption = (
            f"Boundaries against {y.short} (90 % bands) on log axes, the power law {x.short}* = A / {y.short}^γ where "
            f"the trainings support one, and what is left over. {said}."
        )
        yield Picture(_sliced("scaling", number), _at(part) + caption, scaling_chart(laws, data.experiment))


SCALING = Section("scaling", "Scaling laws", _scaling, needs=NAMED)


def _refinement(data: ReportData) -> Picture | None:
    from analysis.sweeps.rounds import read_rounds

    rounds = read_rounds(data.sweep.folder)
    if len(rounds) < 2:
        return None
    asked = data.done[data.done["key"].isin({key for each in rounds for key in each.keys})]
    kept = {*data.dots["key"], *asked["key"].iloc[stratified_sample(asked, MAX_DOTS, by=data.strata)]}
    shown = data.done[data.done["key"].isin(kept)]
    thinned = f" Dots: {len(shown):,} of {len(data.done):,} trainings, a share of every {data.strata_text}."
    caption = REFINEMENT_CAPTION + thinned * (len(shown) < len(data.done))
    return Picture("refinement", caption, refinement_chart(rounds, shown, data.experiment))


REFINEMENT_CAPTION = (
    "Where the refinement’s trainings went (coloured; grey: those before), and the boundaries with their 90 % bands "
    "before and after them."
)
REFINEMENT = Section("refinement", "Refinement", _refinement)


def _counts(data: ReportData) -> Picture:
    x = data.experiment.x
    caption = f"Trainings per {data.experiment.kind} at each {x.short}. Every seed counts once."
    caption += binned_note(data.done[x.name], x)
    return Picture("counts", caption, counts_along_x(data.done, data.experiment))


COUNTS = Section(
    "counts",
    lambda data: f"{data.experiment.kind.capitalize()}s by {data.experiment.x.short}",
    _counts,
    needs=NAMED,
)


def _complexity(data: ReportData) -> "Iterator[Part]":
    yield Picture(
        "error_complexity",
        "Every training’s relative error (mean squared error over the variance of the target; 1 is as "
        "good as a constant) against its complexity, the KL divergence of its weights from their prior. "
        "The steps are the fronts: no training of that n has both a lower error and a lower complexity."
        + data.dots_note,
        error_complexity(data.done, data.dots),
    )
    yield data.html("ranking.html.j2", **context.ranking_table(data.done))
    caption = "Where the complexity lies: mean KL divergence by tensor of weights."
    caption += binned_note(data.done["beta"], BETA)
    yield Picture("kl_components", caption, kl_components(data.done))


COMPLEXITY = Section("complexity", "Error and complexity", _complexity, needs=MEASURED, menu="Complexity")


def _dynamics(data: ReportData) -> Iterator[Picture]:
    from analysis.sweeps.dynamics import transitions

    labelled, x, kind = data.sweep.snapshots, data.experiment.x.short, data.experiment.kind
    labelled = labelled[labelled["algorithm"].notna()]
    for number, (part, _) in enumerate(data.slices if data.experiment.axes[2:] else [(Slice("", data.done, {}), None)]):
        snapshots = labelled[labelled["key"].isin(part.rows["key"])] if part.title else labelled
        if not len(snapshots):
            continue
        yield Picture(
            _sliced("fractions", number),
            f"{_at(part)}The {kind} of every training at each snapshot. Each row is one {x}; a cell divides as the "
            "trainings do." + binned_note(snapshots[data.experiment.x.name], data.experiment.x),
            dynamics.fractions_over_training(snapshots, data.experiment),
        )
        yield Picture(
            _sliced("time_map", number),
            f"{_at(part)}The phase map over training: the most probable {kind} at each {x} and step. Snapshots of a "
            "training are not independent, so that bands are narrower here than what they stand on."
            + dots_note(snapshots, data.experiment),
            time_map_chart(snapshots, data.experiment),
        )
    yield Picture(
        "transitions",
        f"Which {kind} turns into which between consecutive snapshots, and how often. A disc’s size shows "
        f"how many trainings ever had the {kind}.",
        dynamics.transition_graph(transitions(labelled)),
    )


DYNAMICS = Section(
    "dynamics", "Phases over training", _dynamics, needs_snapshots=("step", "algorithm"), menu="Over training"
)


def _curves(data: ReportData) -> Picture | None:
    from analysis.sweeps.statistics import order_parameters

    if not data.experiment.own:
        return None
    names = order_parameters(data.sweep.snapshots, data.experiment)
    if not names:
        return None
    shown = names[:MAX_CURVES]
    left = f" Not shown: {', '.join(names[MAX_CURVES:])}." if len(names) > MAX_CURVES else ""
    caption = (
        f"What trainings measured, by the {data.experiment.kind} that they ended in: medians and quartiles over those "
        f"that came to a step.{left}"
    )
    ended = data.done.set_index("key")["algorithm"]
    return Picture("curves", caption, curves_chart(data.sweep.snapshots, ended, shown))


CURVES = Section("curves", "Curves", _curves, needs=NAMED, needs_snapshots=("step",))


def _unseen(data: ReportData) -> Picture | None:
    from analysis.sweeps import generalisation

    table = generalisation.load(data.sweep.folder, set(data.done["key"]))
    if table is None:
        return None
    return Picture(
        "generalisation",
        "Networks drawn at dimensions n that the hypernetworks were never trained at (the grey band is "
        "what they were trained at), by the algorithm that a training has at its own n: medians and quartiles over "
        "trainings, and the share of drawn networks that still carry that algorithm.",
        generalisation_chart(table),
    )


UNSEEN = Section("unseen", "Unseen dimensions", _unseen)


def _order_parameters(data: ReportData) -> "Iterator[Part]":
    from analysis.sweeps.statistics import metric_medians, order_parameters

    own, names = data.experiment.own, order_parameters(data.done, data.experiment)
    caption = "Order parameters of every training: medians over the networks that it draws."
    if own and names:
        yield metric_medians(data.done, names)
        caption = "Metrics of every training."
    pairs = order_parameter_pairs(names)
    chart = order_parameter_scatter(data.dots, pairs) if pairs else None
    yield Picture("order_parameters", caption + data.dots_note, chart)


ORDER_PARAMETERS = Section(
    "order",
    lambda data: "Metrics" if data.experiment.own else "Order parameters",
    _order_parameters,
    needs=NAMED,
)


def _candidates(data: ReportData) -> "Markup | None":
    if data.experiment.own:
        shown = own_cards.cluster_context(data)
        return data.html("own_candidates.html.j2", **shown) if shown["candidates"] else None
    shown = cards.cluster_context(*data.clusters, data.done, data.gallery, data.links, data.sweep)
    return data.html("candidates.html.j2", sweep=data.sweep.folder.name, **shown) if shown["candidates"] else None


CANDIDATES = Section(
    "candidates",
    lambda data: f"Candidates for unknown {data.experiment.kind}s",
    _candidates,
    needs=NAMED,
    menu="Candidates",
)


def _pictures(data: ReportData) -> "Markup | None":
    groups = own_cards.pictures(data)
    return data.html("pictures.html.j2", groups=groups) if groups else None


PICTURES = Section("pictures", "Pictures", _pictures, needs=NAMED)


def _drawings(data: ReportData) -> "Markup | None":
    if data.gallery is None:
        return None
    shown = cards.gallery_context(data.gallery, data.done, data.links)
    return data.html("gallery.html.j2", **shown, linked=bool(data.links)) if shown["gallery"] else None


DRAWINGS = Section("gallery", "Drawings", _drawings, needs=NAMED)

TRAININGS = Section(
    "table",
    "Trainings",
    lambda data: data.html(
        "trainings.html.j2",
        shown=len(data.shown),
        trainings=len(data.sweep.trainings),
        strata=data.strata_text,
        example="" if data.experiment.own else ", e.g. pudding 1e-5",
    ),
)


def _failures(data: ReportData) -> "Markup | None":
    failed = data.sweep.failed
    some = failed.iloc[stratified_sample(failed, context.MANY_FAILURES, by=("reason",))].to_dict("records")
    result = "an outcome" if data.experiment.own else "a network"
    shown = {"failures": some, "failed": len(failed), "axes": data.experiment.axes[::-1], "result": result}
    return data.html("failures.html.j2", **shown) if some else None


FAILURES = Section("failures", "Failures", _failures)

MANIFEST = Section(
    "manifest",
    "Manifest",
    lambda data: data.html("manifest.html.j2", **context.manifest_context(data.sweep.manifest)),
)

SECTIONS: tuple[Section, ...] = (
    PHASE_MAP,
    EQUILIBRIUM,
    HYSTERESIS,
    SCALING,
    REFINEMENT,
    COUNTS,
    COMPLEXITY,
    DYNAMICS,
    CURVES,
    UNSEEN,
    ORDER_PARAMETERS,
    CANDIDATES,
    DRAWINGS,
    PICTURES,
    TRAININGS,
    FAILURES,
    MANIFEST,
)
