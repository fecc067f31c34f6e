"""Sweeps from Python: what the commands do, as functions.

    load_config(preset="quick", settings=["grid.seeds=2"])      a validated config, from a preset or file=…
    run(config, folder)                 train what the folder lacks, on Ray, and write tables and report
    read_training(folder, key)          one training's record: .row, .snapshots, .draws, .hypernetwork
    generate(folder, key, dimension)    a network at any dimension from that training's hypernetwork

docs/python.md has examples that run.
"""

from importlib import import_module

__all__ = ["generate", "load_config", "read_training", "run"]


def __getattr__(name: str):
    """Imported when first asked for: `hyperphase --help` needs none of it."""
    if name in __all__:
        return getattr(import_module("search.api"), name)
    raise AttributeError(f"module 'search' has no attribute {name!r}")
