"""ARM's error answers, word by word.

Texts marked "Recorded" are from recorded traffic of real Azure (azure-service-operator v2.13.0). The others are from
Azure's documentation or from reports of its users.
"""

from collections.abc import Mapping
from typing import Any

from lab.azure.denials import DenyAssignment
from lab.azure.formats import without_dashes


class ArmError(Exception):
    """An error answer. A `gateway` error comes from Resource Manager itself, before the resource provider gets the request."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        gateway: bool = False,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = {**(headers or {}), **({"x-ms-failure-cause": "gateway"} if gateway else {})}
        self._more = more or {}

    def as_json(self) -> dict[str, Any]:
        """The body, with `target`, `details` or `additionalInfo` where the error has them."""
        return {"error": {"code": self.code, "message": self.message, **self._more}}


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    """Recorded."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        gateway=True,
    )


def group_not_found(group: str) -> ArmError:
    """Recorded."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.", gateway=True)


def parent_not_found(verb: str, kind: str, parent: str) -> ArmError:
    """Recorded for the verb `delete`."""
    return ArmError(
        404,
        "ParentResourceNotFound",
        f"Failed to perform '{verb}' on resource(s) of type '{kind}', because the parent resource '{parent}' "
        "could not be found.",
        gateway=True,
    )


def not_found(resource_id: str) -> ArmError:
    """Recorded."""
    return ArmError(404, "NotFound", f"Resource '{resource_id}' was not found.")


def subscription_not_found(subscription: str) -> ArmError:
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.", gateway=True)


def forbidden(client_id: str, principal_id: str, action: str, scope: str) -> ArmError:
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{principal_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials.",
        gateway=True,
    )


def condition_not_fulfilled(client_id: str, principal_id: str, action: str, scope: str) -> ArmError:
    """Source: Microsoft Learn, "Troubleshoot Azure RBAC", symptom "Unable to assign a role"."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{client_id}' with object id '{principal_id}' does not have authorization or an ABAC condition not "
        f"fulfilled to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently "
        "granted, please refresh your credentials.",
        gateway=True,
    )


def denied(client_id: str, principal_id: str, action: str, scope: str, by: DenyAssignment) -> ArmError:
    """Source: Microsoft Learn, "Delete a network function", and public reports (node resource group lockdown of AKS)."""
    return ArmError(
        403,
        "DenyAssignmentAuthorizationFailed",
        f"The client '{client_id}' with object id '{principal_id}' has permission to perform action '{action}' on scope "
        f"'{scope}'; however, the access is denied because of the deny assignment with name '{by.name}' and Id "
        f"'{without_dashes(by.id)}' at scope '{by.scope}'.",
        gateway=True,
    )


def wrong_tenant(issuer: str, expected: str, tenant: str) -> ArmError:
    """A token of another tenant than the subscription's. Source: public reports, as LogicAppsUX#9068."""
    message = (
        f"The access token is from the wrong issuer '{issuer}'. It must match the tenant '{expected}' associated with this "
        f"subscription. Please use the authority (URL) 'https://login.windows.net/{tenant}' to get the token. Note, if the "
        "subscription is transferred to another tenant there is no impact to the services, but information about new tenant "
        "could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, "
        "please try back later."
    )
    return ArmError(401, "InvalidAuthenticationTokenTenant", message, gateway=True)


def bad_request(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)
