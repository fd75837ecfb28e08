"""How the story looks: colours where a person watches, plain lines where it is piped."""

import os
import sys
from dataclasses import dataclass
from typing import TextIO

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"


@dataclass(frozen=True)
class Terminal:
    """Writes line by line, never over a line that stands."""

    out: TextIO
    colours: bool

    @classmethod
    def standard(cls) -> "Terminal":
        """Standard output; with colours if it is a terminal and NO_COLOR is not set."""
        return cls(sys.stdout, sys.stdout.isatty() and "NO_COLOR" not in os.environ)

    def heading(self, number: int, text: str) -> None:
        self._line(f"\n{self._in(CYAN, f'{number}')}  {self._in(BOLD, text)}")

    def explain(self, text: str) -> None:
        """A sentence or two about what comes."""
        for line in text.splitlines():
            self._line(f"   {line}".rstrip())

    def command(self, text: str) -> None:
        """A command, as a person would type it."""
        first, *rest = text.splitlines()
        self._line(f"\n   {self._in(DIM, '$')} {self._in(BOLD, first)}")
        for line in rest:
            self._line(f"   {self._in(BOLD, line)}")

    def output(self, text: str, indent: int = 3) -> None:
        """What a command printed."""
        for line in text.rstrip().splitlines():
            self._line(f"{' ' * indent}{line}".rstrip())

    def passed(self, text: str) -> None:
        """Something that was checked, and is so."""
        self._line(f"   {self._in(GREEN, '✓')} {text}")

    def failed(self, text: str) -> None:
        """What does not hold."""
        first, *rest = text.splitlines() or [""]
        self._line(f"\n   {self._in(RED, '✗')} {first}")
        for line in rest:
            self._line(f"     {line}")

    def _in(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def _line(self, text: str) -> None:
        self.out.write(f"{text}\n")
        self.out.flush()
