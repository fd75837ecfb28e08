"""A release of GitLab or of its chart, as people write it, and what is known of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from gitlab_azure_identity.api.gitlab import GITLAB_VERSION
from gitlab_azure_identity.domain.gitlab.releases import GitLabRelease, Releases
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.values import gitlab_values
from gitlab_azure_identity.domain.gitlab.versions import KNOWN, defects, unusable

from .worlds import IN_STORE, wanted


@pytest.mark.parametrize(
    ("text", "chart", "gitlab"),
    [
        # the chart's: GitLab's patch is another
        ("9.5.1", "9.5.1 to 9.5.1", "18.5.0 to before 18.6"),
        ("9.5", "9.5.0 to before 9.6", "18.5.0 to before 18.6"),
        ("10", "10.0.0 to before 11.0", "19.0.0 to before 20.0"),
        ("v8.11.8", "8.11.8 to 8.11.8", "17.11.0 to before 17.12"),
        ("10.0.0-rc1", "10.0.0 to 10.0.0", "19.0.0 to before 19.1"),
        # GitLab's
        ("18.5.1", "9.5.0 to before 9.6", "18.5.1 to 18.5.1"),
        ("v18.5.1-ee", "9.5.0 to before 9.6", "18.5.1 to 18.5.1"),
        ("18.5.1-ee.0", "9.5.0 to before 9.6", "18.5.1 to 18.5.1"),
        ("18.5.0+ce.1", "9.5.0 to before 9.6", "18.5.0 to 18.5.0"),
        ("18", "9.0.0 to before 10.0", "18.0.0 to before 19.0"),
        ("17.9-ee", "8.9.0 to before 8.10", "17.9.0 to before 17.10"),
    ],
)
def test_no_version_is_both_of_the_chart_and_of_gitlab(text: str, chart: str, gitlab: str) -> None:
    release = GitLabRelease.parse(text)
    assert (str(release.chart), str(release.gitlab)) == (chart, gitlab)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "7.11",
        "11",
        "16.11.2",
        "20.0",
        "9.",
        "9.5.1.2",
        "09.5",
        "9.05",
        "9.5 ",
        "9,5",
        "v",
        "9.5.1-",
        "1e1",
    ],
)
def test_what_is_no_version_of_either_is_refused(text: str) -> None:
    assert not re.fullmatch(GITLAB_VERSION, text)
    with pytest.raises(ValueError, match="not a version of the GitLab chart or of GitLab"):
        GitLabRelease.parse(text)


def test_releases_before_one_have_no_first() -> None:
    before, exactly = Releases((8, 9, 0)), Releases((8, 8, 8), (8, 8, 7))

    assert str(before) == "before 8.9"
    assert exactly.within(before)
    assert not before.within(exactly)
    assert exactly.overlaps(before)
    assert before.overlaps(exactly)
    assert not before.overlaps(Releases((9, 0, 0), (8, 9, 0)))


SECRETS: dict[str, Any] = {
    "registry_secret": ("r", "config"),
    "object_storage_secret": ("o", "connection"),
    "backup_secret": ("b", "config"),
}
RENDERS, AZURE_V2, PARAMETERS, DAY_OLD, MIGRATIONS, PAGES = KNOWN


def use(text: str | None, *containers: str, **secrets: None) -> Use:
    names = dict.fromkeys(("registry", "artifacts", *containers), "c")
    return Use(["gitlab"], names, **SECRETS | secrets | IN_STORE, release=GitLabRelease.parse(text) if text else None)


@pytest.mark.parametrize(
    ("given", "fatal", "told"),
    [
        (use(None), [], []),
        (use("8.7.9"), [RENDERS, AZURE_V2], []),
        (use("17.7"), [RENDERS, AZURE_V2], []),
        (use("8.8.7"), [RENDERS], []),
        (use("8.8.7", object_storage_secret=None), [], []),  # the registry alone can
        (use("8.7", object_storage_secret=None), [AZURE_V2], []),
        (use("8.7", object_storage_secret=None, registry_secret=None), [], []),
        (use("8.9.0"), [], [DAY_OLD]),
        (use("17.9.0"), [], [DAY_OLD]),
        (use("8"), [], [RENDERS, AZURE_V2, DAY_OLD]),  # it may be a release that works
        (use("9.9.1"), [], [DAY_OLD]),
        (use("9.11.2"), [], [DAY_OLD, MIGRATIONS]),
        (use("9.11.2", "dependencyProxy"), [], [DAY_OLD]),
        (use("9.11.3"), [], [DAY_OLD]),
        (use("18.11.4"), [], [DAY_OLD, MIGRATIONS]),  # of which chart 9.11 it is, is not known
        (use("10.0.1"), [], [DAY_OLD]),
        (use("10.0.1", "pages"), [], [DAY_OLD]),  # the values mend it
        (use("10.0.1", "pages", object_storage_secret=None), [], [DAY_OLD, PAGES]),
        (use("10.0", "pages"), [], [DAY_OLD, PAGES]),
        (use("10.0.3", "pages"), [], [DAY_OLD]),
        (use("19.2.3"), [], [DAY_OLD]),
        (use("19.3"), [], []),
        (use("19"), [], [DAY_OLD]),
    ],
)
def test_what_is_known_of_a_release_is_told_where_it_matters(
    given: Use, fatal: list[object], told: list[object]
) -> None:
    assert list(unusable(given)) == fatal
    assert list(defects(given)) == told


@pytest.mark.parametrize(
    ("text", "parameters", "told"),
    [
        ("8.9", {"maxRetries": 5}, True),
        ("8.9", {"debugLog": True}, True),
        ("8.9", {"rootDirectory": "/registry"}, False),
        ("8.9", {}, False),
        ("8.10", {"maxRetries": 5}, False),
    ],
)
def test_parameters_that_the_registry_does_not_know_are_told(text: str, parameters: dict[str, Any], told: bool) -> None:
    found = wanted({"gitlab": {"version": text}, "secrets": {"registry": {"parameters": parameters}}}).use
    assert (PARAMETERS in defects(found)) is told


def test_a_registry_alone_has_no_401() -> None:
    alone = Use(
        ["gitlab"], {"registry": "c"}, ("r", "config"), None, None, **IN_STORE, release=GitLabRelease.parse("9.9")
    )
    assert defects(alone) == ()


def written(text: str | None, *containers: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(gitlab_values(use(text, *containers)))
    return read


@pytest.mark.parametrize(("text", "there"), [(None, True), ("9.9", True), ("10", False), ("19.3.1", False)])
def test_minio_is_switched_off_where_the_chart_has_one(text: str | None, there: bool) -> None:
    assert ("minio" in written(text)["global"]) is there


@pytest.mark.parametrize(
    ("text", "there"), [(None, False), ("9.9", False), ("10.0.0", True), ("10.0.2", True), ("10.0.3", False), ("10.0", False)]
)  # fmt: skip
def test_pages_get_a_connection_where_the_chart_asks_for_one(text: str | None, there: bool) -> None:
    assert ("connection" in written(text, "pages")["global"]["pages"]["objectStore"]) is there


@pytest.mark.parametrize("text", [None, "8.8.7", "8.9", "9.9", "10.3"])
def test_the_secrets_fit_every_release(text: str | None) -> None:
    """So a chart may be upgraded before the resource says so, or after."""

    def secrets(gitlab: dict[str, Any]) -> list[object]:
        return [each for each in wanted({"gitlab": gitlab}).objects if each.kind == "Secret"]

    assert secrets({"version": text} if text else {}) == secrets({})
