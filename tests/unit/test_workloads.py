"""The judgement of GitLab's pods: tables of pods, and what a person is told about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitlab_azure_identity.api import CONTENT_CHANGED_ANNOTATION, CONTENT_HASH_ANNOTATION
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.content import Content, content_hash
from gitlab_azure_identity.domain.events import workloads_event
from gitlab_azure_identity.domain.findings import Finding, Outlook
from gitlab_azure_identity.domain.pods import Container, Owner, Pod
from gitlab_azure_identity.domain.status import with_workloads
from gitlab_azure_identity.domain.workloads import Carried, carried, finding, judged, last_known, statuses

from .worlds import CLIENT, NOW, NOW_TEXT, TENANT, goal, resource, standing, wanted, with_object

NOON = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
REGISTRY_SECRET = "gitlab-registry-storage"
WANT = Carried(
    name="gitlab",
    namespace="gitlab",
    release="gitlab",
    values="gitlab-gitlab-values",
    client_id=CLIENT,
    tenant_id=TENANT,
    accounts=("gitlab",),
    components=("registry", "webservice", "sidekiq", "toolbox"),
)
CHANGED = replace(WANT, contents={REGISTRY_SECRET: Content(NOON, NOON - timedelta(days=1))})
VARIABLES = {
    "AZURE_CLIENT_ID": CLIENT,
    "AZURE_TENANT_ID": TENANT,
    "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/wi/token/azure-identity-token",
    "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
}
OLD = "0ld00000-0000-4000-8000-000000000000"
LABEL = "azure.workload.identity/use"
HELM = (
    "Give the chart the operator's values: kubectl -n gitlab get cm gitlab-gitlab-values -o jsonpath='{.data.values\\.yaml}' | "
    "helm upgrade gitlab gitlab/gitlab --namespace gitlab --reuse-values -f -"
)
RESTART = "Restart what makes them: kubectl -n gitlab rollout restart"


def pod(
    component: str = "webservice",
    number: int = 1,
    *,
    label: str | None = "true",
    account: str = "gitlab",
    variables: dict[str, str] | None = None,
    owner: str | None = "Deployment",
    secret: str = REGISTRY_SECRET,
    started: int = -60,
    **more: Any,
) -> Pod:
    """A pod that carries everything, but for what the test says. It started so many seconds after noon."""
    given = VARIABLES if variables is None else variables
    labels = {"app": component, "chart": f"{component}-9.9.1"} | ({LABEL: label} if label else {})
    at = NOON + timedelta(seconds=started)
    containers = (
        Container("configure", given, frozenset({secret}), started=at, init=True),
        Container(component, given, started=at, token_audience="api://AzureADTokenExchange"),
    )
    name = f"gitlab-{component}-{number}"
    made_by = Owner(owner, f"gitlab-{component}") if owner else None
    return Pod(name, name, component, labels, account, containers, made_by, at, at, **more)


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in VARIABLES.items() if name not in names}


def judgement(*pods: Pod, want: Carried = WANT) -> Finding:
    return finding(judged(pods, want), want)


@pytest.mark.parametrize(
    ("want", "one", "reason", "message"),
    [
        (WANT, pod(), "Current", "The webservice pods carry the identity."),
        (
            WANT,
            pod(label=None),
            "NotLabelled",
            (
                f'The webservice pod lacks the label {LABEL}: "true", by which the webhook gives a pod its identity. {HELM} '
                "--version 9.9.1"
            ),
        ),
        (
            WANT,
            pod(label="True"),
            "NotLabelled",
            (
                f'The webservice pod lacks the label {LABEL}: "true" (it is "True"), by which the webhook gives a '
                f"pod its identity. "
                f"{HELM} --version 9.9.1"
            ),
        ),
        (
            WANT,
            pod("registry", account="default"),
            "WrongServiceAccount",
            "The registry pod runs as service account default, which is not of this resource: it wants gitlab. " + HELM,
        ),
        (
            replace(WANT, accounts=("gitlab", "gitlab-registry", "backup")),
            pod("registry", account="default"),
            "WrongServiceAccount",
            (
                "The registry pod runs as service account default, which is not of this resource: it wants gitlab, "
                "gitlab-registry or "
                f"backup. {HELM}"
            ),
        ),
        (
            WANT,
            pod(variables={}),
            "NotInjected",
            (
                "The webservice pod has the label and the service account, and none of the AZURE_ variables: the webhook did "
                "not change it when it was created. See that azure-workload-identity's webhook runs, and does not exclude "
                "namespace gitlab: "
                "kubectl get mutatingwebhookconfigurations. Then restart what makes them: kubectl -n gitlab rollout restart "
                "deployment/gitlab-webservice"
            ),
        ),
        (
            WANT,
            pod(variables=without("AZURE_CLIENT_ID")),
            "StalePods",
            (
                "The webservice pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. "
                f"{RESTART} deployment/gitlab-webservice"
            ),
        ),
        (
            WANT,
            pod(variables={**VARIABLES, "AZURE_CLIENT_ID": OLD}),
            "StalePods",
            (
                f"The webservice pod has client ID {OLD}, and the managed identity has {CLIENT}. {RESTART} "
                "deployment/gitlab-webservice"
            ),
        ),
        (
            WANT,
            pod(variables={**VARIABLES, "AZURE_TENANT_ID": OLD}),
            "StalePods",
            (
                f"The webservice pod has tenant {OLD}, and the managed identity is in {TENANT}. {RESTART} "
                "deployment/gitlab-webservice"
            ),
        ),
        (
            WANT,
            pod(variables=without("AZURE_TENANT_ID")),
            "StalePods",
            (
                f"The webservice pod has tenant none, and the managed identity is in {TENANT}. {RESTART} "
                "deployment/gitlab-webservice"
            ),
        ),
        (
            CHANGED,
            pod("registry"),
            "StalePods",
            (
                f"The registry pod read secret {REGISTRY_SECRET} before its content changed, at 2026-11-26T12:00:00Z. {RESTART} "
                "deployment/gitlab-registry"
            ),
        ),
        (CHANGED, pod("registry", started=1), "Current", "The registry pods carry the identity."),
        (CHANGED, pod("registry", secret="another"), "Current", "The registry pods carry the identity."),
        # what makes the pod is no Deployment
        (
            WANT,
            pod(variables=without("AZURE_CLIENT_ID"), owner="StatefulSet"),
            "StalePods",
            (
                "The webservice pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. "
                f"{RESTART} statefulset/gitlab-webservice"
            ),
        ),
        (
            WANT,
            pod(variables=without("AZURE_CLIENT_ID"), owner="ReplicaSet"),
            "StalePods",
            (
                "The webservice pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. Delete "
                "what its controller then makes anew: kubectl -n gitlab delete pod gitlab-webservice-1"
            ),
        ),
        (
            WANT,
            pod(variables=without("AZURE_CLIENT_ID"), owner=None),
            "StalePods",
            (
                "The webservice pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. Nothing "
                "that makes pods anew has made gitlab-webservice-1: delete it and create it anew."
            ),
        ),
    ],
)
def test_a_pod(want: Carried, one: Pod, reason: str, message: str) -> None:
    found = judgement(one, want=want)

    assert (found.reason, found.message) == (reason, message)
    assert found.status == ("True" if reason == "Current" else "False")


LACKS_IT = without("AZURE_CLIENT_ID")


@pytest.mark.parametrize(
    ("pods", "reason", "message"),
    [
        (
            [pod(), pod("registry"), pod("toolbox"), pod("sidekiq")],
            "Current",
            "The registry, webservice, sidekiq and toolbox pods carry the identity.",
        ),
        # in the middle of a rollout
        (
            [pod(number=1), pod(number=2, variables=LACKS_IT), pod(number=3)],
            "StalePods",
            (
                "1 of 3 webservice pods was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. "
                f"{RESTART} deployment/gitlab-webservice"
            ),
        ),
        (
            [pod(number=1, variables=LACKS_IT), pod(number=2, variables=LACKS_IT), pod(number=3)],
            "StalePods",
            (
                "2 of 3 webservice pods were created before service account gitlab was annotated, and have no AZURE_CLIENT_ID. "
                f"{RESTART} deployment/gitlab-webservice"
            ),
        ),
        # several components with one cause
        (
            [pod(variables=LACKS_IT), pod("toolbox", variables=LACKS_IT)],
            "StalePods",
            (
                "The webservice and toolbox pods were created before service account gitlab was annotated, and have no "
                f"AZURE_CLIENT_ID. {RESTART} deployment/gitlab-webservice deployment/gitlab-toolbox"
            ),
        ),
        # with several: the worst first, and the others are named
        (
            [pod("registry", variables=LACKS_IT), pod(label=None), pod("toolbox", account="default")],
            "NotLabelled",
            (
                f'The webservice pod lacks the label {LABEL}: "true", by which the webhook gives a pod its identity. '
                f"status.workloads says what is wrong with registry and toolbox. {HELM} --version 9.9.1"
            ),
        ),
        # one command mends both
        (
            [pod("registry", variables=LACKS_IT), pod(variables={**VARIABLES, "AZURE_CLIENT_ID": OLD})],
            "StalePods",
            (
                "The registry pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID. "
                "status.workloads says what is wrong with webservice. "
                f"{RESTART} deployment/gitlab-registry deployment/gitlab-webservice"
            ),
        ),
        # whatever made them: a controller that kubectl cannot restart, such as an Argo Rollout, and nobody
        (
            [
                pod(variables=LACKS_IT),
                pod("registry", 1, variables=LACKS_IT, owner="ReplicaSet"),
                pod("registry", 2, variables=LACKS_IT, owner="CloneSet"),
                pod("toolbox", 1, variables=LACKS_IT, owner=None),
                pod("toolbox", 2, variables=LACKS_IT, owner=None),
            ],
            "StalePods",
            (
                "The registry, webservice and toolbox pods were created before service account gitlab was annotated, and have no "
                f"AZURE_CLIENT_ID. {RESTART} deployment/gitlab-webservice. Delete what its controller then makes anew: "
                "kubectl -n gitlab delete pod gitlab-registry-1 gitlab-registry-2. Nothing that makes pods anew has made "
                "gitlab-toolbox-1 and gitlab-toolbox-2: delete them and create them anew."
            ),
        ),
        # components that do not need the identity
        ([pod(), pod("gitlab-shell", label=None, variables={})], "Current", "The webservice pods carry the identity."),
        # and one that was given it
        (
            [pod("gitaly", variables={}), pod()],
            "NotInjected",
            (
                "The gitaly pod has the label and the service account, and none of the AZURE_ variables: the "
                "webhook did not change it "
                "when it was created. See that azure-workload-identity's webhook runs, and does not exclude namespace gitlab: "
                "kubectl get mutatingwebhookconfigurations. Then restart what makes them: kubectl -n gitlab rollout restart "
                "deployment/gitlab-gitaly"
            ),
        ),
        # or that has the identity of somebody else
        ([pod("gitaly", variables={}, account="theirs"), pod()], "Current", "The webservice pods carry the identity."),
        # pods that end, or that end by themselves
        ([pod(label=None, ending=True), pod(number=2)], "Current", "The webservice pods carry the identity."),
        ([pod(label=None, hook=True), pod(number=2)], "Current", "The webservice pods carry the identity."),
        ([pod("toolbox", label=None, owner="Job"), pod()], "Current", "The webservice pods carry the identity."),
    ],
)
def test_the_pods_of_a_release(pods: list[Pod], reason: str, message: str) -> None:
    found = judgement(*pods)

    assert (found.reason, found.message) == (reason, message)


@pytest.mark.parametrize("pods", [[], [pod(ending=True)], [pod("gitlab-shell", label=None)]])
def test_a_release_that_is_not_there_is_not_judged(pods: list[Pod]) -> None:
    found = judgement(*pods)

    assert (found.status, found.reason, found.outlook) == ("Unknown", "NotDeployed", Outlook.GOOD)


def test_each_component_has_a_line_in_the_order_of_the_chart() -> None:
    pods = [pod("toolbox", label=None), pod("gitaly"), pod("registry", label=None), pod("zoekt"), pod()]

    lines = statuses(judged(pods, WANT), WANT)

    assert [(line.component, line.state) for line in lines] == [
        ("registry", "NotLabelled"),
        ("webservice", "Current"),
        ("toolbox", "NotLabelled"),
        ("gitaly", "Current"),
        ("zoekt", "Current"),
    ]
    assert lines[1].message is None
    assert lines[2].message == (
        f'The toolbox pod lacks the label {LABEL}: "true", by which the webhook gives a pod its identity. {HELM} --version 9.9.1'
    )


@pytest.mark.parametrize(
    ("spec", "components"),
    [
        ({}, ("registry", "webservice", "sidekiq", "toolbox")),
        (
            {
                "secrets": {"registry": {"management": "Disabled"}},
                "storage": {"accountName": "gitlabstore", "containers": {"registry": {"management": "Disabled"}}},
            },
            ("webservice", "sidekiq", "toolbox"),
        ),
    ],
)
def test_what_the_pods_are_to_carry(spec: dict[str, Any], components: tuple[str, ...]) -> None:
    desired = wanted(spec | {"gitlab": {"release": "second"}})

    want = carried(goal(desired), standing(desired))

    assert want == replace(WANT, release="second", components=components)


def test_the_content_of_a_secret_is_part_of_it() -> None:
    have, secret = standing(), next(one for one in wanted().objects if one.name == REGISTRY_SECRET)
    marks = {CONTENT_HASH_ANNOTATION: content_hash(secret.data), CONTENT_CHANGED_ANNOTATION: "2026-11-26T12:00:00Z"}
    have = with_object(have, "Secret", REGISTRY_SECRET, annotations=marks, created=NOON)

    want = carried(goal(), have)

    assert want is not None
    assert want.contents == {REGISTRY_SECRET: Content(NOON, NOON)}


def test_without_an_identity_that_may_be_used_there_is_nothing_to_carry() -> None:
    assert carried(goal(), replace(standing(), identity=None)) is None
    another = replace(standing(), identity=replace(standing().identity, tags={}))  # type: ignore[type-var]
    assert carried(goal(), another) is None


def condition(status: str, reason: str, message: str = "As it was.") -> dict[str, Any]:
    known = {"status": status, "reason": reason, "message": message}
    return {"type": "WorkloadsReady", "observedGeneration": 1, "lastTransitionTime": NOW_TEXT, **known}


@pytest.mark.parametrize(
    ("status", "reason", "outlook"),
    [
        ("True", "Current", Outlook.GOOD),
        ("False", "StalePods", Outlook.STALLED),
        ("Unknown", "NotDeployed", Outlook.GOOD),
    ],
)
def test_what_was_known_stays_known(status: str, reason: str, outlook: Outlook) -> None:
    found = last_known(resource(status={"conditions": [condition(status, reason)]}).status)

    assert found is not None
    assert (found.status, found.reason, found.message, found.outlook) == (status, reason, "As it was.", outlook)


@pytest.mark.parametrize("conditions", [[], [condition("False", "Pending")], [condition("False", "Nonsense")]])
def test_nothing_was_known(conditions: list[dict[str, Any]]) -> None:
    assert last_known(resource(status={"conditions": conditions}).status) is None


@pytest.mark.parametrize(
    ("before", "pods", "kind"),
    [
        (None, [pod()], "Normal"),
        (None, [pod(label=None)], "Warning"),
        (None, [], None),
        (condition("Unknown", "NotDeployed"), [pod(label=None)], "Warning"),
        (condition("False", "StalePods"), [pod(label=None)], "Warning"),
        (condition("False", "NotLabelled"), [pod(label=None)], None),
        (condition("False", "NotLabelled"), [pod()], "Normal"),
        (condition("True", "Current"), [pod()], None),
    ],
)
def test_an_event_tells_when_pods_lack_something_and_when_they_lack_nothing_any_more(
    before: dict[str, Any] | None, pods: list[Pod], kind: str | None
) -> None:
    one = resource(status={"observedGeneration": 1, "conditions": [before] if before else []})
    found = judgement(*pods)

    event = workloads_event(one.status, with_workloads(one, found, [], NOW))

    assert (event and (event.kind, event.reason, event.message)) == (kind and (kind, found.reason, found.message))


def test_a_status_that_has_no_such_condition_tells_nothing() -> None:
    one = resource()

    assert workloads_event(one.status, one.status) is None


def test_a_judgement_between_two_passes_changes_nothing_else_of_the_status() -> None:
    others = {"type": "Ready", **{key: value for key, value in condition("True", "Ready").items() if key != "type"}}
    before = resource(status={"observedGeneration": 1, "conditions": [others, condition("True", "Current")]})
    lines = judged([pod(label=None)], WANT)

    status = with_workloads(before, finding(lines, WANT), statuses(lines, WANT), NOW)

    assert status.condition("Ready") == before.status.condition("Ready")
    assert [one.type for one in status.conditions] == ["Ready", "WorkloadsReady"]
    known = status.condition(Link.WORKLOADS)
    assert known is not None
    assert (known.status, known.reason, known.observed_generation) == ("False", Reason.NOT_LABELLED, 1)
    assert [line.state for line in status.workloads] == ["NotLabelled"]
    cleared = {"conditions": before.status.conditions, "workloads": []}
    assert status.model_copy(update=cleared) == before.status
