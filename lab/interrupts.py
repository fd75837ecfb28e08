"""SIGTERM and Ctrl-C end a command in the same way, so that it ends what it started."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def interrupt_once() -> None:
    """Have the first SIGTERM or Ctrl-C raise KeyboardInterrupt.

    Later ones are ignored: the command is then ending the lab's processes, and half of that would leave some behind.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
