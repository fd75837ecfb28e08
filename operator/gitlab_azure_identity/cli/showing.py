"""How answers are shown: to a terminal, to a pipe, and to a program."""

import json
import sys

import click
import yaml
from rich.console import Console


def print_data(data: object, output: str) -> None:
    """Print an answer for a program, as json or yaml."""
    if output == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


def in_terminal() -> bool:
    """Whether a tree can be drawn: in a terminal that has its characters."""
    return sys.stdout.isatty() and sys.stdout.encoding.lower().startswith("utf")


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)
