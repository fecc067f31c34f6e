"""The command `hyperphase`. Whatever is slow to import is imported by the command that needs it."""

import argparse
import os
import sys
from pathlib import Path

from analysis.errors import UserError
from analysis.formatting import printable
from search.cli import completion, network_commands, sweep_commands, table_commands
from search.cli.options import Examples, Parser
from search.config.secrets import mask
from search.terminal.colours import error
from search.terminal.output import be_quiet, notes, show_what_can_be_shown
from trainables.errors import TrainableError

SOURCES = Path(__file__).resolve().parents[2]  # whose warnings are shown
DESCRIPTION = "Which algorithm did the network learn, and where does that change?"
EXAMPLES = """examples:
  hyperphase sweep --preset quick      train a small grid, and report
  hyperphase ui sweeps/quick           browse the trainings in MLflow
  hyperphase COMMAND --help            what a command takes
"""


def parser() -> argparse.ArgumentParser:
    """The command's parser, with all commands."""
    root = Parser(prog="hyperphase", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=Examples)
    root.add_argument("--version", action="store_true", help="print the version and exit")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    for group in (sweep_commands, table_commands, network_commands, completion):
        group.add_commands(commands)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Runs a command. Exit codes: 0 done, 1 incomplete, 2 a mistake of the user's, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    show_what_can_be_shown()
    root = parser()
    options, unknown = root.parse_known_args(arguments)
    if unknown:  # the command's own parser says so, which knows the command's help
        getattr(options, "parser", root).error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.version:
        from importlib.metadata import version

        print(f"hyperphase {version('hyperphase')}")
        return 0
    if options.command is None:
        root.print_help()
        return 2
    try:
        be_quiet(options.quiet)
        _plain_warnings()
        options.command_line = ["hyperphase", *arguments]
        options.root = root
        return options.run(options) or 0
    except (UserError, TrainableError) as mistake:
        print(error(printable(mask(str(mistake))), sys.stderr), file=sys.stderr)
        return 2
    except BrokenPipeError:  # `hyperphase … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as trouble:  # a full disk, a folder that cannot be written: the machine's state, not a bug
        where = f"{trouble.filename}: " if trouble.filename else ""
        print(error(printable(mask(f"{where}{trouble.strerror or trouble}")), sys.stderr), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(error("interrupted", sys.stderr), file=sys.stderr)
        return 130
    except Exception as bug:
        if options.verbose:
            raise
        text = f"internal error: {type(bug).__name__}: {bug}; with -v the whole story"
        print(error(printable(mask(text)), sys.stderr), file=sys.stderr)
        return 1


def _plain_warnings() -> None:
    """Warnings as one line on stderr, ours only."""
    import warnings

    def show(message, category, filename, lineno, file=None, line=None):
        if category is UserWarning and Path(filename).is_relative_to(SOURCES):
            print(f"warning: {printable(mask(str(message)))}", file=notes(), flush=True)

    warnings.showwarning = show
