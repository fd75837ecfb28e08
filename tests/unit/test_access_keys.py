"""When the access key of a secret goes that somebody handed over, and what is said until then."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gitlab_azure_identity.api import ADOPT_ANNOTATION, CONTENT_HASH_ANNOTATION, LAST_APPLIED_ANNOTATION
from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.domain.access_keys import access_keys, handover_obstacle
from gitlab_azure_identity.domain.assessment import access_key_may_go, in_the_way_of_access
from gitlab_azure_identity.domain.changes import ApplyObject, ForgetApplied
from gitlab_azure_identity.domain.desired import Desired
from gitlab_azure_identity.domain.events import key_event
from gitlab_azure_identity.domain.expected import awaits_pods, out_of_order
from gitlab_azure_identity.domain.findings import Failure, Finding, Outlook, failed, good, not_asked
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.observed import ClusterObject, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.domain.pods import CLIENT_ID, TENANT_ID, TOKEN_FILE, USE_LABEL, Container, Owner, Pod
from gitlab_azure_identity.domain.workloads import carried

from .interpreter import after
from .worlds import CLIENT, NOW, TENANT, deletion, goal, standing, wanted

KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's, which all know
NAME = "gitlab-object-storage"
WITH_KEY = f"provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n"
WITHOUT_KEY = "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n"
INJECTED = {CLIENT_ID: CLIENT, TENANT_ID: TENANT, TOKEN_FILE: "/var/run/secrets/token"}


def secret(text: str | None = WITH_KEY, **marks: Any) -> ClusterObject:
    """A secret of somebody, handed over to the resource."""
    data = {} if text is None else {"connection": text}
    handed = {ADOPT_ANNOTATION: "gitlab"} | marks.pop("annotations", {})
    return ClusterObject("Secret", NAME, "uid-theirs", "7", marks.pop("labels", {}), handed, data, **marks)


def pod(component: str, *, secrets: tuple[str, ...] = (NAME,), **changes: Any) -> Pod:
    """A pod that carries the identity."""
    whole = Pod(
        name=f"gitlab-{component}-1",
        uid=component,
        component=component,
        labels={"app": component, "release": "gitlab", USE_LABEL: "true"},
        service_account="gitlab",
        containers=(
            Container("configure", INJECTED, frozenset(secrets), init=True),
            Container(component, INJECTED),
        ),
        owner=Owner("Deployment", f"gitlab-{component}"),
        created=NOW,
    )
    return replace(whole, **changes)


def without_label(component: str, **changes: Any) -> Pod:
    return pod(component, labels={"app": component, "release": "gitlab"}, **changes)


def world(found: ClusterObject, *pods: Pod, desired: Desired | None = None) -> Observed:
    """Everything stands, but this secret is as it is."""
    return replace(standing(desired or wanted()).with_object(found), mounting=pods)


def changes(to: Goal, have: Observed) -> list[str]:
    return [str(change) for change in plan(to, have)]


def finding(to: Goal, have: Observed) -> Finding:
    return next(one for one in judge(to, have, PassRecord()) if one.link is Link.SECRETS)


PROVEN = replace(goal(), proven=True)
PROOF = good(Link.ACCESS, Reason.VERIFIED, "")


def test_the_key_goes_when_every_pod_carries_the_identity_and_access_is_proven() -> None:
    have = world(secret(), pod("webservice"), pod("sidekiq"))

    (change,) = plan(PROVEN, have)

    assert isinstance(change, ApplyObject)
    assert change.data == {"connection": WITHOUT_KEY}
    assert (change.uid, change.version, change.dropped) == ("uid-theirs", "7", ("azure_storage_access_key",))
    assert change.labels == {}  # it stays somebody else's
    assert str(change) == f"secret {NAME} (key connection, without azure_storage_access_key)"
    assert finding(PROVEN, after(change, have, PROVEN.owner)).outlook is Outlook.GOOD


def test_it_stays_until_access_is_proven_which_does_not_wait_for_it() -> None:
    have = world(secret(), pod("webservice"))

    stays = finding(goal(), have)

    assert changes(goal(), have) == []
    assert (stays.reason, stays.status) == (Reason.PENDING, "Unknown")
    assert stays.message == (
        f"Secret {NAME} keeps its access key (azure_storage_access_key) until access is proven. Waits for AccessVerified."
    )
    findings = judge(goal(), have, PassRecord())
    assert in_the_way_of_access(findings, ()) is None
    assert access_key_may_go(goal(), have, findings, PROOF) is True
    assert access_key_may_go(PROVEN, have, findings, PROOF) is False  # that pass is on its way
    assert access_key_may_go(goal(), have, findings, not_asked(Link.ACCESS, Reason.DISABLED, "")) is False


def test_a_key_that_gitlab_may_read_instead_is_named() -> None:
    """Else the secret would have both texts, and GitLab would go on with its key."""
    theirs = replace(secret(), data={"azurerm.yaml": WITH_KEY, "note": "kept"})

    found = finding(PROVEN, world(theirs))

    assert changes(PROVEN, world(theirs)) == []
    assert (found.reason, found.outlook) == (Reason.SECRET_NOT_UNDERSTOOD, Outlook.STALLED)
    assert found.message.startswith(
        f"Secret {NAME} has an access key under azurerm.yaml, and nothing under connection. If GitLab reads azurerm.yaml, name "
        "it as the key of that secret in spec.secrets. Nothing is changed in it."
    )


@pytest.mark.parametrize("other", [{"note": "kept"}, {"azurerm.yaml": WITHOUT_KEY}, {}])
def test_without_such_a_key_the_one_that_is_missing_is_added(other: dict[str, str]) -> None:
    (change,) = plan(PROVEN, world(replace(secret(), data=other)))

    assert str(change) == f"secret {NAME} (key connection)"


def test_a_secret_that_nobody_can_change_is_told_with_the_command_that_keeps_what_is_in_it() -> None:
    found = finding(PROVEN, world(secret(immutable=True)))

    assert changes(PROVEN, world(secret(immutable=True))) == []
    assert (found.reason, found.outlook) == (Reason.IMMUTABLE, Outlook.STALLED)
    assert found.message == (
        f"Secret {NAME} has immutable: true, so nothing in it can be changed. Create it anew without that: kubectl -n gitlab "
        f"get secret {NAME} -o json | jq 'del(.immutable)' | kubectl replace --force -f -"
    )
    assert changes(PROVEN, world(secret(WITHOUT_KEY, immutable=True))) == []
    assert finding(PROVEN, world(secret(WITHOUT_KEY, immutable=True))).outlook is Outlook.GOOD


LAGS: dict[str, tuple[tuple[Pod, ...], str]] = {
    "no label": (
        (without_label("webservice"), pod("sidekiq")),
        'The webservice pod lacks the label azure.workload.identity/use: "true", by which the webhook gives a pod its identity.',
    ),
    "another account": (
        (pod("sidekiq", service_account="default"),),
        "The sidekiq pod runs as service account default, which is not of this resource: it wants gitlab.",
    ),
    "no client ID": (
        (pod("toolbox", containers=(Container("x", {TOKEN_FILE: "t"}, frozenset({NAME})),)),),
        "The toolbox pod was created before service account gitlab was annotated, and has no AZURE_CLIENT_ID.",
    ),
    "a pod of something else in the namespace": (
        (without_label("runner", owner=None), pod("webservice")),
        'The runner pod lacks the label azure.workload.identity/use: "true", by which the webhook gives a pod its identity.',
    ),
}


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("to", [goal(), PROVEN], ids=["not proven", "proven"])
def test_it_stays_while_a_pod_that_mounts_it_lags_behind(lag: str, to: Goal) -> None:
    pods, sentence = LAGS[lag]
    have = world(secret(), *pods)

    waits = finding(to, have)

    assert changes(to, have) == []
    assert (waits.reason, waits.status) == (Reason.AWAITING_WORKLOADS, "False")
    assert waits.message.startswith(
        f"Secret {NAME} (azure_storage_access_key) keeps its access key until every pod that mounts it carries the identity. "
        f"{sentence} "
    )
    assert awaits_pods(to, have) is True
    assert access_key_may_go(goal(), have, [waits], PROOF) is False


NO_MATTER = {
    "a pod of a Job": without_label("migrations", owner=Owner("Job", "gitlab-migrations")),
    "a pod of a hook": without_label("webservice", hook=True),
    "a pod that ends": without_label("webservice", ending=True),
    "a pod that has ended": without_label("webservice", phase="Failed"),
    "a pod that mounts another secret": without_label("webservice", secrets=("other",)),
}


@pytest.mark.parametrize("name", NO_MATTER)
def test_pods_that_do_not_matter(name: str) -> None:
    have = world(secret(), NO_MATTER[name])

    assert len(plan(PROVEN, have)) == 1
    assert awaits_pods(PROVEN, have) is False


def test_a_pod_waits_only_for_the_secrets_that_it_mounts() -> None:
    registry = replace(
        secret(),
        name="gitlab-registry-storage",
        data={"config": f"azure:\n  accountkey: {KEY}\n  accountname: gitlabstore\n  container: registry\n"},
    )
    have = world(
        secret(), without_label("registry", secrets=("gitlab-registry-storage",)), pod("webservice")
    ).with_object(registry)

    assert changes(PROVEN, have) == [f"secret {NAME} (key connection, without azure_storage_access_key)"]
    assert access_key_may_go(goal(), have, judge(goal(), have, PassRecord()), PROOF) is True
    assert finding(PROVEN, have).message.startswith(
        "Secret gitlab-registry-storage (azure.accountkey) keeps its access key"
    )


@pytest.mark.parametrize("chart", ["webservice-8.8.0", "webservice-8.8.3+1"])
def test_a_gitlab_that_cannot_use_the_identity_keeps_its_keys(chart: str) -> None:
    labelled = {**pod("webservice").labels, "chart": chart}
    have = world(secret(), pod("webservice", labels=labelled))

    stays = finding(PROVEN, have)

    assert changes(PROVEN, have) == []
    assert (stays.reason, stays.status) == (Reason.VERSION_UNSUPPORTED, "False")
    assert stays.message == (
        f"Secret {NAME} keeps its access key (azure_storage_access_key). The chart before 8.9 (GitLab before 17.9) does not "
        "render without a storage key: upgrade it."
    )


@pytest.mark.parametrize("chart", ["webservice-9.9.1", "webservice-2.0.0", "webservice-own"])
def test_any_other_chart_does_not_hold_it_back(chart: str) -> None:
    labelled = {**pod("webservice").labels, "chart": chart}

    assert len(plan(PROVEN, world(secret(), pod("webservice", labels=labelled)))) == 1


def test_all_secrets_that_wait_are_named_at_once() -> None:
    backups = replace(secret(), name="gitlab-azure-backup-conf", data={"config": WITH_KEY})
    have = world(secret(), without_label("toolbox", secrets=(NAME, backups.name))).with_object(backups)

    assert finding(PROVEN, have).message.startswith(
        f"Secrets {backups.name} (azure_storage_access_key), {NAME} (azure_storage_access_key) keep their access keys until "
        "every pod that mounts one carries the identity. The toolbox pod lacks"
    )


def test_without_verification_the_key_stays() -> None:
    desired = wanted({"verification": "Disabled"})
    to = goal(desired)
    have = world(secret(), pod("webservice"), desired=desired)

    stays = finding(to, have)

    assert changes(to, have) == []
    assert (stays.reason, stays.status) == (Reason.DISABLED, "False")
    assert "set spec.verification to Required or Report" in stays.message


@pytest.mark.parametrize("text", [None, "", WITHOUT_KEY.replace("gitlabstore", "former")])
def test_a_secret_without_a_key_waits_for_nobody(text: str | None) -> None:
    have = world(secret(text), without_label("webservice"))

    (change,) = plan(goal(), have)

    assert isinstance(change, ApplyObject)
    assert change.dropped == ()
    assert "azure_storage_account_name: 'gitlabstore'" in change.data["connection"]


def test_a_secret_that_is_as_it_is_to_be_is_left_alone() -> None:
    have = world(secret(WITHOUT_KEY), without_label("webservice"))

    assert changes(goal(), have) == []
    assert finding(goal(), have).outlook is Outlook.GOOD


def test_what_is_not_understood_is_told_and_nothing_is_written() -> None:
    have = world(secret("theirs"))

    refused = finding(PROVEN, have)

    assert changes(PROVEN, have) == []
    assert (refused.reason, refused.status) == (Reason.SECRET_NOT_UNDERSTOOD, "False")
    assert refused.message == (
        f"Key connection of secret {NAME} is not a mapping of keys to values. Nothing is changed in it. Correct it, or let the "
        "operator write a secret of its own, under another name in spec.secrets: docs/migrating.md#with-new-secrets"
    )
    want = carried(PROVEN, have)
    assert want is not None
    assert NAME not in want.contents


OWNED: dict[str, dict[str, Any]] = {
    "an ExternalSecret": {"owners": (("ExternalSecret", "storage"),)},
    "Argo CD": {"annotations": {"argocd.argoproj.io/tracking-id": "gitlab:/Secret:gitlab/x"}},
}


@pytest.mark.parametrize("who", OWNED)
def test_a_secret_that_a_tool_writes_is_refused_while_something_in_it_is_to_change(who: str) -> None:
    have = world(secret(**dict(OWNED[who])))

    refused = finding(PROVEN, have)

    assert changes(PROVEN, have) == []
    assert (refused.reason, refused.status) == (Reason.NOT_OWNED, "False")
    assert f"Secret {NAME} is written by" in refused.message
    assert finding(PROVEN, world(secret(WITHOUT_KEY, **dict(OWNED[who])))).outlook is Outlook.GOOD


def test_a_secret_that_a_tool_writes_cannot_be_handed_over_by_an_annotation() -> None:
    found = replace(secret(owners=(("SealedSecret", "storage"),)), annotations={})

    refused = finding(goal(), world(found))

    assert refused.reason is Reason.NOT_OWNED
    assert "is written by SealedSecret storage" in refused.message
    assert "kubectl annotate" not in refused.message


# what kubectl keeps


def applied(**fields: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {"annotations": {LAST_APPLIED_ANNOTATION: json.dumps({"kind": "Secret", **fields})}}


COPIES: dict[str, dict[str, Any]] = {
    "in data": applied(data={"connection": base64.b64encode(WITH_KEY.encode()).decode()}),
    "in stringData": applied(stringData={"connection": WITH_KEY}),
    "in a form that is not understood": applied(stringData={"connection": f"connection_string: AccountKey={KEY}"}),
}


@pytest.mark.parametrize("where", COPIES)
def test_kubectls_copy_of_the_key_goes_after_the_key(where: str) -> None:
    have = world(secret(**dict(COPIES[where])))

    (first,) = plan(PROVEN, have)
    have = after(first, have, PROVEN.owner)
    (second,) = plan(PROVEN, have)
    have = after(second, have, PROVEN.owner)

    assert isinstance(second, ForgetApplied)
    assert str(second) == f"kubectl's copy of the access key in an annotation of secret {NAME}"
    assert changes(PROVEN, have) == []
    assert KEY not in str(have.objects["Secret", NAME])


NO_COPIES: dict[str, dict[str, Any]] = {
    "none": {},
    "without a key": applied(stringData={"connection": WITHOUT_KEY}),
    "of other keys": applied(stringData={"note": "x"}),
    "of no data": applied(),
    "that is no JSON": {"annotations": {LAST_APPLIED_ANNOTATION: "{"}},
    "that is no object": {"annotations": {LAST_APPLIED_ANNOTATION: "[]"}},
    "that is no base64": applied(data={"connection": "%"}),
}


@pytest.mark.parametrize("name", NO_COPIES)
def test_an_annotation_without_a_key_stays(name: str) -> None:
    assert changes(PROVEN, world(secret(WITHOUT_KEY, **dict(NO_COPIES[name])))) == []


# the rest


def test_the_secrets_whose_pods_are_looked_at() -> None:
    objects = {one.key: one for one in (secret(), replace(secret("theirs"), name="gitlab-azure-backup-conf"))}

    assert access_keys(goal(), objects) == {NAME: ("azure_storage_access_key",)}


def test_another_key_in_a_secret_is_news_between_passes_and_one_that_waits_for_pods_is_told_already() -> None:
    assert out_of_order(goal(), world(secret(), pod("webservice"))) is True
    assert out_of_order(goal(), world(secret(WITHOUT_KEY), pod("webservice"))) is False


def test_what_is_in_the_way_of_access() -> None:
    roles = failed(Link.ROLES, Failure(Reason.AUTHORIZATION_FAILED, "", Outlook.STALLED))
    refused = failed(Link.SECRETS, Failure(Reason.SECRET_NOT_UNDERSTOOD, "", Outlook.STALLED))
    keeps = failed(Link.SECRETS, Failure(Reason.PENDING, "", Outlook.BLOCKED))

    assert in_the_way_of_access([roles, keeps], ()) == roles
    assert in_the_way_of_access([refused], ()) == refused
    assert access_key_may_go(goal(), world(secret()), [roles, keeps], PROOF) is False


def test_the_event_names_settings_and_no_values() -> None:
    done = plan(PROVEN, world(secret(), pod("webservice")))

    event = key_event(PROVEN, done)

    assert event is not None
    assert (event.kind, event.reason) == ("Normal", Reason.ACCESS_KEY_REMOVED)
    assert event.message == (
        f"GitLab logs in as the identity from now on: secret {NAME} no longer has azure_storage_access_key. A pod uses the key "
        "that it started with until it is restarted: kubectl -n gitlab rollout restart deployment --selector release=gitlab"
    )
    assert key_event(PROVEN, ()) is None


def test_without_an_identity_nothing_is_known_of_pods_and_the_key_stays() -> None:
    have = replace(world(secret(), without_label("webservice")), identity=None)
    found = have.objects["Secret", NAME]

    obstacle = handover_obstacle(goal(), have, next(one for one in goal().objects if one.name == NAME), found)

    assert obstacle is not None
    assert obstacle.reason is Reason.PENDING


def test_a_secret_that_was_handed_over_stays_without_our_annotations() -> None:
    have = world(secret(), pod("webservice"))
    for change in plan(PROVEN, have):
        have = after(change, have, PROVEN.owner)
    assert CONTENT_HASH_ANNOTATION in have.objects["Secret", NAME].annotations

    for change in plan(deletion(), have):
        have = after(change, have, PROVEN.owner)

    left = have.objects["Secret", NAME]
    assert left.annotations == {ADOPT_ANNOTATION: "gitlab"}
    assert left.data == {"connection": WITHOUT_KEY}


def test_an_object_that_does_not_exist_has_no_obstacle() -> None:
    assert handover_obstacle(goal(), standing(wanted()), goal().objects[0], None) is None
