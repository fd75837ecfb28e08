"""Federated identity credentials of managed identities."""

from typing import Any
from weakref import WeakValueDictionary

from gitlab_azure_identity.azure.clients import Clients
from gitlab_azure_identity.azure.transport import azure_errors, deleted, found
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.progress import Queue


class FederatedCredentials:
    """Reads and writes federated credentials. Every method raises AzureError.

    Writes are made one at a time for each identity, since Azure refuses concurrent ones (409,
    ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity). Two resources may share an adopted identity, so the
    locks are here and not in the loop."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._locks: WeakValueDictionary[str, Queue] = WeakValueDictionary()
        self._regions: set[str] = set()

    def _writing(self, identity: IdentityId) -> Queue:
        """The lock of an identity. It exists as long as a task has it or waits for it."""
        return self._locks.setdefault(identity.key, Queue())

    def _operations(self, identity: IdentityId) -> Any:
        return self._clients.msi(identity.subscription).federated_identity_credentials

    async def list_for(self, identity: IdentityId) -> tuple[Credential, ...]:
        """All credentials of an identity, whoever created them."""
        listing = self._operations(identity).list(identity.resource_group, identity.name)
        async with azure_errors():
            return tuple([_credential(answer) async for answer in listing])

    async def get(self, identity: IdentityId, name: str) -> Credential | None:
        """One credential, or None when it does not exist."""
        answer = await found(self._operations(identity).get(identity.resource_group, identity.name, name))
        return _credential(answer) if answer is not None else None

    def offered_in(self, region: str) -> bool:
        """Whether a region is known to have federated credentials: one was written there since the process started."""
        return region in self._regions

    async def put(self, identity: IdentityId, credential: Credential, region: str) -> None:
        """Create a credential of an identity in this region, or replace the one of the same name."""
        body = {
            "properties": {
                "issuer": credential.issuer,
                "subject": credential.subject,
                "audiences": [credential.audience],
            }
        }
        async with self._writing(identity), azure_errors():
            await self._operations(identity).create_or_update(
                identity.resource_group, identity.name, credential.name, body
            )
        self._regions.add(region)

    async def delete(self, identity: IdentityId, name: str) -> None:
        """Delete a credential. One that does not exist counts as deleted, as does one whose identity does not exist."""
        async with self._writing(identity):
            await deleted(self._operations(identity).delete(identity.resource_group, identity.name, name))


def _credential(answer: Any) -> Credential:
    # A flexible credential has an expression instead of a subject: it trusts nobody of ours.
    return Credential(answer.name, answer.issuer, answer.subject or "", ",".join(answer.audiences or ()))
