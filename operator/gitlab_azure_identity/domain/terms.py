"""The operator's settings by what it has left on record, for somebody who may not read them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import Origin
from gitlab_azure_identity.domain.arm_ids import IdentityId, StorageScope
from gitlab_azure_identity.domain.clouds import CLOUDS, Cloud
from gitlab_azure_identity.domain.desired import Defaults
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.ownership import CLUSTER_TAG
from gitlab_azure_identity.domain.policy import IdentityRule, PolicyRule, StorageRule


def recorded_cloud(resource: Resource) -> Cloud | None:
    """The cloud by the address of the blob endpoint in the status. None when no address says it."""
    known = resource.status.storage
    host = urlsplit(known.blob_endpoint or "").hostname if known else None
    return next((cloud for cloud in CLOUDS.values() if host and host.endswith(f".{cloud.blob_domain}")), None)


def recorded_terms(resource: Resource, cloud: Cloud, tags: Mapping[str, str]) -> Terms | None:
    """The terms by the record of a resource, and by the tags of its identity in Azure. None when no identity is on record.

    They say where everything is. They do not say what the operator's policy admits: it is taken to admit what is on record."""
    known = resource.status.identity
    if known is None or known.resource_id is None:
        return None
    place = IdentityId.parse(known.resource_id)
    adopted = known.origin in (Origin.ADOPTED, Origin.OBSERVED)
    identities = IdentityRule(
        resource_groups=(str(place.group),),
        adopt=(str(place),) if adopted else (),
        shared_with=("*",) if adopted else (),
    )
    admits_all = PolicyRule(namespaces=("*",), identities=identities, storage=(StorageRule(account="*"),))
    defaults = Defaults(
        subscription_id=place.subscription,
        resource_group=place.resource_group,
        storage_resource_group=_storage_group(resource),
    )
    return Terms(tags.get(CLUSTER_TAG, ""), cloud, defaults, (admits_all,))


def _storage_group(resource: Resource) -> str | None:
    """The resource group of the storage account, by the role assignments on record."""
    scopes = (StorageScope.parse(entry.scope) for entry in resource.status.role_assignments)
    account = resource.legible.storage.account_name
    return next((scope.resource_group for scope in scopes if scope.account == account), None)
