"""Federated identity credentials of managed identities."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

from gitlab_azure_identity.azure.arm import Arm
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.transport import azure_errors
from gitlab_azure_identity.domain.arm import parse_identity_id
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.observed import Identity


class FederatedCredentials:
    """Federated credentials, written one at a time for each identity: Azure refuses concurrent writes (409,
    ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity). Two resources may share an adopted identity,
    so the locks are here and not in the loop. Every method raises AzureError."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _alone(self, identity: Identity) -> asyncio.Lock:
        """The lock of an identity; it lives as long as somebody holds it or waits for it."""
        return self._writing.setdefault(identity.resource_id.lower(), asyncio.Lock())

    async def of(self, identity: Identity) -> tuple[Credential, ...]:
        """All credentials of an identity, whoever made them."""
        where = parse_identity_id(identity.resource_id)
        operations = self._arm.msi(where.subscription).federated_identity_credentials
        async with azure_errors():
            return tuple([_credential(found) async for found in operations.list(where.resource_group, where.name)])

    async def get(self, identity: Identity, name: str) -> Credential | None:
        """One credential, or None when it is not there."""
        where = parse_identity_id(identity.resource_id)
        operations = self._arm.msi(where.subscription).federated_identity_credentials
        try:
            async with azure_errors():
                return _credential(await operations.get(where.resource_group, where.name, name))
        except AzureError as error:
            if error.gone:
                return None
            raise

    async def put(self, identity: Identity, credential: Credential) -> None:
        """Create a credential, or replace the one of the same name."""
        where = parse_identity_id(identity.resource_id)
        body: Any = {
            "properties": {
                "issuer": credential.issuer,
                "subject": credential.subject,
                "audiences": [credential.audience],
            }
        }
        async with self._alone(identity), azure_errors():
            await self._arm.msi(where.subscription).federated_identity_credentials.create_or_update(
                where.resource_group, where.name, credential.name, body
            )

    async def delete(self, identity: Identity, name: str) -> None:
        """Delete a credential. One that is gone, with or without its identity, counts as deleted."""
        where = parse_identity_id(identity.resource_id)
        try:
            async with self._alone(identity), azure_errors():
                await self._arm.msi(where.subscription).federated_identity_credentials.delete(
                    where.resource_group, where.name, name
                )
        except AzureError as error:
            if not error.gone:
                raise


def _credential(found: Any) -> Credential:
    return Credential(found.name, found.issuer, found.subject, ",".join(found.audiences or ()))
