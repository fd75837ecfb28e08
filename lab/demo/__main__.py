"""`python -m lab.demo`: the whole story. Exits with 1 where a claim does not hold. No process is left running."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from lab import interrupts, lifecycle, person
from lab.controls import RefusedError
from lab.demo import steps
from lab.demo.demonstration import Demonstration
from lab.demo.terminal import Terminal
from lab.errors import LabError
from lab.operators import Operator

LOG_LINES = 20


def main() -> int:
    """Run the demonstration. Returns the exit status."""
    terminal = Terminal.standard()
    interrupts.raise_once()
    folder = Path(tempfile.mkdtemp(prefix="gitlab-azure-identity-demo-"))
    held = False
    try:
        _run(terminal, folder)
        held = True
    except (LabError, RefusedError) as error:
        terminal.failed(str(error))
        _show_log(terminal, folder / "logs" / "operator.log")
    except KeyboardInterrupt:
        terminal.failed("Interrupted.")
    finally:
        interrupts.ignore()
        lifecycle.stop(folder)
        if held:
            shutil.rmtree(folder)
            terminal.explain("\nEverything is taken down. To stay in such a lab: make lab")
        else:
            terminal.explain(f"\nEverything is taken down. The logs are kept: {folder / 'logs'}")
    return 0 if held else 1


def _run(terminal: Terminal, folder: Path) -> None:
    began = time.monotonic()
    terminal.explain(
        "GitLab on AKS, its blobs in Azure Storage, and no storage key anywhere.\n"
        "The API server, the workload identity webhook, azcopy and the operator are real; Azure is simulated on this machine."
    )
    terminal.explain("\nStarting Azure, a cluster and the operator …")
    lab, _ = lifecycle.start(folder, say=lambda _: None)
    Operator.start(lab)
    terminal.passed(f"They run after {time.monotonic() - began:.1f} s.")
    demo = Demonstration(lab, terminal)
    login = person.log_in(lab)
    before = steps.AzureBefore.seen(demo)
    lab.controls.clear_calls()
    steps.apply_until_ready(demo)
    steps.azure_calls(demo)
    steps.secrets(demo)
    environment = steps.pod(demo)
    steps.azcopy(demo, environment)
    steps.doctor(demo, environment, login)
    steps.delete(demo, before)
    terminal.explain(f"\nThat is the whole story, in {time.monotonic() - began:.0f} s.")


def _show_log(terminal: Terminal, log: Path) -> None:
    if log.exists():
        terminal.explain(f"\nThe end of {log}:")
        terminal.output("\n".join(log.read_text().splitlines()[-LOG_LINES:]), indent=5)


if __name__ == "__main__":
    sys.exit(main())
