"""`kubectl gai plan`: what a pass of the operator would change now, in Azure and in the cluster. Nothing is written."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

import click
from rich.text import Text
from rich.tree import Tree

from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.cli.containers import foreseen_containers
from gitlab_azure_identity.cli.files import read, text_of
from gitlab_azure_identity.cli.looking import looking
from gitlab_azure_identity.cli.problems import NOT_CHECKED, PROBLEM, CouldNotCheck
from gitlab_azure_identity.cli.session import Session
from gitlab_azure_identity.cli.showing import console, in_terminal, print_data
from gitlab_azure_identity.cli.status import Work
from gitlab_azure_identity.cli.telling import about_the_caller
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.assessment import with_proof
from gitlab_azure_identity.domain.changes import (
    ApplyObject,
    ApplyServiceAccount,
    Change,
    CreateContainer,
    PutIdentity,
    Revocation,
)
from gitlab_azure_identity.domain.findings import CannotProceed, Finding, Outlook, blocked, failed
from gitlab_azure_identity.domain.forecast import forecast, foreseen_with_identity
from gitlab_azure_identity.domain.texts import printable
from gitlab_azure_identity.kube.client import Json
from gitlab_azure_identity.reconcile.aim import Aim

NOT_ADMITTED = (
    "So the status and Azure say where everything is, and whether the operator's policy admits it was not checked. Name a file "
    "with its settings: --settings."
)


Planned = Change | CreateContainer


@dataclass(frozen=True)
class Plan:
    """The changes of a pass, what stands in its way, and what this person could not see."""

    key: Key
    changes: tuple[Planned, ...]
    obstacles: tuple[Finding, ...]
    unseen: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        if self.obstacles:
            return PROBLEM
        return NOT_CHECKED if self.unseen else 0


def of_resource(name: str, settings: str | None, output: str | None) -> Work:
    """The plan for a resource in the cluster."""

    async def work(session: Session) -> int:
        resource = Resource.parse(await session.one(name))
        if resource.deleting:
            raise CouldNotCheck(
                f"{resource.key} is being deleted, and a plan is for a resource that is kept. The command status shows how far "
                "the deletion is."
            )
        return _print(await _planned(session, resource, settings), output)

    return work


def of_file(file: IO[str], name: str | None, namespace: str | None, settings: str | None, output: str | None) -> Work:
    """The plan for a resource as a file has it, with the record of the one of that name in the cluster."""

    async def work(session: Session) -> int:
        wanted = read(text_of(file), file.name, name, namespace, session.namespace or "default")
        resource = recorded(wanted, await session.found(wanted.key))
        return _print(await _planned(session, resource, settings), output)

    return work


def recorded(wanted: Resource, body: Json | None) -> Resource:
    """The resource as wanted, with the metadata and the status of the one that exists. Another spec would be its next
    generation."""
    if body is None:
        return wanted
    there = Resource.parse(body)
    return replace(
        there,
        spec=wanted.spec,
        legible=wanted.legible,
        unreadable=wanted.unreadable,
        generation=there.generation + (there.spec != wanted.spec),
    )


async def _planned(session: Session, resource: Resource, settings: str | None) -> Plan:
    async with looking(session, resource, settings) as look:
        notes = [f"{look.known.unknown} {NOT_ADMITTED}"] if look.known.unknown else []
        if resource.legible.suspend:
            notes.append("The resource is suspended: nothing of this is done before it is resumed.")
        try:
            found = await look.aim(resource, await look.terms(resource), await look.issuer(resource))
        except CannotProceed as stop:
            return _plan(resource.key, (), [failed(stop.link, stop.failure)], notes)
        seen = findings(found)
        containers, unmet = await foreseen_containers(look, found, obstacles(seen))
    changes = *forecast(found.goal, found.observation), *containers
    return _plan(resource.key, changes, [*seen, *unmet], notes)


def findings(found: Aim) -> list[Finding]:
    """A finding for each link, as the operator would judge what was seen."""
    judged = foreseen_with_identity(found.goal, found.observation)
    not_tried = blocked(Link.ACCESS, Link.ROLES)  # what the operator has proven stays so
    unmanaged = found.goal.desired.unmanaged
    return list(with_proof(found.resource, unmanaged, judged, not_tried, SYSTEM.now(), 0.0))


def obstacles(seen: Sequence[Finding], *, unseen: bool = False) -> tuple[Finding, ...]:
    """The findings that no change of the plan mends: those that were seen, or else those that only say that this person could
    not look."""
    lasting = (Outlook.STALLED, Outlook.TRANSIENT)
    return tuple(
        one for one in seen if one.failure and one.outlook in lasting and about_the_caller(one.failure) == unseen
    )


def _plan(key: Key, changes: tuple[Planned, ...], seen: Sequence[Finding], notes: Sequence[str]) -> Plan:
    return Plan(key, changes, obstacles(seen), obstacles(seen, unseen=True), tuple(notes))


def _print(plan: Plan, output: str | None) -> int:
    if output:
        print_data(answer(plan), output)
    elif in_terminal():
        console().print(tree(plan))
    else:
        click.echo("\n".join(lines(plan)))
        sys.stdout.flush()
    return plan.exit_status


def _headline(plan: Plan) -> str:
    count = len(plan.changes)
    if count:
        return f"{plan.key}: {count} change{'s' * (count != 1)}"
    return f"{plan.key}: no change" + (" that you can see" if plan.unseen else "")


def _parts(plan: Plan) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Each part of a plan: its title, its style, and its lines with their marks."""
    for place in (Place.AZURE, Place.CLUSTER):
        changes = [(mark(one), printable(str(one))) for one in plan.changes if place_of(one) is place]
        if changes:
            yield f"in {place.value}", "", changes
    if plan.obstacles:
        told = [("✗", f"{one.link} {one.reason}: {printable(one.message)}") for one in plan.obstacles]
        yield "in the way", "bold red", told
    if plan.unseen:
        messages = dict.fromkeys(printable(one.message) for one in plan.unseen)
        yield "not seen", "yellow", [("?", message) for message in messages]
    if plan.notes:
        yield "note", "yellow", [("!", printable(note)) for note in plan.notes]


ACTIONS = {"+": "create", "~": "change", "-": "remove"}
STYLES = {"+": "green", "~": "yellow", "-": "red", "✗": "bold red", "?": "yellow", "!": "yellow"}


def place_of(change: Planned) -> Place:
    """Where the changed object is. The access that a container is created for takes objects in both places."""
    return Place.AZURE if isinstance(change, CreateContainer) else change.link.place


def mark(change: Planned) -> str:
    """Whether something is made, changed or taken away."""
    match change:
        case PutIdentity():
            return "~" if change.missing else "+"
        case ApplyServiceAccount() | ApplyObject():
            return "~" if change.uid else "+"
    return "-" if isinstance(change, Revocation) else "+"


def lines(plan: Plan) -> Iterator[str]:
    """A plan in plain lines. None is wrapped."""
    yield _headline(plan)
    for title, _, told in _parts(plan):
        yield f"  {title}"
        yield from (f"    {mark} {text}" if mark in "+~-" else f"    {text}" for mark, text in told)


def tree(plan: Plan) -> Tree:
    """The same as a tree, which the terminal's width wraps."""
    root = Tree(Text(_headline(plan), "bold"))
    for title, style, told in _parts(plan):
        branch = root.add(Text(title, style))
        for mark, text in told:
            branch.add(Text.assemble((mark, STYLES[mark]), " ", text))
    return root


def answer(plan: Plan) -> dict[str, Any]:
    """The same for a program."""
    return {
        "namespace": plan.key.namespace,
        "name": plan.key.name,
        "changes": [
            {
                "action": ACTIONS[mark(change)],
                "in": place_of(change).value,
                "link": str(change.link),
                "object": str(change),
            }
            for change in plan.changes
        ],
        "inTheWay": [
            {"link": str(one.link), "reason": str(one.reason), "message": one.message} for one in plan.obstacles
        ],
        "notSeen": [{"link": str(one.link), "reason": str(one.reason), "message": one.message} for one in plan.unseen],
        "notes": list(plan.notes),
    }
