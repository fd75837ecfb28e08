"""A report of doctor as a person reads it."""

from __future__ import annotations

import io
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from rich.console import Console

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.cli import doctor
from gitlab_azure_identity.cli.as_pod import AsPod
from gitlab_azure_identity.cli.doctor import Report, lines, told, tree
from gitlab_azure_identity.cli.examining import Examined, _webhook
from gitlab_azure_identity.cli.hints import hint
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.cli.showing import print_data, to_paste
from gitlab_azure_identity.domain.doctor.examination import Check, State
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.aim import Aim

from .test_doctor import registered as configuration
from .worlds import desired_of, goal, resource

NAMES = {"namespace": "gitlab", "name": "gitlab", "account": "store"}
HOLDS = Check(Link.IDENTITY, State.HOLDS, "It exists.", Reason.CREATED)
UNSEEN = Check(Link.ROLES, State.UNSEEN, "You may not look.")
WAITS = Check(Link.WORKLOADS, State.WAITS, "No pods yet.", Reason.NOT_DEPLOYED)
BROKEN = Check(
    Link.ACCESS,
    State.BROKEN,
    "There is no container lfs of storage account store. Create it: az storage container create --auth-mode login "
    "--account-name store --name lfs",
    Reason.CONTAINER_NOT_FOUND,
)


def report(*checks: Check, ready: bool = True) -> Report:
    return Report(Key("gitlab", "gitlab"), ready, tuple((check, check.advice(**NAMES)) for check in checks))


@pytest.mark.parametrize(
    ("checks", "ready", "exit_status", "headline"),
    [
        ([HOLDS], True, 0, "no problem"),
        ([HOLDS, WAITS], True, 0, "no problem"),
        ([HOLDS, WAITS], False, 2, "no problem, but it is not Ready yet"),
        ([HOLDS, UNSEEN], True, 2, "no problem in what you can see"),
        ([UNSEEN, BROKEN], True, 1, "1 problem"),
        ([BROKEN, BROKEN], False, 1, "2 problems"),
    ],
)
def test_the_headline_and_the_exit_status_say_the_same(
    checks: list[Check], ready: bool, exit_status: int, headline: str
) -> None:
    found = report(*checks, ready=ready)

    assert (found.exit_status, found.headline) == (exit_status, headline)


def test_a_command_that_the_message_has_is_not_told_twice() -> None:
    text = "\n".join(lines(report(BROKEN)))

    assert text.count("az storage container create") == 1
    assert "with the command above." in text


def test_commands_that_a_terminal_wraps_are_there_on_one_line_too() -> None:
    webhook = report(Check("Webhook", State.BROKEN, "It is not there.", "webhook-missing"))

    assert list(to_paste(told([webhook]), 80)) == [
        "To paste:",
        "az aks update --name <cluster> --resource-group <group> --enable-oidc-issuer --enable-workload-identity",
        "kubectl -n gitlab rollout restart deployment --selector release=<release>",
    ]
    assert list(to_paste(told([webhook]), 400)) == []


def test_commands_of_messages_are_there_too() -> None:
    assert list(to_paste(told([report(BROKEN)]), 80)) == [
        "To paste:",
        "az storage container create --auth-mode login --account-name store --name lfs",
    ]


def test_a_cause_that_is_no_reason_has_no_word() -> None:
    nobody = Check("Ready", State.BROKEN, "No operator has looked at this resource yet.", "no-status")

    assert "  broken    Ready                     No operator has looked at this resource yet." in lines(report(nobody))


async def test_a_webhook_whose_pods_may_not_be_seen_is_not_said_to_work() -> None:
    async def registered() -> list[dict[str, Any]]:
        return [configuration()]

    async def labels(_namespace: str) -> dict[str, str]:
        return {}

    async def answering(_namespace: str, _service: str) -> bool:
        raise ClusterError(403, "Forbidden", "may not")

    look = SimpleNamespace(
        webhooks=SimpleNamespace(registered=registered, answering=answering),
        namespaces=SimpleNamespace(labels=labels),
        session=SimpleNamespace(server="the cluster of context prod"),
    )

    found = await _webhook(cast("Look", look), "gitlab")

    assert found.state is State.UNSEEN
    assert found.message == (
        "The webhook is registered for namespace gitlab. You may not list endpointslices in namespace kube-system: may not. Ask "
        "for that right in the cluster of context prod. So whether it answers was not seen. Try it: --as-pod."
    )


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_an_answer_for_a_program_keeps_its_characters(
    output: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding, errors="replace"))

    print_data({"message": "It lacks …"}, output)

    assert yaml.safe_load(written.getvalue().decode(encoding)) == {"message": "It lacks …"}


def test_a_terminal_obeys_nothing_that_a_pod_or_a_status_says() -> None:
    check = HOLDS.with_details("AZURE_CLIENT_ID: \x1b[2Jnothing\nto see", "   ^ here")

    told = list(lines(report(check)))

    assert told[-2:] == ["            AZURE_CLIENT_ID:  [2Jnothing to see", "               ^ here"]
    drawn = Console(width=80, file=io.StringIO())
    drawn.print(tree(report(check), 80))
    assert "\x1b" not in cast("io.StringIO", drawn.file).getvalue()


class Names:
    """What exists beside the resource."""

    async def accounts(self, namespace: str) -> list[str]:
        assert namespace == "gitlab"
        return ["default", "gitlab", "helms"]

    async def containers(self, _: object) -> list[str]:
        return ["registry", "gitlab-artifacts", "gitlab-artefact"]


@pytest.mark.parametrize(
    ("spec", "check", "details"),
    [
        (
            {"serviceAccounts": [{"name": "gitlab"}, {"name": "helm", "management": "Annotate"}]},
            Check(Link.SERVICE_ACCOUNTS, State.BROKEN, "", Reason.NOT_FOUND),
            ("There is no service account helm. Did you mean helms?",),
        ),
        (
            {"serviceAccounts": [{"name": "gitlab"}, {"name": "gitla", "management": "Annotate"}]},
            Check(Link.SERVICE_ACCOUNTS, State.BROKEN, "", Reason.NOT_FOUND),
            ("There is no service account gitla. You see: default, helms.",),
        ),
        (
            {
                "storage": {
                    "accountName": "gitlabstore",
                    "purposes": ["artifacts", "pages"],
                    "containers": {"pages": {"name": "gitlab-artifact"}},
                }
            },
            Check(Link.ACCESS, State.BROKEN, "", Reason.CONTAINER_NOT_FOUND),
            ("There is no container gitlab-artifact. Did you mean gitlab-artefact?",),
        ),
    ],
)
async def test_what_the_resource_has_already_is_not_the_name_that_was_meant(
    spec: dict[str, Any], check: Check, details: tuple[str, ...]
) -> None:
    one, names = resource(spec), Names()
    found = Aim(one, goal(desired_of(one)), Observation(Observed()))
    look = cast("Look", SimpleNamespace(accounts=names.accounts, names=names))

    assert (await hint(look, found, check)).details == details


async def test_what_was_found_is_told_also_where_no_pod_can_prove_access(monkeypatch: pytest.MonkeyPatch) -> None:
    async def examined(_look: object, resource: Resource) -> Examined:
        return Examined(resource, (BROKEN,), None)

    monkeypatch.setattr(doctor, "looking", lambda *_: nullcontext())
    monkeypatch.setattr(doctor, "examine", examined)

    found = await doctor._report(cast("Any", None), resource(), None, AsPod(None, agreed=True), None)

    told = list(lines(found))
    assert (found.exit_status, found.headline) == (1, "1 problem")
    assert told[1].startswith("  broken    AccessVerified")
    assert told[-1] == (
        "  not seen  As pod                    There is no identity yet that a pod could be. Mend what is above, and try "
        "--as-pod again."
    )
