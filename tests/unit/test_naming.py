"""Names: readable where possible, always valid in Azure, never the same for two objects."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import StorageScope
from gitlab_azure_identity.domain.naming import credential_name, credential_prefix, identity_name
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR

IDENTITY_PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}")
CREDENTIAL_PATTERN = re.compile(r"[a-zA-Z0-9]{1}[a-zA-Z0-9-_]{2,119}")
ISSUER = "https://westeurope.oic.prod-aks.azure.com/72f988bf-0000-4000-8000-2d7cd011db47/7d3a6d5e/"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"

# A few letters, so that hypothesis finds parts that could give one name; and any text.
LABELS = st.text("ab-", min_size=1, max_size=4)
HOSTILE = st.one_of(LABELS, st.text("aB0-_./: é\n", max_size=6), st.text(max_size=8), st.text("a", max_size=300))
PARTS = st.tuples(HOSTILE, HOSTILE, HOSTILE)


@pytest.mark.parametrize(
    ("cluster", "namespace", "resource", "name"),
    [
        ("lab", "gitlab", "gitlab", "lab-gitlab-gitlab"),
        ("weu1", "git", "prod", "weu1-git-prod"),
        # A part contains a dash: the underscores separate the parts.
        ("aks-prod", "gitlab", "gitlab", "aks-prod_gitlab_gitlab"),
        ("lab", "gitlab-prod", "gitlab", "lab_gitlab-prod_gitlab"),
        ("lab", "gitlab", "prod-gitlab", "lab_gitlab_prod-gitlab"),
        ("my_aks", "gitlab", "gitlab", "my_aks_gitlab_gitlab"),
        # Altered: a dot, capitals, a first character Azure refuses, nothing.
        ("lab", "gitlab", "git.lab", "lab-gitlab-git-lab__a8ba7e159f36293b"),
        ("Lab", "gitlab", "gitlab", "lab-gitlab-gitlab__771c5d4439bff15a"),
        ("-lab", "gitlab", "gitlab", "lab_gitlab_gitlab__3e968e68facbcad1"),
        ("", "", "", "x__799c55d702efedb7"),
        # Shortened to 128.
        ("c" * 63, "n" * 63, "r" * 63, f"{'c' * 63}-{'n' * 46}__2fb33ea47157f72b"),
    ],
)
def test_identity_name(cluster: str, namespace: str, resource: str, name: str) -> None:
    assert identity_name(cluster, namespace, resource) == name


@pytest.mark.parametrize(
    "meeting",
    [
        [("a", "b-c", "d"), ("a-b", "c", "d"), ("a", "b", "c-d")],
        [("lab", "gitlab", "a.b"), ("lab", "gitlab", "a-b"), ("lab", "gitlab", "a..b")],
        [("Lab", "gitlab", "gitlab"), ("lab", "gitlab", "gitlab"), ("LAB", "gitlab", "gitlab")],
        [("a_b_c", "d", "e"), ("a", "b", "c-d-e"), ("a_b", "c", "d-e")],
        [("a_b", "c", "d"), ("a", "b_c", "d"), ("a", "b", "c_d")],
        [("c" * 63, "n" * 63, "r" * 63), ("c" * 63, "n" * 63, "r" * 62)],
    ],
)
def test_parts_that_could_give_one_identity_name_do_not(meeting: list[tuple[str, str, str]]) -> None:
    assert len({identity_name(*parts).lower() for parts in meeting}) == len(meeting)


def test_no_name_of_a_resource_gives_it_the_identity_of_another() -> None:
    altered = identity_name("lab", "gitlab", "git.lab")
    _, _, ending = altered.rpartition("-")

    assert identity_name("lab", "gitlab", f"git-{ending}") != altered
    assert identity_name("lab", "gitlab", f"git-{ending.replace('_', '-')}") != altered


@given(PARTS, PARTS)
def test_identity_names_are_valid_and_distinct(a: tuple[str, str, str], b: tuple[str, str, str]) -> None:
    assert IDENTITY_PATTERN.fullmatch(identity_name(*a))
    assert (identity_name(*a).lower() == identity_name(*b).lower()) == (a == b)


@given(LABELS, LABELS, LABELS, LABELS, LABELS, LABELS)
def test_identity_names_of_dashed_parts_are_distinct(a: str, b: str, c: str, d: str, e: str, f: str) -> None:
    assert (identity_name(a, b, c) == identity_name(d, e, f)) == ((a, b, c) == (d, e, f))


def test_each_resource_has_its_own_credential_prefix() -> None:
    prefixes = [
        credential_prefix(ISSUER, "gitlab", "gitlab"),
        credential_prefix(ISSUER.rstrip("/"), "gitlab", "gitlab"),
        credential_prefix(ISSUER, "gitlab", "other"),
        credential_prefix(ISSUER, "gitlabg", "itlab"),
    ]

    assert prefixes[0] == "gai-1e698283d2-"
    assert len(set(prefixes)) == len(prefixes)


@pytest.mark.parametrize(
    ("service_account", "ending"),
    [
        ("gitlab", "gitlab"),
        ("gitlab-registry", "gitlab-registry"),
        ("a" * 105, "a" * 105),
        ("a" * 106, f"{'a' * 87}__c791d414a761d513"),
        ("git.lab", "git-lab__6a0938e98bee9943"),
        ("a" * 200 + "." + "b" * 52, f"{'a' * 87}__c5d4a4674a14ccc9"),
    ],
)
def test_credential_name(service_account: str, ending: str) -> None:
    name = credential_name(ISSUER, "gitlab", "gitlab", service_account)

    assert name == credential_prefix(ISSUER, "gitlab", "gitlab") + ending
    assert len(name) <= 120


def test_no_name_of_a_service_account_gives_it_the_credential_of_another() -> None:
    altered = credential_name(ISSUER, "gitlab", "gitlab", "git.lab")
    ending = altered.removeprefix(credential_prefix(ISSUER, "gitlab", "gitlab"))

    assert credential_name(ISSUER, "gitlab", "gitlab", ending) != altered


@given(HOSTILE, HOSTILE)
def test_credential_names_are_valid_and_distinct(a: str, b: str) -> None:
    names = [credential_name(ISSUER, "gitlab", "gitlab", account) for account in (a, b)]

    assert all(CREDENTIAL_PATTERN.fullmatch(name) for name in names)
    assert all(name.startswith(credential_prefix(ISSUER, "gitlab", "gitlab")) for name in names)
    assert (names[0].lower() == names[1].lower()) == (a == b)


def test_subject_is_the_one_the_api_server_writes() -> None:
    assert naming.subject("gitlab", "git.lab") == "system:serviceaccount:gitlab:git.lab"


SCOPE = StorageScope(SUBSCRIPTION, "rg-storage", "gitlabstore")
PRINCIPAL = "0f8fad5b-d9cb-469f-a165-70867728950e"
CONTRIBUTOR = STORAGE_BLOB_DATA_CONTRIBUTOR


def test_role_assignment_name_does_not_change_between_releases() -> None:
    assert naming.role_assignment_name(SCOPE, PRINCIPAL, CONTRIBUTOR) == "05fad918-e0d3-52b4-a9d3-395c74552557"


def test_role_assignment_name_ignores_case_and_nothing_else() -> None:
    name = naming.role_assignment_name(SCOPE, PRINCIPAL, CONTRIBUTOR)
    others = [
        naming.role_assignment_name(SCOPE.at("registry"), PRINCIPAL, CONTRIBUTOR),
        naming.role_assignment_name(SCOPE, PRINCIPAL.replace("0f", "1f"), CONTRIBUTOR),
        naming.role_assignment_name(SCOPE, PRINCIPAL, STORAGE_BLOB_DELEGATOR),
    ]

    assert naming.role_assignment_name(StorageScope.parse(str(SCOPE).upper()), PRINCIPAL.upper(), CONTRIBUTOR) == name
    assert len({name, *others}) == 4
    assert all(uuid.UUID(each).version == 5 for each in (name, *others))


@pytest.mark.parametrize(
    ("a", "b", "one"),
    [
        ("team", "Team", True),
        ("équipe", "ÉQUIPE", True),
        ("équipe", "e\u0301quipe", True),
        ("\u03c2", "\u03a3", True),
        ("Straße", "STRASSE", True),
        ("team", "teams", False),
        ("team", " team", False),
        ("equipe", "équipe", False),
    ],
)
def test_keys_of_tags_that_azure_may_take_for_one(a: str, b: str, one: bool) -> None:
    assert (naming.tag_key(a) == naming.tag_key(b)) is one


def test_default_names_in_the_cluster() -> None:
    assert naming.secret_names("gitlab") == {
        "registry": "gitlab-registry-storage",
        "objectStorage": "gitlab-object-storage",
        "backups": "gitlab-azure-backup-conf",
    }
    assert naming.values_config_map("gitlab") == "gitlab-gitlab-values"
    assert naming.field_manager("gitlab") == "gitlab-azure-identity:gitlab"
    assert len(naming.field_manager("n" * 63)) <= 128
