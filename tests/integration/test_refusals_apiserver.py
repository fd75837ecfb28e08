"""The refusals of the API server on `kubectl apply`, to the letter: the rules of the resource definition as a person meets
them."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.azure.seeded import LOCATION, SUBSCRIPTION
from lab.running import Lab

from .resources import GitLab
from .watching import Watch

STORE = {"accountName": "gitlabstore"}


# The most and the longest tags that the schema admits, one short of 40, which differ only in their last character.
LONGEST_TAGS = {f"{number:0>512}".replace("0", "k"): "v" * 256 for number in range(39)}
KEY = next(iter(LONGEST_TAGS))


def containers(**purposes: dict[str, str]) -> dict[str, Any]:
    return {"storage": {**STORE, "containers": purposes}}


def parameters(**given: object) -> dict[str, Any]:
    return {"secrets": {"registry": {"parameters": given}}}


def unknown(field: str) -> str:
    """The API server's message about a field that does not exist, with kubectl's strict validation."""
    return (
        'Error from server (BadRequest): error when creating "STDIN": GitLabAzureIdentity in version "v1alpha1" cannot be '
        f'handled as a GitLabAzureIdentity: strict decoding error: unknown field "spec.{field}"'
    )


def problem(output: str) -> str:
    """The line that says what is wrong. The API server lists several faults, each after an asterisk."""
    lines = output.strip().splitlines()
    return lines[0] if len(lines) == 1 else lines[1].removeprefix("* ")


VERSION = (
    "name a version of the GitLab chart (8 to 10) or of GitLab (17 to 19), such as 9.5.1 or 18.5. Leave it out for any other "
    "version"
)
INVALID = 'The GitLabAzureIdentity "gitlab" is invalid: '
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a storage account with capitals": (
        {"storage": {"accountName": "GitLabStore"}},
        (
            f'{INVALID}spec.storage.accountName: Invalid value: "GitLabStore": spec.storage.accountName in body should match '
            "'^[a-z0-9]{3,24}$'"
        ),
    ),
    "no storage account": ({"storage": {}}, "spec.storage.accountName: Required value"),
    "21 service accounts": (
        {"serviceAccounts": [{"name": f"gitlab-{number}"} for number in range(21)]},
        "spec.serviceAccounts: Too many: 21: must have at most 20 items",
    ),
    "a service account named twice": (
        {"serviceAccounts": [{"name": "gitlab"}, {"name": "gitlab", "management": "Annotate"}]},
        f'{INVALID}spec.serviceAccounts[1]: Duplicate value: {{"name":"gitlab"}}',
    ),
    "a parameter that the registry secret does not take": (
        parameters(foo="bar"),
        unknown("secrets.registry.parameters.foo"),
    ),
    "an access key smuggled in as a parameter": (
        parameters(accountkey="c2VjcmV0"),
        unknown("secrets.registry.parameters.accountkey"),
    ),
    "an identity that is managed otherwise": (
        {"identity": {"management": "Disabled"}},
        'spec.identity.management: Unsupported value: "Disabled": supported values: "Manage", "Observe"',
    ),
    "role assignments that are managed otherwise": (
        {"roleAssignments": {"management": "Disabled"}},
        'spec.roleAssignments.management: Unsupported value: "Disabled": supported values: "Manage", "Observe"',
    ),
    "a label of GitLab's pods": ({"gitlab": {"selector": "app=gitlab"}}, unknown("gitlab.selector")),
    "a release that no identity reaches": (
        {"gitlab": {"version": "16.11"}},
        f'{INVALID}spec.gitlab.version: Invalid value: "16.11": {VERSION}',
    ),
    "a chart that is not known yet": (
        {"gitlab": {"version": "11.0.0"}},
        f'{INVALID}spec.gitlab.version: Invalid value: "11.0.0": {VERSION}',
    ),
    "a version without quotes": (
        {"gitlab": {"version": 18.5}},
        'spec.gitlab.version: Invalid value: "number": spec.gitlab.version in body must be of type string: "number"',
    ),
    "features that follow uploads": (
        {"gitlab": {"features": "Follow"}, **containers(uploads={"management": "Disabled"})},
        (
            f"{INVALID}spec.gitlab.features: Invalid value: GitLab has no switch for uploads, so features: Follow cannot switch "
            "them off: give uploads a container, or leave the features to your own values with features: Leave"
        ),
    ),
    "a container whose management is none": (
        containers(lfs={"management": "Create"}),
        'spec.storage.containers.lfs.management: Unsupported value: "Create": supported values: "Observe", "Manage", "Disabled"',
    ),
    "one container for two purposes": (
        containers(lfs={"name": "objects"}, uploads={"name": "objects"}),
        (
            f"{INVALID}spec.storage.containers: Invalid value: container objects is named for two purposes: "
            "give each purpose a container of its own"
        ),
    ),
    "a container that another purpose has by default": (
        containers(lfs={"name": "gitlab-uploads"}),
        (
            f"{INVALID}spec.storage.containers: Invalid value: container gitlab-uploads is named for two purposes: "
            "give each purpose a container of its own"
        ),
    ),
    "a container with capitals": (
        containers(lfs={"name": "LFS"}),
        (
            f'{INVALID}spec.storage.containers.lfs.name: Invalid value: "LFS": spec.storage.containers.lfs.name in body should '
            "match '^[a-z0-9](-?[a-z0-9])+$'"
        ),
    ),
    "the registry's secret at the place of the backups'": (
        {"secrets": {"registry": {"name": "storage"}, "backups": {"name": "storage"}}},
        (
            f"{INVALID}spec.secrets: Invalid value: secrets.registry must not share both name and key with another secret, "
            "since its content differs: give it another name or another key"
        ),
    ),
    "the registry's secret at the default place of the object storage's": (
        {"secrets": {"registry": {"name": "gitlab-object-storage", "key": "connection"}}},
        (
            f"{INVALID}spec.secrets: Invalid value: secrets.registry must not share both name and key with another secret, "
            "since its content differs: give it another name or another key"
        ),
    ),
    "a key that no secret can have": (
        {"secrets": {"backups": {"key": "..config"}}},
        (
            f'{INVALID}spec.secrets.backups.key: Invalid value: "..config": spec.secrets.backups.key in body should match '
            r"'^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$'"
        ),
    ),
    "a tag of the operator's": (
        {"azure": {"tags": {"GitLabAzure-Cluster": "other"}}},
        (
            f"{INVALID}spec.azure.tags: Invalid value: tags whose key begins with gitlabazure belong to the operator: "
            "choose another key"
        ),
    ),
    "a tag key that Azure does not take": (
        {"azure": {"tags": {"app.kubernetes.io/name": "gitlab"}}},
        (
            f"{INVALID}spec.azure.tags: Invalid value: Azure takes tag keys of 1 to 512 characters, without control characters "
            "and < > % & \\ ? /: choose another key, such as app.kubernetes.io-name for app.kubernetes.io/name"
        ),
    ),
    "a tag whose key is spelled twice": (
        {"azure": {"tags": {"team": "platform", "cost": "7", "Team": "registry"}}},
        (
            f"{INVALID}spec.azure.tags: Invalid value: tags Team and team are one tag to Azure, which ignores the case of keys: "
            "keep one of them"
        ),
    ),
    "a tag whose key is spelled twice among the most and longest tags that there may be": (
        {"azure": {"tags": {**LONGEST_TAGS, KEY.upper(): ""}}},
        (
            f"{INVALID}spec.azure.tags: Invalid value: tags {KEY.upper()} and {KEY} are one tag to Azure, which ignores the case "
            "of keys: keep one of them"
        ),
    ),
    "too many retries": (
        parameters(maxRetries=1001),
        (
            f"{INVALID}spec.secrets.registry.parameters.maxRetries: Invalid value: 1001: "
            "spec.secrets.registry.parameters.maxRetries in body should be less than or equal to 1000"
        ),
    ),
    "a duration without a unit": (
        parameters(retryDelay="30"),
        (
            f'{INVALID}spec.secrets.registry.parameters.retryDelay: Invalid value: "30": a duration is a number and its unit '
            "(ms, s, m or h), such as 30s or 1m30s"
        ),
    ),
    "a duration in days": (
        parameters(maxRetryDelay="1d"),
        (
            f'{INVALID}spec.secrets.registry.parameters.maxRetryDelay: Invalid value: "1d": a duration is a number and its unit '
            "(ms, s, m or h), such as 30s or 1m30s"
        ),
    ),
    "both spellings of the root prefix at once": (
        parameters(legacyRootPrefix=True, trimLegacyRootPrefix=True),
        (
            f"{INVALID}spec.secrets.registry.parameters: Invalid value: legacyRootPrefix and trimLegacyRootPrefix must not be "
            "equal, or the registry does not start: set one of them"
        ),
    ),
    "a region by its display name": (
        {"azure": {"location": "West Europe"}},
        (
            f'{INVALID}spec.azure.location: Invalid value: "West Europe": name the region in lower case and without spaces, '
            "such as westeurope: az account list-locations -o table"
        ),
    ),
    "a subscription by its name": (
        {"azure": {"subscriptionId": "production"}},
        (
            f'{INVALID}spec.azure.subscriptionId: Invalid value: "production": spec.azure.subscriptionId in body should be at '
            "least 36 chars long"
        ),
    ),
    "a way of deleting that there is not": (
        {"deletionPolicy": "Orphan"},
        'spec.deletionPolicy: Unsupported value: "Orphan": supported values: "Delete", "Retain"',
    ),
}


@pytest.mark.parametrize(("spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_the_api_server_refuses(apiserver: GitLab, spec: dict[str, Any], message: str) -> None:
    assert problem(apiserver.refused(**spec)) == message


def test_the_most_and_longest_tags_are_admitted(apiserver: GitLab, new_gitlab: Callable[..., GitLab]) -> None:
    """The rules on keys stay within the cost that the API server allows."""
    gitlab: GitLab = new_gitlab(apiserver.namespace)

    gitlab.apply(suspend=True, azure={"tags": {**LONGEST_TAGS, "x" * 512: "v" * 256}})

    assert len(gitlab.live()["spec"]["azure"]["tags"]) == 40


def test_an_empty_spec_is_refused(apiserver: GitLab) -> None:
    assert problem(apiserver.refused_manifest(apiserver.manifest() | {"spec": {}})) == "spec.storage: Required value"


def test_a_name_that_is_too_long_for_a_label_is_refused(apiserver: GitLab) -> None:
    long = GitLab(apiserver.lab, apiserver.watch, apiserver.namespace, "g" * 64)
    assert problem(long.refused()) == (
        f'The GitLabAzureIdentity "{"g" * 64}" is invalid: <nil>: Invalid value: metadata.name may have at most 63 '
        "characters, since it becomes a label value: choose a shorter one"
    )


# The place of the identity: a field that is set stays as it is. Each with the reason in the message.
MOVES = {
    "azure.subscriptionId": (SUBSCRIPTION, "22222222-2222-3333-4444-555555555555", "move to another subscription"),
    "azure.resourceGroup": ("rg-gitlab", "rg-other", "move to another resource group"),
    "azure.location": (LOCATION, "northeurope", "move to another region"),
    "identity.name": ("gitlab-prod", "gitlab-staging", "be renamed"),
}


@pytest.mark.parametrize("field", MOVES)
def test_the_fields_that_place_the_identity_cannot_be_changed_removed_or_added(
    new_gitlab: Callable[..., GitLab], apiserver: GitLab, field: str
) -> None:
    value, other, why = MOVES[field]
    section, _, key = field.partition(".")
    refusal = (
        f"{INVALID}spec.{section}: Invalid value: spec.{field} cannot be set, changed or removed after creation, since a "
        f"managed identity cannot {why}: put the old value back, or delete the resource and create it anew"
    )
    gitlab: GitLab = new_gitlab(apiserver.namespace)

    gitlab.apply(suspend=True, **{section: {key: value}})
    assert problem(gitlab.refused(suspend=True, **{section: {key: other}})) == refusal
    assert problem(gitlab.refused(suspend=True)) == refusal
    gitlab.delete()

    gitlab.apply(suspend=True)
    assert problem(gitlab.refused(suspend=True, **{section: {key: value}})) == refusal


def test_a_service_account_that_is_added_a_second_time_is_refused(
    apiserver: GitLab, new_gitlab: Callable[..., GitLab]
) -> None:
    gitlab: GitLab = new_gitlab(apiserver.namespace)
    gitlab.apply(suspend=True)
    assert problem(gitlab.refused(suspend=True, serviceAccounts=[{"name": "runner"}, {"name": "runner"}])) == (
        f'{INVALID}spec.serviceAccounts[1]: Duplicate value: {{"name":"runner"}}'
    )


@pytest.fixture(scope="module")
def apiserver(lab: Lab, watch: Watch) -> GitLab:
    """A resource that is never admitted, so one namespace is enough for all tests."""
    lab.admit_namespaces("t-refused")
    return GitLab(lab, watch, "t-refused")
