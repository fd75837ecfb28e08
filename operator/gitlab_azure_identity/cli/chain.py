"""The chain of one resource as its status tells it: which link holds, and which is the first that does not. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gitlab_azure_identity.api.conditions import CHAIN, READY, Link
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.api.status import Status
from gitlab_azure_identity.domain.desired import use_of
from gitlab_azure_identity.domain.gitlab.notes import about_the_values
from gitlab_azure_identity.domain.readiness import was_ready
from gitlab_azure_identity.domain.texts import printable


class Mark(StrEnum):
    """What is known of a link."""

    HOLDS = "True"
    BROKEN = "False"
    UNKNOWN = "Unknown"
    UNSEEN = "Unseen"  # no operator has looked yet


@dataclass(frozen=True)
class Step:
    """One link: its mark, why it has that mark, and the names on record that it is made of."""

    link: Link
    mark: Mark
    reason: str
    message: str
    made_of: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """A resource and its links, in the chain's order."""

    key: Key
    healthy: bool
    mark: Mark
    headline: str  # the reason of Ready
    steps: tuple[Step, ...]
    broken: (
        Link | None
    )  # the link that the explanation is about; None when it is about the whole resource, or all is well
    explanation: str  # what is broken and what to do; empty when all is well
    notes: tuple[str, ...] = ()  # what the Helm values cannot do; they belong to SecretsWritten


def chain(resource: Resource) -> Chain:
    """The chain of a resource, by its status. Whether it is Ready, and which link Ready is about, the operator has decided."""
    status = resource.status
    ready = status.condition(READY)
    healthy = was_ready(resource) and not resource.deleting
    steps = tuple(_step(link, status) for link in CHAIN)
    reason, text, broken = "", "", None
    if ready is None:
        reason = "NotSeen"
        text = "No operator has looked at this resource yet. Check that the operator runs, and that it watches this namespace."
    elif ready.observed_generation < resource.generation:
        reason = "Outdated"
        text = (
            f"The operator has not looked at generation {resource.generation} yet; the links are those of generation "
            f"{ready.observed_generation}. Check that the operator runs, if this lasts."
        )
    else:
        reason = ready.reason
        text = "" if healthy else ready.message or "Ready is not True, and has no message."
        broken = _blamed(status, ready.reason, ready.message) if not healthy else None
        if healthy and (beside := _beside(status)):
            broken, text = beside
    return Chain(
        key=resource.key,
        healthy=healthy,
        mark=Mark.HOLDS if healthy else Mark(ready.status) if ready and ready.status != "True" else Mark.UNKNOWN,
        headline=f"{printable(reason)}, being deleted" if resource.deleting else printable(reason),
        steps=steps,
        broken=broken,
        explanation=printable(text),
        notes=_notes(resource),
    )


def _notes(resource: Resource) -> tuple[str, ...]:
    """What the Helm values cannot do. It does not depend on the domain of the blob endpoint."""
    return about_the_values(use_of(resource.spec, resource.key.name, domain="")) if resource.spec else ()


def _blamed(status: Status, reason: str, message: str) -> Link | None:
    """The link that Ready repeats. The operator has chosen it."""
    for link in CHAIN:
        known = status.condition(link)
        if known and known.status != "True" and (known.reason, known.message) == (reason, message):
            return link
    return None


def _beside(status: Status) -> tuple[Link, str] | None:
    """The broken link that Ready does not depend on, and its message."""
    for link in CHAIN:
        known = status.condition(link)
        if known and known.status == "False" and not link.counts:
            return link, known.message
    return None


def _step(link: Link, status: Status) -> Step:
    known = status.condition(link)
    made_of = tuple(map(printable, _made_of(link, status)))
    if known is None:
        return Step(link, Mark.UNSEEN, "", "", made_of)
    return Step(link, Mark(known.status), printable(known.reason), printable(known.message), made_of)


def _made_of(link: Link, status: Status) -> Iterator[str]:
    """The names on record that belong to a link."""
    match link:
        case Link.IDENTITY if status.identity:
            yield from filter(None, [status.identity.name])
            if status.identity.client_id:
                yield f"client ID {status.identity.client_id}"
        case Link.CREDENTIALS:
            yield from (credential.subject for credential in status.federated_credentials)
        case Link.ROLES:
            for assignment in status.role_assignments:
                yield f"{assignment.role} on {assignment.scope.rpartition('/')[2]}"
        case Link.SERVICE_ACCOUNTS:
            yield from (account.name for account in status.service_accounts)
        case Link.SECRETS:
            yield from status.secret_names
        case Link.ACCESS:
            yield from (container.name for container in status.containers)
        case Link.WORKLOADS:
            yield from (workload.component for workload in status.workloads)
