"""The lab as a person uses it: it starts quickly, its env file sets up a shell, and its commands do what docs/lab.md says."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.azure import seeded
from lab.places import ROOT
from lab.processes import Parts
from lab.running import Lab

from .colleague import publish_settings
from .resources import GitLab
from .test_webhook import LABEL, create_pod

Shell = Callable[..., str]


@pytest.fixture
def shell(lab: Lab, tmp_path: Path) -> Shell:
    """A bash in the checkout that has sourced the env file, without the environment of this process. Returns what it prints."""

    def run(script: str, status: int = 0) -> str:
        ran = subprocess.run(
            ["bash", "-euc", f"source {lab.places.env}; {script}"],
            cwd=ROOT,
            env={"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == status, ran.stderr
        return ran.stdout

    return run


@pytest.fixture(autouse=True)
def as_it_was(lab: Lab) -> Iterator[None]:
    yield
    lab.controls.clear_faults()
    lab.controls.set(role_propagation=0.0)


def test_it_is_up_within_fifteen_seconds(started: tuple[Lab, float]) -> None:
    """When nothing is left to build or to fetch."""
    _, seconds = started
    assert seconds < 15


def test_every_part_is_found_as_the_labs_own(lab: Lab) -> None:
    """So the check at the end of these tests, for processes that are left, finds the right ones."""
    parts = Parts(lab.places)
    assert set(parts.known().values()) <= set(parts.leftovers())


def test_status_names_the_parts_and_fails_where_there_are_none(shell: Shell, lab: Lab) -> None:
    rows = [line.split()[:2] for line in shell("python -m lab status").splitlines()]
    assert rows[0] == ["PART", "STATE"]
    assert dict(rows[1:]) == dict.fromkeys(["azure", "etcd", "apiserver", "controllers", "webhook"], "running")

    elsewhere = shell(f"python -m lab --dir {lab.dir}/none status", status=1)
    assert elsewhere.count("not running") == 5


def test_calls_are_shown_as_json_and_cleared(shell: Shell, gitlab: GitLab) -> None:
    gitlab.lab.controls.clear_calls()
    gitlab.apply().ready()

    calls = json.loads(shell("python -m lab calls --json --clear"))

    puts = [call for call in calls if (call["caller"], call["method"]) == ("operator", "PUT")]
    assert [call["status"] for call in puts] == [201] * 3
    assert json.loads(shell("python -m lab calls --json")) == []


def test_delays_are_set_and_printed(shell: Shell, lab: Lab) -> None:
    shell("python -m lab set role-propagation=30")

    assert lab.controls.settings()["role_propagation"] == 30
    assert "role-propagation=30" in shell("python -m lab set").split()


def test_a_fault_is_added_as_the_page_says_and_cleared(shell: Shell, lab: Lab) -> None:
    shell("python -m lab fault add --match 'PUT */roleAssignments/*' --status 429 --retry-after 2 --times 3")
    assert lab.controls.waiting_faults() == {"PUT */roleAssignments/*": 3}

    shell("python -m lab fault clear")
    assert lab.controls.waiting_faults() == {}


def test_a_token_of_arm_lets_curl_in(shell: Shell) -> None:
    url = "https://management.azure.com/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups?api-version=2021-04-01"
    groups = json.loads(shell(f'curl -sf -H "Authorization: Bearer $(python -m lab arm-token)" "{url}"'))
    assert {group["name"] for group in groups["value"]} >= {seeded.IDENTITY_GROUP, seeded.STORAGE_GROUP}

    as_operator = "python -m lab arm-token --as operator"
    status = f'curl -s -o /dev/null -w "%{{http_code}}" -H "Authorization: Bearer $({as_operator})" "{url}"'
    assert shell(status) == "403"  # known, but without the right to list all groups


def test_a_service_accounts_token_and_a_pods_environment(shell: Shell, gitlab: GitLab) -> None:
    gitlab.apply().ready()
    pod = create_pod(gitlab, **{LABEL: "true"})

    assert shell(f"python -m lab token {gitlab.namespace} gitlab").count(".") == 2
    listed = shell(
        f'eval "$(python -m lab pod-env {gitlab.namespace} {pod})"; '
        "AZCOPY_AUTO_LOGIN_TYPE=workload azcopy list https://gitlabstore.blob.core.windows.net/registry"
    )
    assert "hello.txt" in listed


def test_a_login_lets_a_person_look_at_azure_and_may_be_asked_for_again(shell: Shell, gitlab: GitLab) -> None:
    gitlab.apply().ready()
    publish_settings(gitlab.lab)
    plan = f'eval "$(python -m lab login)"; kubectl gai plan gitlab -n {gitlab.namespace}'

    for _ in range(2):
        assert shell(plan).startswith(f"{gitlab.namespace}/gitlab: no change\n")


def test_in_that_shell_kubectl_reaches_the_cluster_and_nothing_else_is_reached(shell: Shell) -> None:
    assert "gitlab" in shell("kubectl get namespaces -o name")
    assert "403" in shell("curl -s -o /dev/null -w '%{http_connect}' https://example.com || true")


def test_the_demonstration_succeeds() -> None:
    """It checks every claim by itself, in a lab of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "lab.demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=180,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "Everything is taken down." in ran.stdout
