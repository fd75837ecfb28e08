"""`kubectl gai status`: the chain of each resource, once or until all are Ready."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing

import click
from rich.console import Group
from rich.live import Live

from gitlab_azure_identity.api import KIND
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.cli.chain import Chain, chain
from gitlab_azure_identity.cli.drawing import answer, lines, tree
from gitlab_azure_identity.cli.problems import PROBLEM, CouldNotCheck
from gitlab_azure_identity.cli.session import Session
from gitlab_azure_identity.cli.showing import console, in_terminal, print_data, to_paste
from gitlab_azure_identity.kube.client import Json

Work = Callable[[Session], Awaitable[int]]


def show(name: str | None, output: str | None) -> Work:
    """Print the chains, and return the exit status. Raises CouldNotCheck when there is no resource."""

    async def work(session: Session) -> int:
        chains = _chains(session, [await session.one(name)] if name else await session.all())
        if output:
            answers = [answer(each) for each in chains]
            print_data(answers[0] if name else answers, output)
        else:
            draw(chains)
        return _exit_status(chains)

    return work


def follow(name: str | None) -> Work:
    """Print the chains after each change, until all are Ready: redrawn in a terminal, else each chain that changed."""

    async def work(session: Session) -> int:
        before: Sequence[Chain] = ()
        async with AsyncExitStack() as stack:
            live = stack.enter_context(Live(console=console(), auto_refresh=False)) if in_terminal() else None
            versions = await stack.enter_async_context(aclosing(session.versions(name)))
            async for bodies in versions:
                chains = _chains(session, bodies)
                if live:
                    live.update(Group(*map(tree, chains)), refresh=True)
                else:
                    draw([each for each in chains if each not in before])
                if not _exit_status(chains):
                    return 0
                before = chains
        return PROBLEM

    return work


def draw(chains: Sequence[Chain]) -> None:
    """Print chains: as trees in a terminal, else as plain lines."""
    if in_terminal():
        screen = console()
        for each in chains:
            screen.print(tree(each))
            for line in to_paste([each.explanation], screen.width):
                click.echo(line)
    else:
        for each in chains:
            click.echo("\n".join(lines(each)))
        sys.stdout.flush()


def _chains(session: Session, bodies: Sequence[Json]) -> list[Chain]:
    if not bodies:
        raise nothing_there(session)
    return [chain(Resource.parse(body)) for body in bodies]


def nothing_there(session: Session) -> CouldNotCheck:
    where = f"namespace {session.namespace}" if session.namespace else "any namespace"
    return CouldNotCheck(f"There is no {KIND} in {where} of {session.server}. Name another namespace, or apply one.")


def _exit_status(chains: Sequence[Chain]) -> int:
    return 0 if all(each.healthy for each in chains) else PROBLEM
