"""SIGTERM and Ctrl-C end a command in the same way, so that it ends what it started."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def raise_once() -> None:
    """Have the first SIGTERM or Ctrl-C raise KeyboardInterrupt.

    Later ones are ignored: the command is then ending what it started.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    """Ignore SIGTERM and Ctrl-C from now on: a command that ends its processes must not leave half of them behind."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt
