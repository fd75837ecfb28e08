"""The desired state: the spec with every default filled in, from the settings or from GitLab's chart."""

from __future__ import annotations

from typing import Any

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.clouds import CLOUDS
from gitlab_azure_identity.domain.desired import Defaults, Unresolved, desire
from gitlab_azure_identity.domain.roles import STORAGE_BLOB_DATA_CONTRIBUTOR, STORAGE_BLOB_DELEGATOR

from .worlds import DEFAULTS, GROUP, ISSUER, PRINCIPAL, STORAGE, SUBSCRIPTION, desired_of, resource, wanted

OTHER = "99999999-2222-3333-4444-555555555555"


def but(**others: str | None) -> Defaults:
    """The lab's settings, with some of them replaced."""
    return DEFAULTS.model_copy(update=others)


MOVED = but(resource_group="rg-new", storage_resource_group=None)


def store(**fields: Any) -> dict[str, Any]:
    return {"storage": {"accountName": "gitlabstore", **fields}}


@pytest.mark.parametrize(
    ("spec", "defaults", "identity", "storage"),
    [
        # the resource sets nothing: everything comes from the settings
        ({}, DEFAULTS, f"{GROUP}/…/lab-gitlab-gitlab", f"{STORAGE}/gitlabstore"),
        # the resource sets everything: it needs no settings
        (
            {"azure": {"subscriptionId": OTHER, "resourceGroup": "rg-a", "location": "northeurope"}}
            | store(subscriptionId=SUBSCRIPTION, resourceGroup="rg-storage"),
            Defaults(),
            f"/subscriptions/{OTHER}/resourceGroups/rg-a/…/lab-gitlab-gitlab",
            f"{STORAGE}/gitlabstore",
        ),
        # the storage account is in the identity's group, unless something else is set
        (
            {},
            but(storage_resource_group=None),
            f"{GROUP}/…/lab-gitlab-gitlab",
            f"{GROUP}/providers/Microsoft.Storage/storageAccounts/gitlabstore",
        ),
        (
            {"azure": {"subscriptionId": OTHER}},
            DEFAULTS,
            f"/subscriptions/{OTHER}/resourceGroups/rg-gitlab/…/lab-gitlab-gitlab",
            f"{STORAGE}/gitlabstore".replace(SUBSCRIPTION, OTHER),
        ),
        # a name of the person's choice
        ({"identity": {"name": "gitlab-prod"}}, DEFAULTS, f"{GROUP}/…/gitlab-prod", f"{STORAGE}/gitlabstore"),
    ],
)
def test_the_place_of_identity_and_storage(
    spec: dict[str, Any], defaults: Defaults, identity: str, storage: str
) -> None:
    found = desired_of(resource(spec), defaults=defaults)

    whole = identity.replace("…", "providers/Microsoft.ManagedIdentity/userAssignedIdentities")
    assert (str(found.identity.id), str(found.storage.scope)) == (whole, storage)
    assert found.pin_differs is None


@pytest.mark.parametrize(
    ("defaults", "field", "setting"),
    [
        (but(subscription_id=None), "subscriptionId", "subscriptionId"),
        (but(resource_group=None), "resourceGroup", "resourceGroup"),
        (but(location=None), "location", "location"),
    ],
)
def test_a_value_that_is_set_nowhere(defaults: Defaults, field: str, setting: str) -> None:
    with pytest.raises(Unresolved) as gap:
        desired_of(resource(), defaults=defaults)

    assert str(gap.value) == (
        f"spec.azure.{field} is not set and the operator has no default for it: set it in the resource, "
        f"or defaults.{setting} in the operator's settings."
    )


@pytest.mark.parametrize(
    ("tags", "wanted_tags"),
    [
        ({"team": "platform", "Stage": "prod"}, {"team": "platform", "Stage": "prod"}),
        # the definition refuses these, but a former one admitted them
        ({"team": "b", "TEAM": "c", "Team": "a"}, {"TEAM": "c"}),
        # the definition does not know the case of letters outside ASCII
        ({"équipe": "b", "Équipe": "a"}, {"Équipe": "a"}),
        ({"équipe": "b", "e\u0301quipe": "a"}, {"e\u0301quipe": "a"}),
    ],
)
def test_of_tags_that_are_one_to_azure_the_one_that_sorts_first_counts(
    tags: dict[str, str], wanted_tags: dict[str, str]
) -> None:
    assert wanted({"azure": {"tags": tags}}).identity.tags == wanted_tags
    assert wanted({"azure": {"tags": dict(reversed(tags.items()))}}).identity.tags == wanted_tags


OWN_HOST = "gitlabstore.blob.core.windows.net"


@pytest.mark.parametrize(
    ("recorded", "host"),
    [
        (None, OWN_HOST),
        ("gitlabstore.blob.core.windows.net", OWN_HOST),
        ("gitlabstore.z07.blob.storage.azure.net", "gitlabstore.z07.blob.storage.azure.net"),
        # of a former account
        ("other.z07.blob.storage.azure.net", OWN_HOST),
        # somebody wrote the status: the identity's token must not go there
        ("gitlabstore.blob.core.evil.net", OWN_HOST),
        ("gitlabstore.blob.core.usgovcloudapi.net", OWN_HOST),
        ("gitlabstore.z07.blob.storage.azure.net.evil.net", OWN_HOST),
        ("evil.net", OWN_HOST),
        ("evil.net/gitlabstore.z07.blob.storage.azure.net", OWN_HOST),
        ("gitlabstore.z07.blob.storage.azure.net@evil.net", OWN_HOST),
    ],
)
def test_the_host_of_the_account_by_the_status(recorded: str | None, host: str) -> None:
    status = {"storage": {"blobEndpoint": f"https://{recorded}/"}} if recorded else None

    found = desired_of(resource(status=status))

    assert found.storage.blob_host == host
    assert all("evil" not in text for one in found.objects for text in one.data.values())


MADE = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/lab-gitlab-gitlab"


@pytest.mark.parametrize(
    ("pin", "cluster", "defaults", "differs"),
    [
        (MADE, "lab", DEFAULTS, None),
        # Azure's own spelling names the same place
        (MADE.replace("resourceGroups", "resourcegroups").replace("rg-gitlab", "RG-GitLab"), "lab", DEFAULTS, None),
        # the settings changed: the identity stays, and a warning says so
        (MADE, "lab", MOVED, MADE.replace("rg-gitlab", "rg-new")),
        (MADE, "prod", DEFAULTS, MADE.replace("lab-gitlab-gitlab", "prod-gitlab-gitlab")),
        # the settings were removed: the pin is enough
        (MADE, "lab", Defaults(), None),
    ],
)
def test_the_status_pins_the_identity(pin: str, cluster: str, defaults: Defaults, differs: str | None) -> None:
    one = resource(status={"identity": {"resourceId": pin, "principalId": PRINCIPAL}})

    found = desired_of(one, cluster=cluster, defaults=defaults)

    assert found.identity.id.same_as(pin)
    assert (found.pin_differs and str(found.pin_differs)) == differs


def test_an_identity_that_was_not_created_yet_is_not_bound_to_its_place() -> None:
    """Azure refused to create it there, and somebody changed the default: the resource follows the default."""
    one = resource(status={"identity": {"resourceId": MADE}})

    found = desired_of(one, defaults=MOVED)

    assert (found.identity.id.resource_group, found.pin_differs) == ("rg-new", None)


def test_everything_follows_an_identity_that_was_found_elsewhere() -> None:
    """The status was lost and a default changed: the storage account stays in the group that it had by the identity's place."""
    pin, cloud = MADE.replace("rg-gitlab", "rg-old"), CLOUDS["AzurePublic"]

    found = desire(resource(), cluster="lab", cloud=cloud, issuer=ISSUER, defaults=MOVED, pin=IdentityId.parse(pin))

    assert found.identity.id.resource_group == "rg-old"
    assert found.storage.scope.resource_group == "rg-old"


def test_account_scope_is_one_grant() -> None:
    assert [(g.role, str(g.scope)) for g in wanted().grants] == [
        (STORAGE_BLOB_DATA_CONTRIBUTOR, f"{STORAGE}/gitlabstore")
    ]


def test_container_scope_is_a_grant_for_each_and_one_for_signed_urls() -> None:
    """Signed URLs need a user delegation key, and only a role at the account may ask for one."""
    off = {"management": "Disabled"}
    few = {"uploads": off, "packages": off, "backups": off, "tmp": off, "artifacts": off, "pages": {}}
    account = f"{STORAGE}/gitlabstore"

    grants = wanted(store(roleScope="Container", containers=few)).grants

    assert [(grant.role, str(grant.scope)) for grant in grants] == [
        (STORAGE_BLOB_DELEGATOR, account),
        (STORAGE_BLOB_DATA_CONTRIBUTOR, f"{account}/blobServices/default/containers/registry"),
        (STORAGE_BLOB_DATA_CONTRIBUTOR, f"{account}/blobServices/default/containers/git-lfs"),
        (STORAGE_BLOB_DATA_CONTRIBUTOR, f"{account}/blobServices/default/containers/gitlab-pages"),
    ]


def test_a_credential_for_each_service_account() -> None:
    found = wanted({"serviceAccounts": [{"name": "gitlab"}, {"name": "runner", "management": "Annotate"}]})

    assert [(c.subject, c.issuer, c.audience) for c in found.credentials] == [
        ("system:serviceaccount:gitlab:gitlab", ISSUER, "api://AzureADTokenExchange"),
        ("system:serviceaccount:gitlab:runner", ISSUER, "api://AzureADTokenExchange"),
    ]
    assert len({c.name for c in found.credentials}) == 2
    assert [(a.name, a.managed) for a in found.service_accounts] == [("gitlab", True), ("runner", False)]


def test_no_two_resources_share_a_credential_name() -> None:
    """Otherwise two resources on one adopted identity would overwrite each other's credentials."""
    names = {wanted(namespace=space, name=name).credentials[0].name for space in ("a", "b") for name in ("x", "y")}

    assert len(names) == 4


def named(**entries: dict[str, Any]) -> dict[str, Any]:
    return {"secrets": entries}


@pytest.mark.parametrize(
    ("spec", "objects"),
    [
        (
            {},
            {
                "gitlab-registry-storage": ["config"],
                "gitlab-object-storage": ["connection"],
                "gitlab-azure-backup-conf": ["config"],
            },
        ),
        # two entries in one secret: one object with two keys, applied once
        (
            named(registry={"name": "storage"}, objectStorage={"name": "storage"}, backups={"management": "Disabled"}),
            {"storage": ["config", "connection"]},
        ),
        # the same key too: object storage and backups agree on one text
        (
            named(
                objectStorage={"name": "s3cmd", "key": "config"},
                backups={"name": "s3cmd"},
                registry={"management": "Disabled"},
            ),
            {"s3cmd": ["config"]},
        ),
        # without a registry container its secret has no content
        (
            store(containers={"registry": {"management": "Disabled"}}),
            {"gitlab-object-storage": ["connection"], "gitlab-azure-backup-conf": ["config"]},
        ),
        (named(**{e: {"management": "Disabled"} for e in ("registry", "objectStorage", "backups")}), {}),
        # a resource serves what it lists, and has the secrets for it
        (store(purposes=["registry"]), {"gitlab-registry-storage": ["config"]}),
        (store(purposes=["lfs"]), {"gitlab-object-storage": ["connection"]}),
        (store(purposes=["tmp"]), {"gitlab-azure-backup-conf": ["config"]}),
        (store(purposes=["runnerCache"], containers={"runnerCache": {"name": "cache"}}), {}),
    ],
)
def test_secrets(spec: dict[str, Any], objects: dict[str, list[str]]) -> None:
    found = wanted(spec)

    secrets = {one.name: sorted(one.data) for one in found.objects if one.kind == "Secret"}
    assert secrets == objects
    assert set(found.secret_names.values()) == set(objects)


def test_one_text_serves_object_storage_and_backups_in_one_key() -> None:
    found = wanted(named(objectStorage={"name": "s", "key": "config"}, backups={"name": "s"}))

    (text,) = next(one.data.values() for one in found.objects if one.name == "s")
    assert "provider: AzureRM" in text


def test_the_values_do_not_name_a_service_account_that_helm_creates() -> None:
    """Its name there would switch its creation off."""
    helms = wanted({"serviceAccounts": [{"name": "gitlab", "management": "Annotate"}]})

    (values,) = (one.data["values.yaml"] for one in helms.objects if one.kind == "ConfigMap")
    assert "serviceAccount" not in values
    assert any("serviceAccount" in one.data.get("values.yaml", "") for one in wanted().objects)


def test_the_values_contain_no_client_id() -> None:
    """The values in Git are the same before and after the identity exists."""
    assert wanted().objects == wanted().objects
    assert not any("client" in text.lower() for one in wanted().objects for text in one.data.values())


def test_the_same_input_gives_the_same_bytes() -> None:
    assert wanted() == wanted()


OBSERVE = {"management": "Observe"}


@pytest.mark.parametrize(
    ("spec", "links"),
    [
        ({}, set()),
        # the credentials of an identity say who may become it: they belong to its management
        ({"identity": OBSERVE}, {Link.IDENTITY, Link.CREDENTIALS}),
        ({"roleAssignments": OBSERVE}, {Link.ROLES}),
        ({"identity": OBSERVE, "roleAssignments": OBSERVE}, {Link.IDENTITY, Link.CREDENTIALS, Link.ROLES}),
    ],
)
def test_what_somebody_else_manages(spec: dict[str, Any], links: set[Link]) -> None:
    assert wanted(spec).unmanaged == links


def test_an_identity_that_somebody_else_creates_needs_no_region() -> None:
    no_region = DEFAULTS.model_copy(update={"location": None})

    assert desired_of(resource({"identity": OBSERVE}), defaults=no_region).identity.location == ""
