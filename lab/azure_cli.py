"""The Azure CLI, for tests of the commands in documentation and messages: from PyPI, in an environment of its own.

Its locked packages are other versions of the Azure SDKs than the operator's, so it does not share the checkout's `.venv`. No lab
needs it: it is installed when a test asks for it, which takes half a minute, and 400 MB of the user's cache.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.builds import only_one, say
from lab.places import ROOT, cache
from lab.programs import run

LOCK = ROOT / "requirements-azure-cli.lock"

# azure-cli's own parser, up to where it would carry the command out. The event is raised after argparse has accepted the words
# and before the command is called (azure.cli.core.commands, AzCliCommandInvoker.execute).
PARSE = """
import sys
from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS

cli = get_default_cli()
cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, lambda *_, **__: sys.exit(0))
cli.invoke(sys.argv[1:])
sys.exit("the command was carried out, or only printed help")
"""


def program() -> Path:
    """`az`. It is installed into the cache first where it is not there yet. Raises LabError."""
    return _installed() / "bin" / "az"


def refusal(words: list[str], environment: Mapping[str, str]) -> str | None:
    """What `az` says against its arguments; None where it understands them. The command itself is not carried out."""
    parsed = subprocess.run(
        [_installed() / "bin" / "python", "-c", PARSE, *words],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if parsed.returncode == 0 else parsed.stderr


def settings(folder: Path) -> dict[str, str]:
    """The variables by which `az` keeps its login and its settings in a folder, and sends no reports of its use."""
    return {"AZURE_CONFIG_DIR": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "false"}


def _installed() -> Path:
    """The folder of the environment. Its name has a hash of the lock and the version of Python."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = cache() / "tools" / f"azure-cli-{digest}-python{sys.version_info.major}.{sys.version_info.minor}"
    ready = folder / ".ready"
    if not ready.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with only_one(cache() / "azure-cli.lock"):
            if not ready.exists():
                _install(folder)
                ready.touch()
    return folder


def _install(folder: Path) -> None:
    say("installing the Azure CLI for the tests, about half a minute")
    problem = "The Azure CLI could not be installed"
    shutil.rmtree(folder, ignore_errors=True)  # one that was interrupted
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)], problem)
    run(
        [
            *(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"),
            *("--disable-pip-version-check", "--no-compile", "--only-binary=:all:"),
            *("--require-hashes", "--requirement", str(LOCK)),
        ],
        problem,
    )
