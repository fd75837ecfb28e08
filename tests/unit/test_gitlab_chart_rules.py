"""No values that the operator writes are refused by GitLab's chart, once a person's own values have what SecretsWritten names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest

from gitlab_azure_identity.api.containers import CHART_NAMES
from gitlab_azure_identity.domain.gitlab.own_values import own_values
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease, Version
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import values_of

from .chart_rules import Values, defaults, followed, merged, refusals, uses_by_default
from .worlds import IN_STORE

# What a person names, and charts that it may be.
NAMED: dict[str | None, tuple[Version, ...]] = {
    None: ((8, 9, 0), (9, 9, 1), (10, 3, 0)),
    "8.9.0": ((8, 9, 0),),
    "18": ((9, 0, 0), (9, 11, 12)),
    "10.0.1": ((10, 0, 1),),
    "10.0.3": ((10, 0, 3),),
    "v19.2.1-ee": ((10, 2, 0), (10, 2, 5)),
    "10.3": ((10, 3, 0),),
}
SECRETS: dict[str, Any] = {
    "registry_secret": ("gitlab-registry-storage", "config"),
    "object_storage_secret": ("gitlab-object-storage", "connection"),
    "backup_secret": ("gitlab-azure-backup-conf", "config"),
}
# Whole groups of purposes are switched together: the chart has one rule for each group.
GROUPS = (
    ("registry",),
    ("artifacts", "lfs", "packages"),
    ("uploads",),
    ("backups", "tmp"),
    ("externalDiffs", "terraformState", "ciSecureFiles", "dependencyProxy"),
    ("pages",),
)
OPTIONAL = {*GROUPS[4], *GROUPS[5]}


def uses(text: str | None) -> Iterator[Use]:
    """Every combination of purposes that are used, Disabled or not named, of secrets and of features."""
    release = GitLabRelease.parse(text) if text else None
    states = [("used", "disabled", "unnamed") if group[0] in OPTIONAL else ("used", "disabled") for group in GROUPS]
    for chosen in itertools.product(*states):
        of = {purpose: state for group, state in zip(GROUPS, chosen, strict=True) for purpose in group}
        containers = {purpose: CHART_NAMES[purpose] for purpose, state in of.items() if state == "used"}
        disabled = frozenset(purpose for purpose, state in of.items() if state == "disabled")
        for written, follow in itertools.product(itertools.product([True, False], repeat=3), [True, False]):
            secrets: dict[str, Any] = {
                entry: secret if there else None
                for (entry, secret), there in zip(SECRETS.items(), written, strict=True)
            }
            if "registry" in disabled:
                secrets["registry_secret"] = None  # it would have no container to name
            given = secrets | IN_STORE
            yield Use(["gitlab"], containers, **given, disabled=disabled, follow=follow, release=release)


def as_installed(use: Use) -> Values:
    """The values of a person who does what SecretsWritten says, with those of the operator over them. Whoever names Pages uses
    them."""
    own = [followed(one) for one in own_values(use)]
    if "pages" in use.containers:
        own.append({"global": {"pages": {"enabled": True}}})
    return merged(reduce(merged, own, {}), values_of(use))


def told(use: Use, version: Version) -> bool:
    """Whether a defect of the chart is told that no value of the operator's can mend."""
    return (10, 0, 0) <= version < (10, 0, 3) and "pages" in use.containers and use.object_storage_secret is None


@pytest.mark.parametrize(("text", "versions"), NAMED.items())
def test_the_chart_refuses_none_and_uses_no_container_of_its_own_for_what_is_disabled(
    text: str | None, versions: tuple[Version, ...]
) -> None:
    for use in uses(text):
        installed = as_installed(use)
        for version in versions:
            assert told(use, version) == bool(refusals(installed, version)), (
                use,
                version,
                refusals(installed, version),
            )
            assert not use.disabled & uses_by_default(installed, version).keys(), (use, version)


@pytest.mark.parametrize("accounts", [[], ["gitlab"], ["gitlab", "gitlab-registry"]])
def test_the_chart_refuses_no_service_accounts(accounts: list[str]) -> None:
    use = Use(accounts, CHART_NAMES, **SECRETS, **IN_STORE)
    assert refusals(as_installed(use), (10, 3, 0)) == []


def test_without_a_release_the_values_fit_chart_10_too_unless_backups_are_left_to_others() -> None:
    """Whoever does is told with a release: their own values may have a secret for backups elsewhere."""
    for use in uses(None):
        lent = use.follow and use.object_storage_secret is not None
        has_secret = lent or "backups" in use.containers or use.backup_secret is not None
        assert bool(refusals(as_installed(use), (10, 0, 3))) is not has_secret, use


def test_what_a_person_must_have_is_never_what_the_operator_writes() -> None:
    """The README gives Helm the operator's values last, so they would win."""
    for use in uses("10.0.1"):
        written = values_of(use)
        for own in own_values(use):
            assert merged(written, followed(own)) != written, (use, own)
            assert merged(followed(own), written) == merged(written, followed(own)), (use, own)


def test_whoever_has_the_defaults_must_add_nothing() -> None:
    containers = {purpose: name for purpose, name in CHART_NAMES.items() if purpose not in OPTIONAL}
    assert own_values(Use(["gitlab"], containers, **SECRETS, **IN_STORE)) == ()


NO_CONNECTIONS = [f"{purpose} has no connection" for purpose in ("artifacts", "lfs", "uploads", "packages")]
NO_BACKUPS = "the toolbox has no secret for backups"


def everywhere(**given: Any) -> Values:
    return {"global": given}


@pytest.mark.parametrize(
    ("version", "values", "refused"),
    [
        ((9, 9, 1), {}, []),
        ((10, 0, 0), {}, ["the registry has no storage", NO_BACKUPS, *NO_CONNECTIONS]),
        ((9, 9, 1), everywhere(minio={"enabled": False}), [NO_BACKUPS, *NO_CONNECTIONS]),
        (
            (9, 9, 1),
            everywhere(appConfig={"object_store": {"enabled": True}, "lfs": {"bucket": ""}}),
            ["lfs has a connection of its own, or no bucket"],
        ),
        (
            (9, 9, 1),
            everywhere(serviceAccount={"enabled": True, "name": "gitlab"}),
            ["one service account is to be created for all"],
        ),
        (
            (9, 9, 1),
            {"gitlab": {"toolbox": {"backups": {"objectStorage": {"config": {"key": "config"}}}}}},
            [NO_BACKUPS],
        ),
    ],
)
def test_the_rules_refuse_what_the_chart_refuses(version: Version, values: Values, refused: list[str]) -> None:
    assert refusals(values, version) == refused


@pytest.mark.parametrize(
    ("version", "connection", "refused"),
    [
        ((9, 9, 1), {}, []),
        ((10, 0, 2), {}, ["Pages have no connection"]),
        ((10, 0, 2), {"secret": "s"}, []),
        ((10, 0, 3), {}, []),
        ((10, 0, 3), {"secret": "s"}, ["Pages have a connection beside the consolidated one"]),
    ],
)
def test_the_rule_for_pages(version: Version, connection: Values, refused: list[str]) -> None:
    pages = {"enabled": True, "objectStore": {"connection": connection}}
    store = {"object_store": {"enabled": True, "connection": {"secret": "s"}}}
    values = {
        "global": {"pages": pages, "appConfig": store},
        "registry": {"storage": {"secret": "s"}},
        "gitlab": {"toolbox": {"backups": {"objectStorage": {"config": {"secret": "s"}}}}},
    }
    assert refusals(values, version) == refused


def test_the_defaults_are_those_of_the_containers_that_the_api_server_fills_in() -> None:
    assert uses_by_default({}, (9, 9, 1)).keys() == {"registry", "artifacts", "lfs", "uploads", "packages", "pages"}
    assert defaults((10, 0, 0))["global"]["minio"] == {"enabled": False}
