"""Completion for shells: a script made from the parser itself, so that it knows every command and option."""

import argparse
from collections.abc import Iterator

from search.cli.options import add_command

SHELLS = ("bash", "zsh", "fish")
WORDS = {  # a function that offers words, in each shell
    "bash": '_hyperphase_{name}() {{ compgen -W "{words}" -- "$1"; }}',
    "zsh": "_hyperphase_{name}() {{ compadd {unspaced}{words}; }}",
}
FOLDERS, FILES = ("SWEEP", "DIR"), ("FILE", "TABLE", "PATH", "FILE.npz")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script to evaluate in `shell`, one of SHELLS."""
    import shtab

    from search.config.presets import preset_names
    from trainables.tasks.registry import TASKS

    words = {"preset": preset_names(), "task": list(TASKS), "settings": setting_names()}
    for action in _actions(parser):
        if action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.metavar in FILES:
            action.complete = shtab.FILE
        elif action.dest in words:
            action.complete = dict.fromkeys(WORDS, f"_hyperphase_{action.dest}") | {
                "fish": " ".join(words[action.dest])
            }
    functions = [
        WORDS[shell].format(name=name, words=" ".join(some), unspaced="-S '' " if name == "settings" else "")
        for name, some in words.items()
        if shell in WORDS
    ]
    return shtab.complete(parser, shell, preamble={shell: "\n".join(["", *functions, ""])})


def setting_names() -> list[str]:
    """Every "section.key=" that --set takes."""
    from search.config.schema import Config

    return [
        f"{section}.{key}=" for section, about in Config.model_fields.items() for key in about.annotation.model_fields
    ]


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of the parser and its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def completion(options) -> None:
    print(script(options.root, options.shell))


def add_commands(commands) -> None:
    """Adds these commands and their options to the parser's."""
    command = add_command(
        commands, "completion", "print a script that completes commands and options in a shell", completion
    )
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
