"""What the lab takes from the machine: checked by prerequisites.sh, which needs no Python and is the first that `make` runs."""

import subprocess

from lab.envfile import outside
from lab.errors import LabError
from lab.places import ROOT


def require(*names: str) -> None:
    """Raises LabError that says all that the machine lacks of these, and how to install it."""
    check = ["sh", str(ROOT / "lab" / "prerequisites.sh"), *names]
    ran = subprocess.run(check, env=outside(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise LabError(ran.stderr.strip())
