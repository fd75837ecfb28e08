"""ARM's error answers, word by word.

Texts marked "Recorded" are from recorded traffic of real Azure (azure-service-operator v2.13.0). The others are from
Azure's documentation or from reports of its users.
"""

from collections.abc import Mapping


class ArmError(Exception):
    """An error answer. A `gateway` error comes from Resource Manager itself, before the resource provider gets the request."""

    def __init__(
        self, status: int, code: str, message: str, *, gateway: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = {**(headers or {}), **({"x-ms-failure-cause": "gateway"} if gateway else {})}


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


def bad_request(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)
