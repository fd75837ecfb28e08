"""What a command could not do, in words for a person, and the exit status that says so."""

from typing import Final

import click

PROBLEM: Final = 1
NOT_CHECKED: Final = 2
INTERRUPTED: Final = 130  # 128 and the number of SIGINT, as shells have it


class CouldNotCheck(click.ClickException):
    """Nothing can be said about the resource. The message names what is broken and the next step."""

    exit_code = NOT_CHECKED
