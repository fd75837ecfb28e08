"""What somebody else has to add: what unmanaged links lack, each with the command and the Terraform block that add it.

Arguments of Terraform: the documentation of the provider hashicorp/azurerm 5.12 (`user_assigned_identity`,
`federated_identity_credential`, `role_assignment`, `storage_container`). Arguments of az: Azure CLI, `az identity` and
`az role assignment`."""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.domain.desired import Credential, Grant, WantedIdentity
from gitlab_azure_identity.domain.goal import Goal, Mode
from gitlab_azure_identity.domain.observed import Identity, Observed
from gitlab_azure_identity.domain.ownership import Owner
from gitlab_azure_identity.domain.plan import missing_credentials, missing_grants

COMMANDS = 3  # that a message names at most; the status has them all


@dataclass(frozen=True)
class Missing:
    """An object that an unmanaged link lacks, and how to add it."""

    link: Link
    kind: str  # ManagedIdentity, FederatedCredential, RoleAssignment or Container
    name: str  # of the object, or of what it is for
    azure_cli: str
    terraform: str


def missing(goal: Goal, have: Observed, unseen: Collection[Link] = ()) -> tuple[Missing, ...]:
    """What the unmanaged links lack, in the order in which it is added. What could not be seen may be there. An identity that
    exists and must not be used lacks nothing, since it is not to be given anything."""
    if goal.mode is Mode.FINALIZE or (have.identity is not None and not goal.may_use(have)):
        return ()
    checked = goal.desired.unmanaged - frozenset(unseen)
    return tuple(one for one in _everything(goal, have) if one.link in checked)


def missing_containers(goal: Goal, absent: Collection[str]) -> tuple[Missing, ...]:
    """The containers that somebody else has to create, of those that an attempt at access found to be missing."""
    storage = goal.desired.storage
    return tuple(
        Missing(
            Link.ACCESS,
            "Container",
            name,
            commands.CREATE_CONTAINER.filled(account=storage.account, container=name),
            _block(
                "azurerm_storage_container",
                _label(name),
                {"name": _text(name), "storage_account_id": _text(str(storage.scope))},
            ),
        )
        for name in storage.containers.values()
        if name in absent and name not in storage.created
    )


def _everything(goal: Goal, have: Observed) -> Iterator[Missing]:
    want, identity, owner = goal.desired.identity, have.identity, goal.owner
    if identity is None:
        yield _identity(want)
    place = identity.id if identity else want.id
    for credential in missing_credentials(goal, have):
        yield _credential(owner, place, credential, exists=identity is not None)
    for grant in missing_grants(goal, have):
        yield _assignment(place, identity, grant)


def how_to_add(lacking: Sequence[Missing], owner: Owner) -> str:
    """The sentences that end a message about missing objects."""
    listed = " && ".join(one.azure_cli for one in lacking[:COMMANDS])
    more = f" The first {COMMANDS} of {len(lacking)}:" if len(lacking) > COMMANDS else ""
    blocks = commands.SHOW_TERRAFORM.filled(namespace=owner.namespace, name=owner.name)
    return f"For Terraform: {blocks}. By hand:{more} {listed}"


def _identity(want: WantedIdentity) -> Missing:
    place, label = want.id, _label(want.name)
    command = (
        f"az identity create --subscription {place.subscription} --resource-group {_shell(place.resource_group)} "
        f"--name {place.name}"
    )
    region = f" --location {want.location}" if want.location else ""  # by default az takes that of the resource group
    group = f'data "azurerm_resource_group" "{label}" {{\n  name = {_text(place.resource_group)}\n}}\n\n'
    return Missing(
        Link.IDENTITY,
        "ManagedIdentity",
        want.name,
        command + region,
        ("" if want.location else group)
        + _block(
            "azurerm_user_assigned_identity",
            label,
            {
                "name": _text(place.name),
                "resource_group_name": _text(place.resource_group),
                "location": _text(want.location) if want.location else f"data.azurerm_resource_group.{label}.location",
            },
        ),
    )


def _credential(owner: Owner, place: IdentityId, credential: Credential, *, exists: bool) -> Missing:
    account = naming.service_account_of(credential.subject)
    name = naming.hand_made_credential_name(owner.cluster, owner.namespace, account)
    return Missing(
        Link.CREDENTIALS,
        "FederatedCredential",
        credential.subject,
        f"az identity federated-credential create --subscription {place.subscription} "
        f"--resource-group {_shell(place.resource_group)} --identity-name {place.name} --name {name} "
        f"--issuer {_shell(credential.issuer)} --subject {credential.subject} --audiences {credential.audience}",
        _block(
            "azurerm_federated_identity_credential",
            _label(f"{owner.namespace}_{account}"),
            {
                "name": _text(name),
                "user_assigned_identity_id": _text(str(place)) if exists else _reference(place, "id"),
                "issuer": _text(credential.issuer),
                "subject": _text(credential.subject),
                "audience": f"[{_text(credential.audience)}]",
            },
        ),
    )


def _assignment(place: IdentityId, identity: Identity | None, grant: Grant) -> Missing:
    container = grant.scope.container
    label = "_".join(filter(None, (place.name, grant.role.name.rpartition(" ")[2].lower(), container)))
    principal = identity.principal_id if identity else _principal(place)
    return Missing(
        Link.ROLES,
        "RoleAssignment",
        f"{grant.role.name} at {grant.scope.words}",
        f"az role assignment create --assignee-object-id {principal} --assignee-principal-type ServicePrincipal "
        f'--role "{grant.role.name}" --scope {_shell(str(grant.scope))}',
        _block(
            "azurerm_role_assignment",
            _label(label),
            {
                "scope": _text(str(grant.scope)),
                "role_definition_name": _text(grant.role.name),
                "principal_id": _text(identity.principal_id) if identity else _reference(place, "principal_id"),
                "principal_type": _text("ServicePrincipal"),
            },
        ),
    )


def _principal(place: IdentityId) -> str:
    """The principal of an identity that does not exist yet: the shell asks for it when the command runs."""
    return (
        f'"$(az identity show --subscription {place.subscription} --resource-group {_shell(place.resource_group)} '
        f'--name {place.name} --query principalId --output tsv)"'
    )


def _shell(text: str) -> str:
    """The text as one word of a shell: names of resource groups may contain parentheses."""
    return shlex.quote(text)


def _block(kind: str, label: str, arguments: Mapping[str, str]) -> str:
    """A block of Terraform, formatted as `terraform fmt` does it."""
    width = max(map(len, arguments))
    lines = (f"  {name:<{width}} = {value}" for name, value in arguments.items())
    return "\n".join([f'resource "{kind}" "{label}" {{', *lines, "}", ""])


def _label(name: str) -> str:
    """The name in Terraform: letters, digits, underscores and dashes, and no digit first."""
    label = re.sub(r"[^a-zA-Z0-9_-]", "_", name)
    return label if label[0].isalpha() else f"_{label}"


def _reference(place: IdentityId, attribute: str) -> str:
    return f"azurerm_user_assigned_identity.{_label(place.name)}.{attribute}"


def _text(text: str) -> str:
    """A string of Terraform's language, in which `${` and `%{` begin a template."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return f'"{escaped}"'
