"""Parts of the lab that run without a started lab: versions, environment files, tables."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab import arm_client, envfile, programs, tools
from lab.builds import CONTROL_PLANE
from lab.cli import cli
from lab.errors import LabError
from lab.places import Places
from lab.table import table


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", (1, 32)),
        ("Client Version: v1.36.3\nKustomize Version: v5.8.1", (1, 36)),
        ("v4.2.3+g43e8b7f", (4, 2)),
        ("azcopy version 10.32.2", (10, 32)),
        ("no version at all", ()),
    ],
)
def test_a_tools_version_is_read_from_what_it_prints(printed: str, version: tuple[int, ...]) -> None:
    assert programs.version_in(printed) == version


def test_an_old_tool_on_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl = tmp_path / "kubectl"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for printed, found in (("v1.35.9", None), ("v1.36.0", kubectl), ("v2.0.0", kubectl)):
        kubectl.write_text(f"#!/bin/sh\necho Client Version: {printed}\n")
        kubectl.chmod(0o755)
        assert programs.on_path(tools.KUBECTL) == found, printed


@pytest.mark.parametrize("value", ["plain", "it's", 'a "b" $HOME `id`', "", "two\nlines", "/path with/space"])
def test_an_env_file_gives_the_shell_the_exact_value(value: str) -> None:
    script = envfile.exports({"VALUE": value}) + 'printf %s "$VALUE"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == value
    assert script.startswith("export VALUE='")


def test_variables_for_proxies_authorities_clusters_and_azure_are_not_inherited() -> None:
    inherited = {
        "HOME": "/root",
        "https_proxy": "http://proxy",
        "SSL_CERT_FILE": "/ca",
        "KUBECONFIG": "/other",
        "AZURE_CLIENT_SECRET": "hidden",
        "GAI_CLUSTER": "prod",
    }
    assert envfile.without_foreign(inherited) == {"HOME": "/root"}


def test_in_a_shell_with_a_labs_variables_registries_are_reached_without_its_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("LAB_DIR", raising=False)
    assert envfile.outside()["HTTPS_PROXY"] == "http://127.0.0.1:1"
    monkeypatch.setenv("LAB_DIR", "/lab")
    assert "HTTPS_PROXY" not in envfile.outside()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LabError, match="not empty and not a lab"):
        Places.at(tmp_path).make()
    Places.at(tmp_path / "new").make()
    Places.at(tmp_path / "new").make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dir", "/proc/lab", "up"], "Error: No such file or directory: /proc/lab"),
        (["--dir", "/etc/hostname", "down"], "Error: Not a directory: /etc/hostname"),
        (["fault", "add", "--match", "PUT */x", "--status", "999"], "999 is not in the range"),
    ],
)
def test_an_impossible_argument_is_reported_without_a_traceback(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, arguments)

    assert message in result.output
    assert isinstance(result.exception, SystemExit)


def test_the_labs_folder_is_the_argument_then_the_variable_then_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_DIR", raising=False)
    assert Places.at().dir == tmp_path / ".lab"
    monkeypatch.setenv("LAB_DIR", "/from/environment")
    assert Places.at().dir == Path("/from/environment")
    assert Places.at("/named").dir == Path("/named")


def test_a_binary_is_keyed_by_its_sources_and_flags() -> None:
    key = CONTROL_PLANE.key()
    assert key == CONTROL_PLANE.key()
    assert key != type(CONTROL_PLANE)("controlplane", "", "", ldflags="-s").key()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/providers/Microsoft.Storage/storageAccounts/x", "?api-version=2023-05-01"),
        (
            "/a/providers/Microsoft.Storage/b/providers/Microsoft.Authorization/c?$filter=atScope()",
            "&api-version=2022-04-01",
        ),
        ("/subscriptions/x/resourceGroups", "?api-version=2021-04-01"),
        ("/subscriptions/x?api-version=2020-01-01", ""),
    ],
)
def test_a_call_to_arm_has_the_api_version_of_the_last_provider(path: str, expected: str) -> None:
    assert arm_client.with_version(path) == path + expected


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "LONG"), [("wide", "x"), ("b", "")]) == "A      LONG\nwide   x\nb"
