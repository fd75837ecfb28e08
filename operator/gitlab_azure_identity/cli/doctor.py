"""`kubectl gai doctor`: what is wrong between GitLab's pods and its blobs, why, and the command that mends it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from gitlab_azure_identity.api.conditions import CHAIN, READY, Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.api.resource import Key, Resource
from gitlab_azure_identity.cli.as_pod import AsPod, prove_as_pods
from gitlab_azure_identity.cli.examining import Examined, examine
from gitlab_azure_identity.cli.looking import looking
from gitlab_azure_identity.cli.pods import examine_pod
from gitlab_azure_identity.cli.problems import NOT_CHECKED, PROBLEM, CouldNotCheck
from gitlab_azure_identity.cli.session import Session
from gitlab_azure_identity.cli.showing import INDENTED, console, in_terminal, print_data, to_paste
from gitlab_azure_identity.cli.status import Work, nothing_there
from gitlab_azure_identity.domain.causes.model import Advice
from gitlab_azure_identity.domain.doctor.compared import fitted
from gitlab_azure_identity.domain.doctor.examination import Check, State
from gitlab_azure_identity.domain.doctor.webhook import OF_AKS
from gitlab_azure_identity.domain.readiness import was_ready
from gitlab_azure_identity.domain.texts import harmless, printable

SYMBOLS: Mapping[State, str] = {State.HOLDS: "✓", State.BROKEN: "✗", State.WAITS: "·", State.UNSEEN: "?"}
STYLES: Mapping[State, str] = {
    State.HOLDS: "green",
    State.BROKEN: "bold red",
    State.WAITS: "dim",
    State.UNSEEN: "yellow",
}
_ABOUT = max(map(len, CHAIN))
_STATE = max(map(len, State))


@dataclass(frozen=True)
class Report:
    """What is told of one resource."""

    key: Key
    ready: bool
    entries: tuple[tuple[Check, Advice | None], ...]

    @property
    def exit_status(self) -> int:
        """2 also when a link waits, for example for Azure, and so nothing can be said of it yet."""
        states = {check.state for check, _ in self.entries}
        if State.BROKEN in states:
            return PROBLEM
        return NOT_CHECKED if State.UNSEEN in states or not self.ready else 0

    @property
    def headline(self) -> str:
        broken = sum(check.state is State.BROKEN for check, _ in self.entries)
        if broken:
            return f"{broken} problem{'s' * (broken > 1)}"
        if any(check.state is State.UNSEEN for check, _ in self.entries):
            return "no problem in what you can see"
        return "no problem" if self.ready else "no problem, but it is not Ready yet"


def doctor(name: str | None, pod: str | None, as_pod: AsPod | None, settings: str | None, output: str | None) -> Work:
    """Examine a resource, or all of the namespace. With `pod`, one pod of it too. With `as_pod`, access is also proven by new
    pods."""

    async def work(session: Session) -> int:
        bodies = [await session.one(name)] if name else await session.all()
        if not bodies:
            raise nothing_there(session)
        if pod and len(bodies) > 1:
            raise CouldNotCheck(
                f"There are {len(bodies)} resources in this namespace. Name the one that pod {pod} uses."
            )
        reports = [await _report(session, Resource.parse(body), pod, as_pod, settings) for body in bodies]
        if output:
            answers = [answer(each) for each in reports]
            print_data(answers[0] if name else answers, output)
        elif in_terminal():
            screen = console()
            screen.print(Group(*(tree(each, screen.width) for each in reports)))
            for line in to_paste(told(reports), screen.width):
                click.echo(line)
        else:
            click.echo("\n".join(line for each in reports for line in lines(each)))
            sys.stdout.flush()
        return _worst(reports)

    return work


async def _report(
    session: Session, resource: Resource, pod: str | None, as_pod: AsPod | None, settings: str | None
) -> Report:
    async with looking(session, resource, settings) as look:
        examined = await examine(look, resource)
        more = [await examine_pod(look, examined.found, resource, pod)] if pod else []
        try:
            more += await prove_as_pods(look, examined.found, as_pod) if as_pod else []
        except CouldNotCheck as lost:  # what was examined is told all the same
            more.append(Check("As pod", State.UNSEEN, lost.message))
    entries = tuple((check, check.advice(**_values(examined, check.about))) for check in (*examined.checks, *more))
    return Report(resource.key, was_ready(resource), entries)


def _worst(reports: Sequence[Report]) -> int:
    statuses = {each.exit_status for each in reports}
    return PROBLEM if PROBLEM in statuses else NOT_CHECKED if NOT_CHECKED in statuses else 0


def _values(examined: Examined, about: str) -> dict[str, str]:
    """The names that fill in the commands of a check."""
    resource, found = examined.resource, examined.found
    values = OF_AKS | {"namespace": resource.key.namespace, "name": resource.key.name}
    values["account"] = resource.legible.storage.account_name
    if found:
        desired, identity = found.goal.desired, found.observation.have.identity
        place = desired.storage.scope if about == Link.ROLES else desired.identity.id
        values |= {
            "cluster": desired.owner.cluster,
            "group": place.resource_group,
            "identity": desired.identity.name,
            "identity_id": str(desired.identity.id),
            "release": desired.gitlab.release,
        }
        values |= {"principal": identity.principal_id} if identity else {}
        secret = desired.secret_names.get("registry")
        values |= {"registry_secret": secret} if secret else {}
    return values


# drawing


def lines(report: Report) -> Iterator[str]:
    """A report in plain lines. None is wrapped."""
    yield f"{report.key}: {report.headline}"
    for check, advice in report.entries:
        yield f"  {check.state:{_STATE}}  {check.about:{_ABOUT}}  {_told(check)}".rstrip()
        for line in (*map(harmless, check.details), *_advised(check, advice)):
            yield f"  {'':{_STATE}}  {line}"


def tree(report: Report, width: int) -> Tree:
    """The same as a tree, which the terminal's width wraps. Texts under each other are cut instead, where they are the same."""
    root = Tree(Text(f"{report.key}: {report.headline}", "bold"))
    for check, advice in report.entries:
        mark = (SYMBOLS[check.state], STYLES[check.state])
        branch = root.add(Text.assemble(mark, " ", f"{check.about:{_ABOUT}}", "  ", _told(check)))
        for line in fitted([*map(harmless, check.details)], width - INDENTED):
            branch.add(Text(line, no_wrap=line.startswith(_TABULAR)))
        for line in _advised(check, advice):
            branch.add(Text(line, "cyan" if line.startswith("$ ") else ""))
    return root


def told(reports: Sequence[Report]) -> Iterator[str]:
    """The texts that may have a command."""
    for each in reports:
        for check, advice in each.entries:
            yield check.message
            yield from _advised(check, advice)


_REASONS = frozenset(Reason)  # what else is a cause has no word that a condition shows
_TABULAR = ("issuer of", "subject of", "audience of", " ")


def _told(check: Check) -> str:
    reason = (
        f"{check.cause}: "
        if check.state is State.BROKEN and check.cause in _REASONS and check.about in (*CHAIN, READY)
        else ""
    )
    return f"{reason}{printable(check.message)}"


def _advised(check: Check, advice: Advice | None) -> Iterator[str]:
    """Why, and what to do. A command that the message has already is not told twice."""
    if advice is None:
        return
    if advice.why:
        yield f"Why: {printable(advice.why)}"
    for step in advice.steps:
        text = printable(step.text)
        if step.command is None:
            yield f"- {text}"
        elif step.command.text.partition(" <")[0] in check.message:
            yield f"- {text}, with the command above."
        else:
            yield f"- {text}:"
            yield f"$ {step.command.text}"


def answer(report: Report) -> dict[str, Any]:
    """The same for a program."""
    return {
        "namespace": report.key.namespace,
        "name": report.key.name,
        "problems": [_entry(check, advice) for check, advice in report.entries if check.state is State.BROKEN],
        "notSeen": [_entry(check, advice) for check, advice in report.entries if check.state is State.UNSEEN],
        "checks": [{"check": str(check.about), "state": str(check.state)} for check, _ in report.entries],
    }


def _entry(check: Check, advice: Advice | None) -> dict[str, Any]:
    return {
        "check": str(check.about),
        "reason": str(check.cause),
        "message": check.message,
        "details": list(check.details),
        "why": advice.why if advice else "",
        "steps": [step.text for step in advice.steps] if advice else [],
        "commands": list(advice.commands) if advice else [],
    }
