"""Completion for shells: a script made from the parser itself, so that it knows every command and option."""

import argparse
from collections.abc import Iterator, Mapping

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
            _complete(action, shtab.DIRECTORY)
        elif action.metavar in FILES:
            _complete(action, shtab.FILE)
        elif action.dest in words:
            functions = dict.fromkeys(WORDS, f"_hyperphase_{action.dest}")
            _complete(action, functions | {"fish": " ".join(words[action.dest])})
    defined = [
        WORDS[shell].format(name=name, words=" ".join(some), unspaced="-S '' " if name == "settings" else "")
        for name, some in words.items()
        if shell in WORDS
    ]
    preamble = {shell: "\n".join(["", *defined, ""])}
    return shtab.complete(parser, shell, preamble=preamble)  # type: ignore[arg-type]  # shtab says str, wrongly


def setting_names() -> list[str]:
    """Every "section.key=" that --set takes."""
    from search.config.schema import HypernetworkConfig, section_of

    sections = {name: section_of(HypernetworkConfig, name) for name in HypernetworkConfig.model_fields}
    return [f"{name}.{key}=" for name, section in sections.items() if section for key in section.model_fields]


def _complete(action: argparse.Action, how: Mapping[str, str | dict[str, str]]) -> None:
    """Tell shtab how to complete an argument: by an attribute that argparse's class does not have."""
    vars(action)["complete"] = how


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
