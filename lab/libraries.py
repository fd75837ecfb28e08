"""The shared libraries of azcopy where this machine lacks them: unpacked from its own Debian packages, without root.

npm's azcopy is linked with libsecret, which servers and containers rarely have. apt fetches it from the sources that this
machine is configured with, and verifies it by their signatures; nothing is installed.
"""

import platform
import re
import tempfile
from pathlib import Path

from lab.builds import only_one, say
from lab.places import cache
from lab.programs import run

PACKAGE = "libsecret-1-0"
C_LIBRARY = "libc6"
"""It must be the machine's own: it belongs to the loader that starts every program."""
BY_HAND = f"azcopy needs the library libsecret-1.so.0. Install it (Debian and Ubuntu: apt-get install {PACKAGE})"


def folders() -> list[Path]:
    """The folders with the unpacked libraries, from the cache or fetched now. Raises LabError where apt cannot fetch them."""
    system = platform.freedesktop_os_release()
    root = cache() / "libraries" / f"{PACKAGE}-{system['ID']}-{system.get('VERSION_ID', 'rolling')}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with only_one(root.parent / "lock"):
        if not root.exists():
            _unpack(root)
    return sorted({library.parent for library in root.rglob("*.so.*")})


def _unpack(root: Path) -> None:
    say(f"fetching the Debian package {PACKAGE}, which azcopy needs")
    with tempfile.TemporaryDirectory(dir=root.parent) as name:
        work = Path(name)
        apt = ["apt-get", *_options(work)]
        run([*apt, "--quiet", "--quiet", "update"], BY_HAND)
        wanted = packages(run([*apt, "--simulate", "--no-install-recommends", "install", PACKAGE], BY_HAND))
        run([*apt, "--quiet", "download", *wanted], BY_HAND, work / "packages")
        for package in sorted((work / "packages").glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(work / "root")], BY_HAND)
        (work / "root").rename(root)


def packages(simulation: str) -> list[str]:
    """What must be unpacked, by what `apt-get --simulate` would install: the package with all that is missing for it."""
    found = re.findall(r"^Inst (\S+)", simulation, re.MULTILINE)
    return sorted({PACKAGE, *found} - {C_LIBRARY})


def _options(work: Path) -> list[str]:
    """Options by which apt keeps its index and its downloads below `work`, and reads the machine's sources and keys."""
    for folder in ("lists/partial", "archives/partial", "packages"):
        (work / folder).mkdir(parents=True)
    options = {
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work,
        "Dir::Cache::archives": work / "archives",
        "Acquire::Languages": "none",
    }
    return [word for key, value in options.items() for word in ("--option", f"{key}={value}")]
