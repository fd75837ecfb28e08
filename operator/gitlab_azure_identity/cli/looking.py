"""What a person may look at, in Azure and in the cluster, with their own rights. Nothing here can write."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.azure.access import BlobAccess
from gitlab_azure_identity.azure.clients import connect_as
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.names import Names
from gitlab_azure_identity.azure.person import PersonLogin
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.cli.session import TIMEOUT, Session, of_cluster
from gitlab_azure_identity.cli.telling import told
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.clouds import CLOUDS, Cloud
from gitlab_azure_identity.domain.findings import CannotProceed
from gitlab_azure_identity.domain.goal import Terms
from gitlab_azure_identity.domain.terms import recorded_cloud, recorded_terms
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.kube.namespaces import Namespaces
from gitlab_azure_identity.kube.pods import Pods
from gitlab_azure_identity.kube.webhooks import Webhooks
from gitlab_azure_identity.reconcile.aim import Aim, aim
from gitlab_azure_identity.reconcile.context import Azure, AzureReads, Kube, KubeReads
from gitlab_azure_identity.reconcile.issuer import DOING, UNKNOWN, is_issuer
from gitlab_azure_identity.reconcile.told import Told
from gitlab_azure_identity.settings import Settings, Unusable, written

# The operator's chart gives this label to everything that it installs, and names its config map for the release.
OPERATOR = "app.kubernetes.io/name=gitlab-azure-identity"
SETTINGS = "settings.yaml"
PROPAGATION_LIMIT: float = Settings.model_fields["propagation_limit"].default
RATE = 1.0  # of the checks between passes, which a command does not make


@dataclass(frozen=True)
class Known:
    """The operator's settings, as far as a person can know them. `source` says where they are from, and `unknown` is a sentence
    about what was not read."""

    settings: Settings | None
    source: str
    unknown: str = ""


async def known_settings(session: Session, file: str | None) -> Known:
    """The settings of the operator: a file that the person names, or the operator's config map. Raises CouldNotCheck for a file
    that cannot be used."""
    if file:
        return Known(_in(file), file)
    try:
        listed = await session.cluster.request("GET", "/api/v1/configmaps", query={"labelSelector": OPERATOR})
    except ClusterError as error:
        return Known(None, "", f"The operator's settings were not read: {' '.join(error.message.split())}.")
    found = [each for each in listed.get("items") or () if SETTINGS in (each.get("data") or {})]
    names = [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in found]
    if len(found) > 1:
        return Known(None, "", f"The cluster has several operators, with settings in {', '.join(sorted(names))}.")
    if not found:
        return Known(None, "", f"No config map with the label {OPERATOR} has the operator's settings.")
    try:
        return Known(written(found[0]["data"][SETTINGS], names[0]), f"config map {names[0]}")
    except Unusable as error:
        return Known(None, "", f"Config map {names[0]} has no usable settings: {' '.join(str(error).split())}.")


def _in(file: str) -> Settings:
    """Raises CouldNotCheck."""
    try:
        return written(Path(file).read_text(encoding="utf-8"), file)
    except (OSError, ValueError) as error:
        raise CouldNotCheck(f"{file} cannot be read: {error}.") from error
    except Unusable as error:
        raise CouldNotCheck(f"{error}. Name the operator's own settings.") from error


@dataclass(frozen=True)
class Look:
    """One person's look: Azure and the cluster, to read only, and what is known of the operator's settings."""

    session: Session
    azure: AzureReads
    kube: KubeReads
    cloud: Cloud
    known: Known
    names: Names
    pods: Pods
    webhooks: Webhooks
    namespaces: Namespaces

    async def terms(self, resource: Resource) -> Terms:
        """The terms of the resource: the operator's settings, or else what it has left on record. Raises CouldNotCheck."""
        settings = self.known.settings
        if settings:
            return Terms(settings.cluster, self.cloud, settings.defaults, settings.policy)
        terms = recorded_terms(resource, self.cloud, await self._tags(resource))
        if terms is None:
            raise CouldNotCheck(
                f"{self.known.unknown} And the status of {resource.key} has no identity, from which they would follow. Name a "
                "file that has them, with --settings: docs/cli.md#the-operators-settings."
            )
        return terms

    async def _tags(self, resource: Resource) -> Mapping[str, str]:
        """The tags of the identity on record. None are known when it cannot be read: the look itself will say why."""
        known = resource.status.identity
        try:
            found = (
                await self.azure.identities.get(IdentityId.parse(known.resource_id))
                if known and known.resource_id
                else None
            )
        except AzureError:
            return {}
        return found.tags if found else {}

    async def accounts(self, namespace: str) -> list[str]:
        """The names of all service accounts of a namespace. Raises ClusterError."""
        found = await self.session.cluster.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts")
        return [str(item["metadata"]["name"]) for item in found.get("items") or ()]

    @property
    def propagation_limit(self) -> float:
        """The operator's setting, in seconds."""
        return self.known.settings.propagation_limit if self.known.settings else PROPAGATION_LIMIT

    @property
    def told(self) -> Told:
        return told(self.session.server)

    async def aim(self, resource: Resource, terms: Terms, issuer: str) -> Aim:
        """The goal of the resource and what is there, as a pass of the operator would have them. Raises CannotProceed."""
        spread_by = SYSTEM.now().timestamp() - self.propagation_limit
        return await aim(self.azure, self.kube, resource, terms, issuer, spread_by=spread_by, told=self.told)

    async def issuer(self, resource: Resource) -> str:
        """The issuer of the cluster's tokens: by the operator's setting, by the API server, or by the status. Raises
        CannotProceed when the API server has none that Entra could use."""
        if self.known.settings and self.known.settings.issuer:
            return self.known.settings.issuer
        try:
            found = await self.kube.tokens.issuer()
        except ClusterError as error:
            if resource.status.issuer:
                return resource.status.issuer
            raise of_cluster(error, DOING, self.session.server) from error
        if not is_issuer(found):
            raise CannotProceed(Link.IDENTITY, UNKNOWN)
        return found


@asynccontextmanager
async def looking(session: Session, resource: Resource, file: str | None) -> AsyncIterator[Look]:
    """A look at Azure and the cluster for a resource, with a person's own rights. Raises CouldNotCheck."""
    # azure-identity logs each login that it tried, many lines.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    known = await known_settings(session, file)
    cloud = CLOUDS[known.settings.cloud] if known.settings else recorded_cloud(resource) or CLOUDS["AzurePublic"]
    async with connect_as(PersonLogin(cloud.authority_host), cloud, TIMEOUT) as (clients, http):
        # The proof of access attempts writes under a condition that no blob meets. Everything else is a read.
        access = BlobAccess(cloud, http, TIMEOUT, SYSTEM)
        azure = replace(Azure.through(clients, http, TIMEOUT, SYSTEM), access=access)
        kube = Kube.through(session.cluster, SYSTEM, RATE)
        cluster = session.cluster
        names = Names(clients, http, TIMEOUT)
        yield Look(session, azure, kube, cloud, known, names, Pods(cluster), Webhooks(cluster), Namespaces(cluster))
