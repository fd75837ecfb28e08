"""How long a person waits for `kubectl gai`, which kubectl finds as its plugin."""

import subprocess
import time
from collections.abc import Sequence

from lab.bench.resources import BenchError
from lab.running import Lab


def until_the_first_line(lab: Lab, words: Sequence[str]) -> float:
    """Run `kubectl gai` with these words. Returns the seconds from its start to the first line that it prints. Raises BenchError
    where it fails."""
    command = [str(lab.tool("kubectl")), "gai", *words]
    began = time.monotonic()
    with subprocess.Popen(
        command,
        env=lab.environ(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as ran:
        lines = iter(ran.stdout or ())
        first = next(lines, "")
        took = time.monotonic() - began
        rest = "".join(lines)
    if ran.returncode != 0:
        raise BenchError(f"kubectl gai {' '.join(words)} ended with {ran.returncode}: {first}{rest}")
    return took
