"""ARM's URLs: the operation of each, and the action that its caller needs a role for."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lab.azure.conditions import Attributes
from lab.azure.resource_manager.assignments import Assignments
from lab.azure.resource_manager.credentials import Credentials
from lab.azure.resource_manager.definitions import Definitions
from lab.azure.resource_manager.groups import Groups, Providers, Subscriptions
from lab.azure.resource_manager.identities import Identities
from lab.azure.resource_manager.jobs import Jobs
from lab.azure.resource_manager.locks import KIND as LOCKS_KIND
from lab.azure.resource_manager.locks import Locks
from lab.azure.resource_manager.operation import ArmRequest, Operation
from lab.azure.resource_manager.storage import StorageAccounts
from lab.azure.resource_manager.tagging import Tags

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}


def _none(_: ArmRequest) -> Attributes:
    return Attributes()


@dataclass(frozen=True)
class Route:
    pattern: re.Pattern[str]
    kind: str
    """The resource type in the action's name. Empty where every authenticated caller is allowed."""
    operations: Mapping[str, Operation]
    collection: bool = False
    """A list. Its caller needs the action at the scope that precedes the last segment."""
    credential: bool = False
    """A federated credential. Its writes are refused while another one of the same identity is being written."""
    identity: bool = False
    """A request that counts towards the rates of Microsoft.ManagedIdentity."""
    attributes: Callable[[ArmRequest], Attributes | None] = _none
    """What the conditions of the caller's roles may ask about the request."""

    def action(self, method: str) -> str:
        return f"{self.kind}/{VERBS[method]}"


def routes(
    *,
    subscriptions: Subscriptions,
    groups: Groups,
    providers: Providers,
    identities: Identities,
    credentials: Credentials,
    assignments: Assignments,
    definitions: Definitions,
    locks: Locks,
    accounts: StorageAccounts,
    tagging: Tags,
    jobs: Jobs,
) -> Iterable[Route]:
    subscription = r"/subscriptions/(?P<subscription>[^/]+)"
    group = subscription + r"/resourcegroups/(?P<group>[^/]+)"
    identity = r"/providers/microsoft\.managedidentity/userassignedidentities"
    account = r"/providers/microsoft\.storage/storageaccounts"
    containers = group + account + r"/(?P<account>[^/]+)/blobservices/default/containers"
    authorization = r"(?P<scope>.*?)/providers/microsoft\.authorization"
    identities_kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    containers_kind = "Microsoft.Storage/storageAccounts/blobServices/containers"

    # Extension resources come first, since the path of any other resource may be their scope.
    yield _route(
        authorization + r"/roleassignments/(?P<name>[^/]+)",
        "Microsoft.Authorization/roleAssignments",
        {"GET": assignments.get, "PUT": assignments.put, "DELETE": assignments.delete},
        attributes=assignments.attributes,
    )
    yield _route(
        authorization + r"/roleassignments",
        "Microsoft.Authorization/roleAssignments",
        {"GET": assignments.list},
        collection=True,
    )
    yield _route(
        authorization + r"/locks/(?P<name>[^/]+)",
        LOCKS_KIND,
        {"GET": locks.get, "PUT": locks.put, "DELETE": locks.delete},
    )
    yield _route(authorization + r"/locks", LOCKS_KIND, {"GET": locks.list}, collection=True)
    # Every authenticated caller may read role definitions: they are public.
    yield _route(authorization + r"/roledefinitions/(?P<name>[^/]+)", "", {"GET": definitions.get})
    yield _route(authorization + r"/roledefinitions", "", {"GET": definitions.list})
    yield _route(
        r"(?P<scope>.*?)/providers/microsoft\.resources/tags/default",
        "Microsoft.Resources/tags",
        {"GET": tagging.get, "PATCH": tagging.patch},
    )

    yield _route(
        group + identity + r"/(?P<name>[^/]+)/federatedidentitycredentials/(?P<credential>[^/]+)",
        f"{identities_kind}/federatedIdentityCredentials",
        {"GET": credentials.get, "PUT": credentials.put, "DELETE": credentials.delete},
        credential=True,
        identity=True,
    )
    yield _route(
        group + identity + r"/(?P<name>[^/]+)/federatedidentitycredentials",
        f"{identities_kind}/federatedIdentityCredentials",
        {"GET": credentials.list},
        collection=True,
        identity=True,
    )
    yield _route(
        group + identity + r"/(?P<name>[^/]+)",
        identities_kind,
        {"GET": identities.get, "PUT": identities.put, "PATCH": identities.patch, "DELETE": identities.delete},
        identity=True,
    )
    yield _route(group + identity, identities_kind, {"GET": identities.list_group}, collection=True, identity=True)
    yield _route(
        subscription + identity, identities_kind, {"GET": identities.list_subscription}, collection=True, identity=True
    )

    yield _route(
        containers + r"/(?P<container>[^/]+)",
        containers_kind,
        {"GET": accounts.get_container, "PUT": accounts.put_container, "DELETE": accounts.delete_container},
    )
    yield _route(containers, containers_kind, {"GET": accounts.list_containers}, collection=True)
    yield _route(
        group + account + r"/(?P<account>[^/]+)",
        "Microsoft.Storage/storageAccounts",
        {"GET": accounts.get, "PUT": accounts.put, "PATCH": accounts.patch, "DELETE": accounts.delete},
    )
    yield _route(
        group + account + r"/(?P<account>[^/]+)/listkeys",
        "Microsoft.Storage/storageAccounts/listkeys",
        {"POST": accounts.list_keys},
    )
    yield _route(group + account, "Microsoft.Storage/storageAccounts", {"GET": accounts.list_group}, collection=True)
    yield _route(
        subscription + account,
        "Microsoft.Storage/storageAccounts",
        {"GET": accounts.list_subscription},
        collection=True,
    )

    yield _route(
        subscription + r"/providers/microsoft\.storage/locations/[^/]+/asyncoperations/(?P<job>[^/]+)",
        "",
        {"GET": jobs.poll},
    )
    yield _route(subscription + r"/operationresults/(?P<job>[^/]+)", "", {"GET": jobs.poll})
    yield _route(
        subscription + r"/providers/(?P<namespace>[^/]+)/register",
        "{namespace}/register",
        {"POST": providers.register},
    )
    yield _route(
        subscription + r"/providers/(?P<namespace>[^/]+)",
        "Microsoft.Resources/subscriptions/providers",
        {"GET": providers.get},
    )
    yield _route(
        subscription + r"/providers",
        "Microsoft.Resources/subscriptions/providers",
        {"GET": providers.list},
        collection=True,
    )
    yield _route(
        group,
        "Microsoft.Resources/subscriptions/resourceGroups",
        {"GET": groups.get, "HEAD": groups.head, "PUT": groups.put, "DELETE": groups.delete},
    )
    yield _route(
        subscription + r"/resourcegroups",
        "Microsoft.Resources/subscriptions/resourceGroups",
        {"GET": groups.list},
        collection=True,
    )
    yield _route(subscription, "Microsoft.Resources/subscriptions", {"GET": subscriptions.get})
    yield _route(r"/subscriptions", "", {"GET": subscriptions.list})


def _route(
    pattern: str,
    kind: str,
    operations: Mapping[str, Operation],
    *,
    collection: bool = False,
    credential: bool = False,
    identity: bool = False,
    attributes: Callable[[ArmRequest], Attributes | None] = _none,
) -> Route:
    return Route(re.compile(pattern, re.IGNORECASE), kind, operations, collection, credential, identity, attributes)
