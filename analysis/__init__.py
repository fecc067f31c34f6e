"""Read the algorithm out of a network, and the phases out of a sweep. Nothing here trains.

    load_sweep(folder)          a sweep's folder as pandas frames: .trainings, .done, .snapshots
    read_phases(sweep.done)     the phase map and its boundaries with 90 % intervals
    read_equilibrium(sweep.done)   which algorithm has the lowest objective at each β, and where that changes
    describe(network, target)   algorithm, formula, faithfulness and order parameters of a Network or its file
    draw(network, path)         its drawing, which a notebook shows; with a path, a .png or .svg file too
    Algorithm(name, score, …)   an algorithm of one's own, its criterion made with beyond and worst, its formula a
                                LinearForm of Terms
    Section(name, title, draw)  a section of the report of one's own
    explain(network)            neuron types, the shortest faithful formula and its pattern, of any network
    find_clusters(sweep.done)   candidates for unknown algorithms among the trainings labelled `other`
    write_report(folder)        the report, from the sweep's tables

In a notebook Phases show their map. docs/python.md has examples that run.
"""

from importlib import import_module

_HOMES = {
    "Algorithm": "algorithms.algorithm",
    "LinearForm": "algorithms.closed_form",
    "Network": "network",
    "Section": "report.section",
    "Term": "algorithms.closed_form",
    "UserError": "errors",
    "beyond": "algorithms.algorithm",
    "describe": "algorithms.classify",
    "draw": "drawing.draw",
    "explain": "patterns.explain",
    "find_clusters": "sweeps.clusters",
    "load_sweep": "sweeps.load",
    "read_equilibrium": "sweeps.equilibrium",
    "read_phases": "sweeps.phases",
    "worst": "algorithms.algorithm",
    "write_report": "report.write",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    """Imported when first asked for: `import analysis` costs nothing."""
    if name in _HOMES:
        return getattr(import_module(f"analysis.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
