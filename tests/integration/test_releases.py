"""A person says which GitLab they run: the values fit it, and what it cannot do is told."""

from __future__ import annotations

from typing import Any

import yaml

from .behind import reasons, until
from .resources import GitLab

SECRETS = ("gitlab-registry-storage", "gitlab-object-storage", "gitlab-azure-backup-conf")


def values(gitlab: GitLab) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(gitlab.fetch("configmap", "gitlab-gitlab-values")["data"]["values.yaml"])
    return read


def test_a_release_that_cannot_use_the_identity_is_told_until_another_is_named(gitlab: GitLab) -> None:
    gitlab.apply(gitlab={"version": "v17.8.7-ee"})

    gitlab.condition("Ready", "False", "VersionUnsupported")

    assert gitlab.message("Ready").startswith(
        "The chart before 8.9 (GitLab before 17.9) does not render without a storage key"
    )
    assert all(gitlab.exists("secret", name) for name in SECRETS)
    assert values(gitlab)["global"]["minio"] == {"enabled": False}

    gitlab.apply(gitlab={"version": "19.3"}).ready()

    assert "minio" not in values(gitlab)["global"]
    assert gitlab.message("SecretsWritten").endswith("gitlab-gitlab-values.")


def test_a_defect_of_the_release_is_told_and_leaves_it_ready(gitlab: GitLab) -> None:
    gitlab.apply(gitlab={"version": "9.11.0"}).ready()

    until(lambda: "KnownDefect" in reasons(gitlab), "the event")

    (event,) = [event for event in gitlab.events() if event["reason"] == "KnownDefect"]
    assert event["type"] == "Warning"
    assert gitlab.message("SecretsWritten").endswith(event["message"])
    assert "401" in event["message"]
    assert "dependency_proxy" in event["message"]


def test_features_follow_what_is_disabled(gitlab: GitLab) -> None:
    off = {"management": "Disabled"}
    store = {"accountName": "gitlabstore", "containers": {"registry": off, "lfs": off, "pages": off}}
    gitlab.apply(storage=store).ready()

    assert gitlab.message("SecretsWritten").endswith(
        "Your own values must have: registry.enabled: false, global.appConfig.lfs.enabled: false, "
        "global.pages.objectStore.enabled: false."
    )
    assert "registry" not in values(gitlab)

    gitlab.apply(storage=store, gitlab={"features": "Follow"}).ready()

    assert gitlab.message("SecretsWritten").endswith("gitlab-gitlab-values.")
    assert values(gitlab)["registry"] == {"enabled": False}
    assert values(gitlab)["global"]["appConfig"]["lfs"] == {"enabled": False}
    assert values(gitlab)["global"]["pages"] == {"enabled": False, "objectStore": {"enabled": False}}
