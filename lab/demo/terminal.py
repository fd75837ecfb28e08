"""The demonstration's output: in colours at a terminal, in plain lines elsewhere."""

import os
import sys
from dataclasses import dataclass
from typing import TextIO

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"


@dataclass(frozen=True)
class Terminal:
    """Writes line by line, and never overwrites a line."""

    out: TextIO
    colours: bool

    @classmethod
    def standard(cls) -> "Terminal":
        """Standard output, in colours if it is a terminal and NO_COLOR is not set."""
        return cls(sys.stdout, sys.stdout.isatty() and "NO_COLOR" not in os.environ)

    def heading(self, number: int, text: str) -> None:
        self._line(f"\n{self._in(CYAN, f'{number}')}  {self._in(BOLD, text)}")

    def explain(self, text: str) -> None:
        """A sentence or two that explain what comes."""
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
        """A claim that was checked, and holds."""
        self._line(f"   {self._in(GREEN, '✓')} {text}")

    def failed(self, text: str) -> None:
        """What failed."""
        first, *rest = text.splitlines() or [""]
        self._line(f"\n   {self._in(RED, '✗')} {first}")
        for line in rest:
            self._line(f"     {line}")

    def _in(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def _line(self, text: str) -> None:
        self.out.write(f"{text}\n")
        self.out.flush()
