"""Commands on tables: boundaries, compare."""

from pathlib import Path

from analysis.errors import UserError
from analysis.formatting import printable
from search.cli.options import add_command, add_json, path
from search.terminal.output import json_text


def add_commands(commands) -> None:
    """Adds these commands and their options to the parser's."""
    command = add_command(
        commands, "compare", "set sweeps side by side: their order parameters and their boundaries", compare
    )
    command.add_argument("sweeps", type=path, nargs="+", metavar="SWEEP", help="folders; the first is compared with")
    command.add_argument("--most-error", type=float, default=0.1, metavar="E", help="only trainings up to this "
                         "relative error have order parameters (default: 0.1)")  # fmt: skip
    command.add_argument("--out", type=path, required=True, metavar="DIR", help="the folder for tables and pictures")
    add_json(command)

    command = add_command(commands, "boundaries", "map the phases of any table of x, y and label", boundaries)
    command.add_argument("table", type=path, metavar="TABLE", help="a .csv (commas, semicolons, tabs) or .parquet file")
    for axis, what in (("x", "along which boundaries are looked for"), ("y", "that boundaries may depend on"),
                       ("label", "of a row's phase")):  # fmt: skip
        command.add_argument(f"--{axis}", required=True, metavar="COLUMN", help=f"the column {what}")
    command.add_argument("--energy", metavar="COLUMN", help="the column of the error, or whatever trainings minimise: "
                         "with --complexity, says which label is best where")  # fmt: skip
    command.add_argument("--complexity", metavar="COLUMN", help="the column of what x is the price of: trainings "
                         "minimise energy + x · complexity")  # fmt: skip
    command.add_argument("--seed", metavar="COLUMN", help="rows with the same number here share their noise "
                         "(default: none do)")  # fmt: skip
    command.add_argument("--log-x", action="store_true", help="use a log axis for x")
    command.add_argument("--log-y", action="store_true", help="use a log axis for y")
    command.add_argument("--merge", action="append", default=[], metavar="LABEL=NAME",
                         help="count a label as another: mirror images, say; may be given again")  # fmt: skip
    command.add_argument("--out", type=path, required=True, metavar="DIR", help="the folder for table and picture")
    add_json(command)


def boundaries(options) -> None:
    from analysis.phases.from_table import write_boundaries, write_equilibrium

    if (options.energy is None) != (options.complexity is None):
        raise UserError("--energy and --complexity go together: the objective is energy + x · complexity")
    if options.seed is not None and options.energy is None:
        raise UserError("--seed is for --energy and --complexity")
    merge, equal = _merges(options.merge), None
    if options.energy is not None:
        columns = {name: getattr(options, name) for name in ("x", "y", "label", "energy", "complexity", "seed", "out")}
        equal = write_equilibrium(options.table, **columns, log_x=options.log_x, merge=merge).boundaries
    phase_map, table = write_boundaries(
        options.table,
        x=options.x,
        y=options.y,
        label=options.label,
        log_x=options.log_x,
        log_y=options.log_y,
        merge=merge,
        out=options.out,
    )
    if options.json:
        found = {"labels": phase_map.labels, "boundaries": table.to_dict("records")}
        print(json_text(found | ({} if equal is None else {"equilibrium": equal.to_dict("records")})))
        return
    print("\n".join(_found(table, options.x, options.y)))
    if equal is not None:
        print("\n".join(_equal(equal, options.x, options.y)))
    more = ", equilibrium.csv, ground_states.csv, equilibrium.png" if equal is not None else ""
    print(f"{printable(options.out / 'boundaries.csv')}{more}, phase_map.png and probabilities.csv written")


def compare(options) -> None:
    from analysis.report.comparison import write_comparison

    said = write_comparison(options.sweeps, options.out, most_error=options.most_error)
    if options.json:
        tables = ("order_parameters", "boundaries")
        print(json_text({name: as_records(options.out / f"{name}.csv") for name in tables}))
        return
    print(said)
    print(f"{printable(options.out / 'order_parameters.csv')}, order_parameters.png and boundaries.csv written")


def as_records(table: Path) -> list[dict]:
    """The rows of a table that we wrote."""
    import pandas as pd

    return pd.read_csv(table, keep_default_na=False, na_values=[""]).to_dict("records")


def _found(table, x: str, y: str) -> list[str]:
    """A line for every boundary: where it lies, and its 90 % interval."""
    if table.empty:
        return ["no boundary is certain enough to report"]
    lines = [f"boundaries in {printable(x)} (90 % interval):"]
    for row in table.itertuples():
        low, high = "< " * row.low_is_open, "> " * row.high_is_open
        lines.append(
            printable(f"  {y} = {row.y:g}: {row.lower_phase} | {row.upper_phase} at {row.x:.4g} "
                      f"({low}{row.x_low:.4g} … {high}{row.x_high:.4g})")
        )  # fmt: skip
    return lines


def _equal(table, x: str, y: str) -> list[str]:
    """A line for every place at which two labels are equally good."""
    if table.empty:
        return ["no two labels are equally good anywhere"]
    lines = [f"equally good in {printable(x)} (90 % interval):"]
    for row in table.itertuples():
        where = f"at {row.x:.4g} ({row.x_low:.4g} … {row.x_high:.4g})"
        lines.append(printable(f"  {y} = {row.y:g}: {row.lower_phase} | {row.upper_phase} {where}"))
    return lines


def _merges(options: list[str]) -> dict[str, str]:
    """LABEL=NAME as given -> {label: name}."""
    merge = {}
    for option in options:
        label, equals, name = option.partition("=")
        if not (equals and label and name):
            raise UserError(f"--merge {option}: expected LABEL=NAME, as in --merge pudding_positive=pudding")
        merge[label] = name
    return merge
