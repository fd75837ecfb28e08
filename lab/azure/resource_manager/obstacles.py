"""What Resource Manager refuses to a caller who has the permission: by locks, policies, and the state of a subscription.

It is checked before the resource provider gets the request.
"""

import json
import re

from lab.azure import seeded
from lab.azure.denials import Policy
from lab.azure.resource_manager.errors import ArmError
from lab.azure.state import AzureState
from lab.azure.subscriptions import DISABLED, NOT_REGISTERED, REGISTERED, Subscription

LOCKS = "Microsoft.Authorization/locks"
_PROVIDER = re.compile(r"(?P<provider>[^/]+)/(?P<type>.+)")


def require_unobstructed(state: AzureState, verb: str, kind: str, path: str, subscription: Subscription) -> None:
    """
    `kind` is the resource type, as in Microsoft.Storage/storageAccounts.

    Raises:
        ArmError: the request may not be carried out, whoever sends it.
    """
    if verb == "read":
        return
    _require_enabled(verb, subscription)
    _require_unlocked(state, verb, kind, path)
    _require_registered(state, verb, kind, subscription)
    if verb == "write":
        _require_compliant(state, kind, path)
        _require_lasting_group(state, kind, path)


def _require_enabled(verb: str, subscription: Subscription) -> None:
    """Of a disabled subscription GET and DELETE work, PUT, PATCH and POST do not.

    Source: Azure's resource provider contract, "Subscription Lifecycle API Reference", state Suspended. The text is from
    public error reports (azure-cli, terraform).
    """
    if subscription.state == DISABLED and verb != "delete":
        raise ArmError(
            409,
            "ReadOnlyDisabledSubscription",
            f"The subscription '{subscription.id}' is disabled and therefore marked as read only. You cannot perform any "
            "write actions on this subscription until it is re-enabled.",
            gateway=True,
        )


def _require_unlocked(state: AzureState, verb: str, kind: str, path: str) -> None:
    """Source of the text: azure-cli#28242 and Microsoft Learn, "Troubleshoot Start/Stop VMs during off-hours"."""
    if kind == LOCKS:
        return
    locked = [lock.scope for lock in state.denials.locks.values() if lock.forbids(verb, path)]
    if locked:
        operation = "delete" if verb == "delete" else "write"
        raise ArmError(
            409,
            "ScopeLocked",
            f"The scope '{path}' cannot perform {operation} operation because following scope(s) are locked: "
            f"'{','.join(dict.fromkeys(locked))}'. Please remove the lock and try again.",
            gateway=True,
        )


def _require_registered(state: AzureState, verb: str, kind: str, subscription: Subscription) -> None:
    """A provider that is not registered answers GET only (resource provider contract, state Unregistered).

    While it is being registered, the regions follow one by one: what would be created in a region that is not done yet is
    refused. Sources: Microsoft Learn, "Resolve errors for resource provider registration"; azure-sdk-for-node#2305 has the
    body of MissingSubscriptionRegistration, azure-cli#6595 the text of MissingRegistrationForLocation.
    """
    match = _PROVIDER.fullmatch(kind)
    if match is None or kind.endswith("/register"):
        return
    provider = match["provider"]
    registration = subscription.registration(provider, state.clock.steady())
    if registration == NOT_REGISTERED:
        message = (
            f"The subscription is not registered to use namespace '{provider}'. See https://aka.ms/rps-not-found for how to "
            "register subscriptions."
        )
        code = "MissingSubscriptionRegistration"
        details = [{"code": code, "target": provider, "message": message}]
        raise ArmError(409, code, message, gateway=True, more={"details": details})
    if registration != REGISTERED and verb == "write":
        raise ArmError(
            409,
            "MissingRegistrationForLocation",
            f"The subscription is not registered for the resource type '{match['type']}' in the location "
            f"'{seeded.LOCATION}'. Please re-register for this provider in order to have access to this location.",
            gateway=True,
        )


def _require_compliant(state: AzureState, kind: str, path: str) -> None:
    policy = next((one for one in state.denials.policies if one.forbids(kind, path)), None)
    if policy is not None:
        raise _disallowed(policy, path.rpartition("/")[2], subscription_of(path))


def _disallowed(policy: Policy, resource: str, subscription: str) -> ArmError:
    """Source: Microsoft Learn, "Enforce job execution on Automation Hybrid Runbook Worker", which shows such an answer."""
    assignment = f"{policy.scope}/providers/Microsoft.Authorization/policyAssignments/{policy.name}"
    definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/policyDefinitions/{policy.name}"
    identifiers = [
        {
            "policyAssignment": {"name": policy.name, "id": assignment},
            "policyDefinition": {"name": policy.name, "id": definition},
        }
    ]
    info = {
        "policyDefinitionDisplayName": policy.name,
        "policyAssignmentId": assignment,
        "policyAssignmentDisplayName": policy.name,
        "policyAssignmentScope": policy.scope,
        "policyDefinitionId": definition,
        "policyDefinitionName": policy.name,
        "policyDefinitionEffect": "deny",
    }
    return ArmError(
        403,
        "RequestDisallowedByPolicy",
        f"Resource '{resource}' was disallowed by policy. Policy identifiers: "
        f"'{json.dumps(identifiers, separators=(',', ':'))}'.",
        gateway=True,
        more={"target": resource, "additionalInfo": [{"type": "PolicyViolation", "info": info}]},
    )


def _require_lasting_group(state: AzureState, kind: str, path: str) -> None:
    """Nothing is created or changed in a group that is being deleted (the text is reported in azure-cli#21121)."""
    match = re.match(r"/subscriptions/[^/]+/resourcegroups/([^/]+)/.", path, re.IGNORECASE)
    group = state.groups.get(match[1].casefold()) if match else None
    if group is not None and group.deleting and kind != LOCKS:
        raise being_deleted(group.name)


def being_deleted(group: str) -> ArmError:
    return ArmError(
        409,
        "ResourceGroupBeingDeleted",
        f"The resource group '{group}' is in deprovisioning state and cannot perform this operation.",
        gateway=True,
    )


def subscription_of(path: str) -> str:
    """The id of the subscription in a path. Empty where it names none."""
    match = re.match(r"/subscriptions/([^/]+)", path, re.IGNORECASE)
    return match[1].casefold() if match else ""
