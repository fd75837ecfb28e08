"""How answers are shown: to a terminal, to a pipe, and to a program."""

import json
import sys
from collections.abc import Iterable, Iterator

import click
import yaml
from rich.console import Console

from gitlab_azure_identity.domain.causes.model import commands_in


def print_data(data: object, output: str) -> None:
    """Print an answer for a program, as json or yaml. What the output's encoding lacks is escaped."""
    if output == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=not _takes_all()))
    else:
        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=_takes_all()), nl=False)


def in_terminal() -> bool:
    """Whether a tree can be drawn: in a terminal that has its characters."""
    return sys.stdout.isatty() and _takes_all()


def _takes_all() -> bool:
    """Whether the output's encoding has every character."""
    return sys.stdout.encoding.lower().startswith("utf")


INDENTED = 8  # columns of a tree before its texts


def to_paste(texts: Iterable[str], width: int) -> Iterator[str]:
    """The commands of the texts that a tree wraps in so many columns, once more and each on one line, which a terminal pastes as
    one. A text that is a command begins with `$`."""
    wrapped = [text for text in texts if len(text) + INDENTED > width]
    commands = dict.fromkeys(command for text in wrapped for command in _commands(text))
    if commands:
        yield "To paste:"
    yield from commands


def _commands(text: str) -> tuple[str, ...]:
    return (text.removeprefix("$ "),) if text.startswith("$ ") else commands_in(text)


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)
