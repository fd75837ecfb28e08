"""`kubectl gai plan`: what the operator would change, seen with a person's own rights. Nothing is written."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
import yaml

from .behind import until_matched
from .colleague import CONFIG_MAP, Colleague
from .operating import Operator
from .resources import GitLab

SLOW = "GET */storageAccounts/storeslow*"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_a_file_of_a_resource_that_nobody_applied_shows_everything_that_would_be_made(
    gitlab: GitLab, reader: Colleague, tmp_path: Path
) -> None:
    gitlab.lab.controls.clear_calls()

    ran = reader.gai("plan", "-f", gitlab.written(tmp_path))

    assert (ran.returncode, ran.stderr) == (0, "")
    first, *rest = ran.stdout.splitlines()
    name = f"lab_{gitlab.namespace}_gitlab"
    assert first == f"{gitlab.namespace}/gitlab: 8 changes"
    assert [line.strip() for line in rest] == [
        "in Azure",
        f"+ managed identity {name}",
        f"+ federated credential for system:serviceaccount:{gitlab.namespace}:gitlab",
        '+ role assignment "Storage Blob Data Contributor" at storage account gitlabstore',
        "in the cluster",
        "+ service account gitlab",
        "+ secret gitlab-azure-backup-conf",
        "+ secret gitlab-object-storage",
        "+ secret gitlab-registry-storage",
        "+ config map gitlab-gitlab-values",
    ]
    changing = [call for call in gitlab.lab.controls.calls() if call.method in ("PUT", "PATCH", "DELETE")]
    assert changing == []
    assert not gitlab.exists("secret", "gitlab-object-storage")


def test_nothing_is_left_to_do_for_a_resource_that_is_ready(gitlab: GitLab, reader: Colleague) -> None:
    gitlab.apply().ready()

    ran = reader.gai("plan", "gitlab", "-n", gitlab.namespace)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{gitlab.namespace}/gitlab: no change\n", "")
    assert reader.answer("plan", "gitlab", "-n", gitlab.namespace)["changes"] == []


def test_a_change_of_the_spec_is_planned_before_it_is_applied(
    gitlab: GitLab, reader: Colleague, tmp_path: Path
) -> None:
    gitlab.apply().ready()
    file = gitlab.written(tmp_path, serviceAccounts=[{"name": "other"}])

    planned = reader.answer("plan", "-f", file, "-n", gitlab.namespace)

    told = {(change["action"], change["object"]) for change in planned["changes"]}
    assert told == {
        ("create", f"federated credential for system:serviceaccount:{gitlab.namespace}:other"),
        ("create", "service account other"),
        ("change", "config map gitlab-gitlab-values (key values.yaml)"),
        ("remove", "service account gitlab"),
        ("remove", f"federated credential for system:serviceaccount:{gitlab.namespace}:gitlab"),
    }
    assert yaml.safe_load(reader.gai("plan", "-f", file, "-o", "yaml").stdout) == planned
    assert reader.gai("plan", "-f", "-", stdin=Path(file).read_text(encoding="utf-8")).stdout.startswith(
        f"{gitlab.namespace}/gitlab: 5 changes\n"
    )


def test_what_is_in_the_way_is_said_with_the_next_step(gitlab: GitLab, reader: Colleague, tmp_path: Path) -> None:
    nowhere = reader.gai("plan", "-f", gitlab.written(tmp_path, storage={"accountName": "storenowhere"}))
    denied = reader.gai("plan", "-f", gitlab.written(tmp_path, storage={"accountName": "otherstore"}))

    assert (nowhere.returncode, denied.returncode) == (1, 1)
    assert nowhere.stdout.splitlines()[0] == f"{gitlab.namespace}/gitlab: no change"
    assert "RolesAssigned AccountNotFound: There is no storage account storenowhere" in nowhere.stdout
    assert "IdentityReady NotPermitted: No rule of the operator's policy" in denied.stdout


def test_without_a_login_to_azure_the_login_is_named(gitlab: GitLab, nobody: Colleague, tmp_path: Path) -> None:
    ran = nobody.gai("plan", "-f", gitlab.written(tmp_path))

    assert ran.returncode == 2
    assert ran.stdout.splitlines()[0] == f"{gitlab.namespace}/gitlab: no change that you can see"
    assert "You are not logged in to Azure: " in ran.stdout
    assert "Log in: az login" in ran.stdout
    assert ran.stderr == ""


def test_without_rights_in_azure_what_was_not_seen_is_named(gitlab: GitLab, nobody: Colleague, tmp_path: Path) -> None:
    ran = nobody.with_role(None).gai("plan", "-f", gitlab.written(tmp_path))

    assert ran.returncode == 2
    assert (
        "You may not read managed identities in resource group rg-gitlab. Ask for the role Reader there." in ran.stdout
    )
    assert "The operator may not" not in ran.stdout


def test_without_the_operators_settings_the_record_says_where_everything_is(
    gitlab: GitLab, reader: Colleague, operator: Operator
) -> None:
    gitlab.apply().ready()
    operator.stop()
    gitlab.remove_assignments()
    developer = reader.in_the_cluster("admin", namespace=gitlab.namespace)

    ran = developer.gai("plan", "gitlab", "-n", gitlab.namespace)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.splitlines()[:3] == [
        f"{gitlab.namespace}/gitlab: 1 change",
        "  in Azure",
        '    + role assignment "Storage Blob Data Contributor" at storage account gitlabstore',
    ]
    assert "whether the operator's policy admits it was not checked" in ran.stdout


def test_without_settings_and_without_a_record_it_says_what_to_name(
    gitlab: GitLab, reader: Colleague, tmp_path: Path
) -> None:
    developer = reader.in_the_cluster("admin", namespace=gitlab.namespace)
    file = gitlab.written(tmp_path)
    settings = tmp_path / "settings.yaml"
    settings.write_text(gitlab.lab.api.get(CONFIG_MAP)["data"]["settings.yaml"], encoding="utf-8")

    lost = developer.gai("plan", "-f", file)

    assert lost.returncode == 2
    assert "--settings" in lost.stderr
    given = developer.gai("plan", "-f", file, "--settings", str(settings))
    assert given.stdout.startswith(f"{gitlab.namespace}/gitlab: 8 changes\n")
    settings.write_text("cluster: ''\n", encoding="utf-8")
    assert "cluster: " in developer.gai("plan", "-f", file, "--settings", str(settings)).stderr


def test_wrong_names_are_answered(gitlab: GitLab, reader: Colleague, tmp_path: Path) -> None:
    gitlab.apply()

    wrong = reader.gai("plan", "gitlba", "-n", gitlab.namespace)
    elsewhere = reader.gai("plan", "-f", gitlab.written(tmp_path), "-n", "default")

    assert (wrong.returncode, elsewhere.returncode) == (2, 2)
    assert "Did you mean gitlab?" in wrong.stderr
    assert f"is of namespace {gitlab.namespace}, and --namespace says default" in elsewhere.stderr
    assert "There is no kubeconfig at /nowhere" in reader.gai("plan", "gitlab", KUBECONFIG="/nowhere").stderr
    assert "Name a resource, or a file with -f." in reader.gai("plan").stderr


@pytest.mark.parametrize("columns", [80, 200])
def test_in_a_terminal_it_is_a_coloured_tree_of_its_width(
    gitlab: GitLab, reader: Colleague, tmp_path: Path, columns: int
) -> None:
    file = gitlab.written(tmp_path)
    terminal = reader.terminal("plan", "-f", file, columns=columns)
    plain = reader.terminal("plan", "-f", file, NO_COLOR="1")

    assert (terminal.ended(), plain.ended()) == (0, 0)
    assert COLOUR.search(terminal.text)
    assert not re.search(r"\x1b\[[0-9;]*3\d", plain.text)
    lines = COLOUR.sub("", terminal.text).splitlines()
    assert lines[0] == f"{gitlab.namespace}/gitlab: 8 changes"
    assert lines[1] == "├── in Azure"
    assert max(map(len, lines)) <= columns


def test_ctrl_c_ends_it_quietly(gitlab: GitLab, reader: Colleague, tmp_path: Path) -> None:
    gitlab.lab.controls.add_fault(SLOW, hang=True)
    terminal = reader.terminal("plan", "-f", gitlab.written(tmp_path, storage={"accountName": "storeslow"}))
    until_matched(gitlab.lab, SLOW)
    os.kill(terminal.process.pid, signal.SIGINT)

    assert terminal.ended() == 130
    assert "Traceback" not in terminal.text
