"""What doctor looks at beside the chain of conditions: pure checks, in tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitlab_azure_identity.domain.causes import CAUSES
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.doctor import clock, webhook
from gitlab_azure_identity.domain.doctor.compared import difference, fitted, nearest
from gitlab_azure_identity.domain.doctor.selectors import unmet
from gitlab_azure_identity.domain.doctor.token import Claims, compared, trusted_by

from .worlds import ISSUER

SUBJECT = "system:serviceaccount:gitlab:gitlab"
AUDIENCE = "api://AzureADTokenExchange"
TOKEN = Claims(ISSUER, SUBJECT, AUDIENCE)


# texts that must be the same to the letter


@pytest.mark.parametrize(
    ("needed", "found", "place", "words"),
    [
        ("https://a/b/", "https://a/b", 11, "the slash at the end is missing"),
        ("https://a/b", "https://a/b/", 11, "there is a slash at the end too many"),
        ("https://a/b", "https://a/B", 10, "B instead of b: capitals count"),
        ("https://a/b", "https://a/b ", 11, "a blank at the start or at the end"),
        ("https://a/b", " https://a/b", 0, "a blank at the start or at the end"),
        ("https://a/bc", "https://a/b", 11, "the end is missing: c"),
        ("https://a/b", "https://a/bc", 11, "the end is too much: c"),
        ("https://a/b/c", "https://a/x/c", 10, "x instead of b"),
        ("gitlab", "gitl\u0430b", 4, "<U+0430> instead of a"),
    ],
)
def test_the_first_difference_is_named(needed: str, found: str, place: int, words: str) -> None:
    apart = difference(needed, found)

    assert apart is not None
    assert (apart.place, apart.words) == (place, words)


def test_a_mark_stands_under_the_first_difference() -> None:
    apart = difference("https://a/b/", "https://a/b")

    assert apart is not None
    assert apart.lines("token", "credential") == (
        "token:      https://a/b/",
        "credential: https://a/b",
        "                       ^ the slash at the end is missing",
    )


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            200,
            (
                "token:      https://a.example/b/",
                "credential: https://a.example/b",
                "                               ^ the slash at the end is missing",
            ),
        ),
        (
            57,
            (
                "token:      …a.example/b/",
                "credential: …a.example/b",
                "                        ^ the slash at the end is missing",
            ),
        ),
        (
            10,
            (
                "token:      …/",
                "credential: …",
                "             ^ the slash at the end is missing",
            ),
        ),
    ],
)
def test_a_comparison_is_cut_where_both_are_the_same(width: int, shown: tuple[str, ...]) -> None:
    apart = difference("https://a.example/b/", "https://a.example/b")
    assert apart is not None

    around = ["The nearest is walk:", *apart.lines("token", "credential"), "And more."]

    assert list(fitted(around, width)) == [around[0], *shown, around[-1]]


def test_the_same_texts_do_not_differ() -> None:
    assert difference(ISSUER, ISSUER) is None


@pytest.mark.parametrize(
    ("name", "names", "meant"),
    [
        ("git-lsf", ["git-lfs", "registry"], "git-lfs"),
        ("GitLabStore", ["otherstore", "gitlabstore"], "gitlabstore"),
        ("nowhere", ["git-lfs", "registry"], None),
        ("git-lfs", [], None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(name: str, names: list[str], meant: str | None) -> None:
    assert nearest(name, names) == meant


# the token


def credential(issuer: str = ISSUER, subject: str = SUBJECT, audience: str = AUDIENCE, name: str = "one") -> Credential:
    return Credential(name, issuer, subject, audience)


def test_a_token_is_trusted_by_the_credential_with_its_three_texts() -> None:
    assert trusted_by(TOKEN, [credential(subject="x"), credential(name="two")]) == credential(name="two")
    assert trusted_by(TOKEN, [credential(issuer=ISSUER.rstrip("/"))]) is None


@pytest.mark.parametrize(
    ("there", "lines"),
    [
        (
            [credential(issuer=ISSUER.rstrip("/"))],
            [
                f"issuer of the token:      {ISSUER}",
                f"issuer of the credential: {ISSUER.rstrip('/')}",
                f"{'':{26 + len(ISSUER) - 1}}^ the slash at the end is missing",
            ],
        ),
        (
            [credential(subject="system:serviceaccount:other:x"), credential(subject="system:serviceaccount:gitlab:gitlba")],
            [
                "subject of the token:      system:serviceaccount:gitlab:gitlab",
                "subject of the credential: system:serviceaccount:gitlab:gitlba",
                f"{'':60}^ b instead of a",
            ],
        ),
        (
            [credential(audience="api://AzureADTokenExchangeUSGov")],
            [
                f"audience of the token:      {AUDIENCE}",
                f"audience of the credential: {AUDIENCE}USGov",
                f"{'':{28 + len(AUDIENCE)}}^ the end is too much: USGov",
            ],
        ),
    ],
)  # fmt: skip
def test_the_nearest_credential_is_compared_with_the_token_character_by_character(
    there: list[Credential], lines: list[str]
) -> None:
    found = compared(TOKEN, there)

    assert found is not None
    assert list(found[1]) == lines


def test_without_a_credential_there_is_nothing_to_compare() -> None:
    assert compared(TOKEN, []) is None


# label selectors


@pytest.mark.parametrize(
    ("selector", "labels", "reason"),
    [
        (None, {}, None),
        ({}, {"a": "b"}, None),
        ({"matchLabels": {"a": "b"}}, {"a": "b"}, None),
        ({"matchLabels": {"a": "b"}}, {}, "a must be b"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, {"a": "c"}, None),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, {}, "a must be one of b, c"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {}, None),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {"a": "b"}, "a must be none of b"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, None),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {}, "a must be there"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {}, None),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": "b"}, "a must not be there"),
    ],
)
def test_a_selector_admits_what_the_api_server_admits(
    selector: dict[str, Any] | None, labels: dict[str, str], reason: str | None
) -> None:
    assert unmet(selector, labels) == reason


# the webhook

CREATION = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
SERVICE = ("kube-system", "azure-wi-webhook-webhook-service")


def registered(**fields: Any) -> dict[str, Any]:
    """The configuration of AKS, with other fields of its one webhook."""
    own = {
        "name": "mutation.azure-workload-identity.io",
        "clientConfig": {"service": {"namespace": SERVICE[0], "name": SERVICE[1]}},
        "rules": [CREATION],
        "objectSelector": {"matchLabels": {"azure.workload.identity/use": "true"}},
        **fields,
    }
    return {"metadata": {"name": "azure-wi-webhook-mutating-webhook-configuration"}, "webhooks": [own]}


OTHERS = {"metadata": {"name": "istio"}, "webhooks": [{"name": "sidecar.istio.io", "rules": [CREATION]}]}
EXCLUDED = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}


ANOTHER = {"service": {"namespace": "own", "name": "webhook"}}
ELSEWHERE = registered(clientConfig={"url": "https://127.0.0.1/"})


@pytest.mark.parametrize(
    ("configurations", "labels", "answering", "cause", "said"),
    [
        ([registered()], {}, {SERVICE: True}, None, ""),
        ([registered()], {}, {}, None, ""),
        ([registered(clientConfig={"url": "https://127.0.0.1/"})], {}, {}, None, ""),
        ([registered(namespaceSelector=EXCLUDED)], {}, {SERVICE: True}, None, ""),
        ([registered(namespaceSelector=EXCLUDED, clientConfig={"url": "x"}), registered()], {"control-plane": "x"}, {}, None, ""),
        ([], {}, {}, webhook.MISSING, "not registered"),
        ([OTHERS], {}, {}, webhook.MISSING, "not registered"),
        ([registered(rules=[{**CREATION, "operations": ["UPDATE"]}])], {}, {}, webhook.MISSING, "not registered"),
        ([registered(rules=[{**CREATION, "resources": ["deployments"]}])], {}, {}, webhook.MISSING, "not registered"),
        ([registered(rules=[{**CREATION, "apiGroups": ["apps"]}])], {}, {}, webhook.MISSING, "not registered"),
        ([registered(rules=None)], {}, {}, webhook.MISSING, "not registered"),
        (
            [registered(namespaceSelector=EXCLUDED)],
            {"control-plane": "x"},
            {},
            webhook.EXCLUDING,
            "leaves out namespace gitlab: by its namespaceSelector label control-plane must not be there",
        ),
        (
            [registered(objectSelector={"matchLabels": {"use": "yes"}})],
            {},
            {},
            webhook.EXCLUDING,
            "by its objectSelector label use must be yes",
        ),
        ([registered()], {}, {SERVICE: False}, webhook.SILENT, "no pod with the label can be created"),
        ([registered(failurePolicy="Ignore")], {}, {SERVICE: False}, webhook.SILENT, "created without their variables"),
        # one beside another, such as that of AKS and that of a chart
        ([registered(failurePolicy="Ignore"), ELSEWHERE], {}, {SERVICE: False}, None, ""),
        ([ELSEWHERE, registered()], {}, {SERVICE: False}, webhook.SILENT, "no pod with the label can be created"),
    ],
)  # fmt: skip
def test_the_webhook_changes_the_pods_of_a_namespace_or_it_is_said_why_not(
    configurations: list[dict[str, Any]],
    labels: dict[str, str],
    answering: dict[tuple[str, str], bool],
    cause: str | None,
    said: str,
) -> None:
    found = webhook.silence(webhook.identity_webhooks(configurations), "gitlab", labels, answering)

    assert (found.cause if found else None) == cause
    assert said in (found.sentence if found else "")


@pytest.mark.parametrize(
    ("configurations", "labels", "answering", "seen"),
    [
        ([registered()], {}, {SERVICE: True}, True),
        ([registered()], {}, {}, False),
        ([registered(), registered(failurePolicy="Ignore", clientConfig=ANOTHER)], {}, {SERVICE: True}, True),
        # whether one with an address of its own answers, a person's command cannot see: `--as-pod` can
        ([ELSEWHERE], {}, {}, True),
        # one that answers, and is not asked
        (
            [registered(namespaceSelector=EXCLUDED), registered(clientConfig=ANOTHER)],
            {"control-plane": "x"},
            {SERVICE: True},
            False,
        ),
    ],
)  # fmt: skip
def test_a_webhook_whose_pods_cannot_be_seen_is_not_said_to_answer(
    configurations: list[dict[str, Any]],
    labels: dict[str, str],
    answering: dict[tuple[str, str], bool],
    seen: bool,
) -> None:
    webhooks = webhook.identity_webhooks(configurations)

    assert webhook.silence(webhooks, "gitlab", labels, answering) is None
    assert webhook.is_seen(webhooks, labels, answering) is seen


ELSE = ("azure-workload-identity-system", "webhook")


@pytest.mark.parametrize(
    ("fields", "answering", "command"),
    [
        (
            {"clientConfig": {"service": {"namespace": ELSE[0], "name": ELSE[1]}}},
            {ELSE: False},
            f"kubectl -n {ELSE[0]} get pods",
        ),
        (
            {"objectSelector": {"matchLabels": {"use": "yes"}}},
            {},
            "kubectl get mutatingwebhookconfiguration mine-azure-wi-webhook",
        ),
    ],
)  # fmt: skip
def test_the_commands_about_the_webhook_have_the_names_of_this_one(
    fields: dict[str, Any], answering: dict[tuple[str, str], bool], command: str
) -> None:
    configuration = {**registered(**fields), "metadata": {"name": "mine-azure-wi-webhook"}}

    found = webhook.silence(webhook.identity_webhooks([configuration]), "gitlab", {}, answering)

    assert found is not None
    advice = CAUSES[found.cause].advice(found.sentence, **webhook.OF_AKS | dict(found.names))
    assert any(one.startswith(command) for one in advice.commands)


def test_conditions_that_the_api_server_evaluates_are_not_guessed() -> None:
    conditional = registered(matchConditions=[{"name": "gitlab", "expression": "request.namespace != 'gitlab'"}])

    worlds: list[list[dict[str, Any]]] = [[conditional], [conditional, registered()], []]

    said = [webhook.unknown(webhook.identity_webhooks(found), {}) for found in worlds]

    assert said == [
        (
            "The webhook azure-wi-webhook-mutating-webhook-configuration has matchConditions. Only a new pod shows whether they "
            "admit the pods of GitLab: --as-pod."
        ),
        None,
        None,
    ]


# clocks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (timedelta(0), None),
        (timedelta(minutes=5), None),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=6), "The clock of the API server is 6 minutes ahead of Azure's."),
        (timedelta(hours=-3), "The clock of the API server is 3 hours behind Azure's."),
    ],
)
def test_clocks_may_differ_as_far_as_entra_lets_them(ahead: timedelta, said: str | None) -> None:
    assert clock.apart(NOON + ahead, NOON) == said
