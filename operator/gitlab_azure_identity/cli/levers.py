"""The levers of a resource, as flux has them: a pass now, suspend, resume."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import click

from gitlab_azure_identity.api import REQUESTED_AT_ANNOTATION
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.api.status import HANDLED_LIMIT
from gitlab_azure_identity.cli.chain import chain
from gitlab_azure_identity.cli.problems import PROBLEM, CouldNotCheck
from gitlab_azure_identity.cli.session import Session
from gitlab_azure_identity.cli.status import Work, draw


def reconcile(name: str, timeout: float | None) -> Work:
    """Ask for a pass. With a time-out in seconds, wait for it and show the chain afterwards. Raises CouldNotCheck when the
    operator does not answer in time, or would not, since the resource is suspended."""

    async def work(session: Session) -> int:
        before = Resource.parse(await session.one(name))
        if before.legible.suspend:
            raise CouldNotCheck(f"{before.key} is suspended, so no pass is made. End that with the command resume.")
        now = datetime.now(UTC).isoformat()
        asked = Resource.parse(
            await session.change(name, {"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: now}}})
        )
        click.echo(f"{asked.key}: asked for a pass")
        if timeout is None:
            return 0
        try:
            async with asyncio.timeout(timeout):
                answered = await _answered(session, asked)
        except TimeoutError as error:
            message = (
                f"The operator did not answer for {asked.key} within {timeout:g} s. Check that it runs, and its log."
            )
            raise CouldNotCheck(message) from error
        result = chain(answered)
        draw([result])
        return 0 if result.healthy else PROBLEM

    return work


async def _answered(session: Session, asked: Resource) -> Resource:
    """The resource once the operator has handled the request, or a later one."""
    async with aclosing(session.versions(asked.key.name)) as versions:
        async for bodies in versions:
            (body,) = bodies
            found = Resource.parse(body)
            expected = (found.requested_at or "")[:HANDLED_LIMIT]
            if found.status.last_handled_reconcile_at == expected:
                return found
    return asked


def suspend(name: str, *, value: bool) -> Work:
    """Set or end the suspension of a resource."""

    async def work(session: Session) -> int:
        found = Resource.parse(await session.change(name, {"spec": {"suspend": value}}))
        click.echo(f"{found.key}: {'suspended' if value else 'resumed'}")
        return 0

    return work
