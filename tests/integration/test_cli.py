"""The commands of a person, as programs of their own: piped, in a terminal, and where something is missing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitlab_azure_identity.api.conditions import CHAIN
from lab.places import ROOT
from lab.running import Lab

from .colleague import PROGRAM, SECONDS, Terminal, environment
from .operating import Operator
from .resources import GitLab

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def gai(lab: Lab) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `kubectl gai` through kubectl, which finds the program as its plugin."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [lab.tool("kubectl"), "gai", *words],
            env=environment(lab, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    return run


@pytest.fixture
def ready(gitlab: GitLab) -> GitLab:
    gitlab.apply().ready()
    return gitlab


def test_values_are_the_same_from_a_file_and_from_the_cluster_and_in_the_config_map(
    ready: GitLab, gai: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    file = tmp_path / "gai.yaml"
    file.write_text(yaml.safe_dump(ready.manifest()), encoding="utf-8")
    written = ready.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"]

    assert gai("values", "gitlab", "-n", ready.namespace).stdout == written
    assert gai("values", "-f", str(file), KUBECONFIG="/nowhere").stdout == written


def test_status_piped_is_plain_lines(ready: GitLab, gai: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ran = gai("status", "-n", ready.namespace)

    assert (ran.returncode, ran.stderr) == (0, "")
    first, *rest = ran.stdout.splitlines()
    assert first == f"{ready.namespace}/gitlab: ok Ready"
    *links, next_step = rest
    assert [line.split()[:2] for line in links] == [
        *(["ok", link] for link in CHAIN if link != "WorkloadsReady"),
        ["unknown", "WorkloadsReady"],  # there is no GitLab, and Ready does not wait for one
    ]
    assert "Install GitLab" in next_step
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize("columns", [80, 200])
def test_status_in_a_terminal_is_a_coloured_tree_of_its_width(ready: GitLab, columns: int) -> None:
    terminal = Terminal(ready.lab, "status", "gitlab", "-n", ready.namespace, columns=columns)

    assert terminal.ended() == 0
    assert COLOUR.search(terminal.text)
    lines = COLOUR.sub("", terminal.text).splitlines()
    assert lines[0] == f"✓ {ready.namespace}/gitlab  Ready"
    assert lines[1].startswith("├── ✓ IdentityReady")
    assert max(map(len, lines)) <= columns


def test_no_color_is_heeded(ready: GitLab) -> None:
    terminal = Terminal(ready.lab, "status", "gitlab", "-n", ready.namespace, NO_COLOR="1")

    assert terminal.ended() == 0
    assert not re.search(r"\x1b\[[0-9;]*3\d", terminal.text)


def test_status_names_the_broken_link_and_what_to_do(
    gitlab: GitLab, gai: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    gitlab.apply(storage={"accountName": "gitlabstore", "containers": {"lfs": {"name": "nobody-made-it"}}})
    message = gitlab.condition("AccessVerified", "False", "ContainerNotFound") and gitlab.message("AccessVerified")

    ran = gai("status", "gitlab", "-n", gitlab.namespace)
    told = gai("status", "gitlab", "-n", gitlab.namespace, "-o", "json")

    assert (ran.returncode, told.returncode) == (1, 1)
    assert str(message) in map(str.strip, ran.stdout.splitlines())
    answer = json.loads(told.stdout)
    assert (answer["ready"], answer["broken"], answer["message"]) == (False, "AccessVerified", message)
    assert yaml.safe_load(gai("status", "gitlab", "-n", gitlab.namespace, "-o", "yaml").stdout) == answer
    assert answer in json.loads(gai("status", "-A", "-o", "json").stdout)


def test_watch_follows_until_ready_in_plain_lines(new_gitlab: Callable[..., GitLab], operator: Operator) -> None:
    gitlab = new_gitlab()
    operator.stop()
    gitlab.apply()
    watching = subprocess.Popen(
        [PROGRAM, "status", "gitlab", "-n", gitlab.namespace, "--watch"],
        env=environment(gitlab.lab),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    operator.start()
    rest = watching.stdout.read()
    watching.stdout.close()

    assert watching.wait(SECONDS) == 0
    assert first == f"{gitlab.namespace}/gitlab: unknown NotSeen\n"
    assert f"{gitlab.namespace}/gitlab: ok Ready\n" in rest


def test_watch_redraws_a_terminal_and_ctrl_c_ends_it_quietly(
    new_gitlab: Callable[..., GitLab], operator: Operator
) -> None:
    gitlab = new_gitlab()
    operator.stop()
    gitlab.apply()
    terminal = Terminal(gitlab.lab, "status", "-n", gitlab.namespace, "--watch")
    terminal.until(lambda text: "AccessVerified" in text)
    gitlab.annotate("example.com/changed=1")
    terminal.until(lambda text: text.count("AccessVerified") == 2)
    os.kill(terminal.process.pid, signal.SIGINT)

    assert terminal.ended() == 130
    assert "\x1b[1A" in terminal.text, "the cursor goes up, and the tree is drawn again"
    assert "Traceback" not in terminal.text
    assert "Abort" not in terminal.text


def test_reconcile_suspend_and_resume(ready: GitLab, gai: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    where = ("gitlab", "-n", ready.namespace)
    before = ready.live()["status"].get("lastHandledReconcileAt")

    waited = gai("reconcile", *where, "--wait")

    assert waited.returncode == 0, waited.stderr
    assert waited.stdout.splitlines()[:2] == [
        f"{ready.namespace}/gitlab: asked for a pass",
        f"{ready.namespace}/gitlab: ok Ready",
    ]
    found = ready.live()
    asked = found["metadata"]["annotations"]["gitlabazure.io/requested-at"]
    assert found["status"]["lastHandledReconcileAt"] == asked != before

    assert gai("suspend", *where).stdout == f"{ready.namespace}/gitlab: suspended\n"
    ready.condition("Ready", "False", "Suspended")
    refused = gai("reconcile", *where)
    assert refused.returncode == 2
    assert "is suspended, so no pass is made" in refused.stderr
    assert gai("status", *where).returncode == 1

    assert gai("resume", *where).stdout == f"{ready.namespace}/gitlab: resumed\n"
    ready.ready()
    assert gai("status", *where).returncode == 0


def test_reconcile_tells_when_nobody_answers(
    new_gitlab: Callable[..., GitLab], operator: Operator, gai: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    gitlab = new_gitlab()
    operator.stop()
    gitlab.apply()

    ran = gai("reconcile", "gitlab", "-n", gitlab.namespace, "--wait", "--timeout", "0.5")

    assert ran.returncode == 2
    assert "did not answer" in ran.stderr
    assert "within 0.5 s" in ran.stderr


def test_a_wrong_name_is_answered_with_the_nearest(
    ready: GitLab, gai: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for command in ("status", "values", "suspend", "reconcile"):
        ran = gai(command, "gitlba", "-n", ready.namespace)
        assert ran.returncode == 2
        assert f"no GitLabAzureIdentity gitlba in namespace {ready.namespace}" in ran.stderr
        assert "Did you mean gitlab?" in ran.stderr
    assert "There is none in this namespace." in gai("status", "gitlab", "-n", "default").stderr


def _somebody(lab: Lab, folder: Path, **changes: Any) -> str:
    """The kubeconfig of somebody whom the API server knows and who has no rights, with changes of the cluster's entry."""
    content = yaml.safe_load(Path(lab.env["KUBECONFIG"]).read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {"token": lab.api.request_token("default", "default", "", 3600)}
    for cluster in content["clusters"]:
        cluster["cluster"] |= changes
    (folder / "kubeconfig").write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(folder / "kubeconfig")


def test_without_rights_the_right_is_named(
    lab: Lab, gai: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    ran = gai("status", "-n", "gitlab", KUBECONFIG=_somebody(lab, tmp_path))

    assert ran.returncode == 2
    assert "You may not list resources in namespace gitlab" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_without_a_cluster_it_is_named(
    lab: Lab, gai: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    away = gai("status", KUBECONFIG=_somebody(lab, tmp_path, server="https://127.0.0.1:9"))

    assert away.returncode == 2
    assert "does not answer" in away.stderr
    assert "Check the network" in away.stderr
    assert "There is no kubeconfig at /nowhere" in gai("status", KUBECONFIG="/nowhere").stderr
    assert "has no context nowhere" in gai("status", "--context", "nowhere").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell: str, lab: Lab) -> None:
    ran = subprocess.run(
        [PROGRAM],
        env=environment(lab, _KUBECTL_GAI_COMPLETE=f"{shell}_source"),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert "kubectl-gai" in ran.stdout


def test_kubectl_completes_its_plugin(lab: Lab) -> None:
    """As kubectl's own completion script asks it."""

    def completed(*words: str) -> list[str]:
        command = [str(lab.tool("kubectl")), "__complete", "gai", *words]
        ran = subprocess.run(command, env=environment(lab), capture_output=True, text=True, check=True, timeout=SECONDS)
        return [line.split("\t")[0] for line in ran.stdout.splitlines()]

    assert completed("s") == ["status", "suspend", ":4"]
    assert completed("status", "-o", "") == ["json", "yaml", ":4"]
    assert completed("status", "--wa") == ["--watch", ":4"]
    assert completed("values", "-f", "") == [":0"]


def test_help_needs_neither_the_client_nor_rich() -> None:
    """So it is there at once."""
    script = (
        "import sys; from gitlab_azure_identity.cli import commands; "
        "print(sorted({'kubernetes', 'pydantic', 'rich', 'kopf'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
