"""The command line as a program runs it that has closed its standard streams, as cron jobs and daemons may."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

PROGRAM = Path(sys.executable).parent / "kubectl-gai"
FILE = ROOT / "examples" / "gitlab.yaml"


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (f"values -f {FILE} >&-", 0, ""),
        (f"values -f {FILE} 2>&-", 0, ""),
        ("values -f - <&-", 2, "has no GitLabAzureIdentity"),
        ("status >&-", 2, "There is no kubeconfig at"),
    ],
)
def test_a_stream_that_is_closed_is_an_empty_one(command: str, status: int, said: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", f"{PROGRAM} {command}"],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == status, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
