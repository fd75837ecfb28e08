"""Federated identity credentials of managed identities. Bodies and codes are as recorded from real Azure."""

import re
from typing import Any

from lab.azure.resource_manager.errors import ArmError, bad_request, not_found, parent_not_found
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.resource_manager.paging import page
from lab.azure.state import AzureState, Credential, Identity

KIND = "userAssignedIdentities/federatedIdentityCredentials"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}")
LIMIT = 20
REGIONS_WITHOUT = frozenset({"malaysiasouth", "newzealandnorth"})
"""Source: Microsoft Learn, "Considerations for workload identity federation", unsupported regions (02/2024)."""
LONGEST = 600
"""Characters of an issuer, subject or audience (documentation of workload identity federation)."""


def as_json(identity: Identity, credential: Credential) -> dict[str, Any]:
    return {
        "id": credential_id(identity, credential.name),
        "name": credential.name,
        "type": f"Microsoft.ManagedIdentity/{KIND}",
        "properties": {
            "issuer": credential.issuer,
            "subject": credential.subject,
            "audiences": list(credential.audiences),
        },
    }


def credential_id(identity: Identity, name: str) -> str:
    return f"{identity.id}/federatedIdentityCredentials/{name}"


class Credentials:
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def put(self, request: ArmRequest) -> ArmResponse:
        identity, name = self._identity(request, "write"), request.param("credential")
        now, settings = self._state.clock.steady(), self._state.settings
        if now < identity.since + settings.graph_replication:
            # Reported in terraform-provider-azurerm#32179 and Azure-Verified-Modules#2673: for up to two minutes.
            raise ArmError(
                404, "NotFound", "MS Graph resource not found during Federated Identity Credential creation."
            )
        if identity.location in REGIONS_WITHOUT:
            # The text is the one that entra-docs#93 and azure-docs#100515 report.
            raise ArmError(
                405,
                "MethodNotAllowed",
                "The request format was unexpected : Support for federated identity credentials not enabled",
            )
        issuer, subject, audiences = self._trust(request)
        if not NAME.fullmatch(name):
            raise bad_request(f"Federated Identity Credential name '{name}' is invalid.")
        old = identity.credentials.get(name.casefold())
        for other in identity.credentials.values():
            if other is not old and (other.issuer, other.subject) == (issuer, subject):
                raise bad_request("Issuer and subject combination already exists for this Managed Identity.")
        if old is None and len(identity.credentials) >= LIMIT:
            raise bad_request(
                f"Too many Federated Identity Credentials: the managed identity '{identity.id}' has {LIMIT}, the "
                "maximum."
            )
        if old is not None and (old.issuer, old.subject, old.audiences) == (issuer, subject, audiences):
            return ArmResponse(200, as_json(identity, old))
        credential = Credential(
            name=old.name if old else name,
            issuer=issuer,
            subject=subject,
            audiences=audiences,
            period=self._state.credential_period(),
            since=old.since if old else now,
        )
        self._state.set_credential(identity, credential)
        if old is not None:
            return ArmResponse(200, as_json(identity, credential))
        return ArmResponse(201, as_json(identity, credential), {"Location": credential_id(identity, name)})

    def get(self, request: ArmRequest) -> ArmResponse:
        identity, name = self._identity(request, "read"), request.param("credential")
        credential = identity.credentials.get(name.casefold())
        if credential is None or not self._is_shown(credential):
            raise not_found(credential_id(identity, name))
        return ArmResponse(200, as_json(identity, credential))

    def delete(self, request: ArmRequest) -> ArmResponse:
        identity, name = self._identity(request, "delete"), request.param("credential")
        if name.casefold() not in identity.credentials:
            return ArmResponse(204)
        self._state.remove_credential(identity, name)
        return ArmResponse(200)

    def list(self, request: ArmRequest) -> ArmResponse:
        identity = self._identity(request, "read")
        shown = [credential for credential in identity.credentials.values() if self._is_shown(credential)]
        credentials = sorted(shown, key=lambda credential: credential.name.casefold())
        return page(request, [as_json(identity, credential) for credential in credentials], LIMIT)

    def begin_write(self, request: ArmRequest) -> Identity | None:
        """Mark the identity as being written. The caller resets `writing`.

        Raises:
            ArmError: another write to a credential of the identity is in progress.
        """
        identity = self._state.identity(request.param("group"), request.param("name"))
        if identity is None:
            return None
        if identity.writing:
            raise ArmError(
                409,
                "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
                "Too many Federated Identity Credentials are written concurrently for the managed identity "
                f"'{identity.id.lower()}'. Concurrent Federated Identity Credentials writes under the same managed "
                "identity are not supported.",
            )
        identity.writing = True
        return identity

    def _identity(self, request: ArmRequest, verb: str) -> Identity:
        identity = self._state.identity(request.param("group"), request.param("name"))
        now, unknown = self._state.clock.steady(), self._state.settings.parent_replication
        # After a creation the same answer is given for a while (cloud-credential-operator#878).
        if identity is None or now < identity.since + unknown:
            raise parent_not_found(
                verb, KIND, request.path[: request.path.casefold().rindex("/federatedidentitycredentials")]
            )
        return identity

    def _is_shown(self, credential: Credential) -> bool:
        return self._state.is_shown(credential, self._state.settings.credential_read_lag)

    def _trust(self, request: ArmRequest) -> tuple[str, str, tuple[str, ...]]:
        properties = request.properties()
        issuer, subject, audiences = (properties.get(key) for key in ("issuer", "subject", "audiences"))
        if not issuer or not subject or audiences is None:
            raise bad_request(
                "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and "
                "'audience'."
            )
        if not isinstance(audiences, list) or len(audiences) != 1:
            raise bad_request("Federated identity credentials must have exactly one audience.")
        for value in (issuer, subject, *audiences):
            if not isinstance(value, str) or len(value) > LONGEST:
                raise bad_request(
                    "The request format was unexpected: issuer, subject and audience are strings of at most "
                    f"{LONGEST} characters."
                )
        return str(issuer), str(subject), tuple(audiences)
