"""Whether the operator may be uninstalled: not while resources exist, since only the operator removes what they have in Azure,
and its finalizer. The chart's pre-delete hook asks this in a pod, with a service account of its own."""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import aclosing

import click

from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.cli.problems import PROBLEM, CouldNotCheck
from gitlab_azure_identity.cli.session import TIMEOUT, Session, of_cluster
from gitlab_azure_identity.domain.causes import commands
from gitlab_azure_identity.kube.client import Cluster, ClusterError, Json, connect
from gitlab_azure_identity.kube.resources import collection

SERVER = "the cluster"


async def remaining(wait: float) -> int:
    """Print the resources that exist. The exit status is 0 when there are none, or no definition of them, and else 1.

    Where all of them are being deleted, it first waits until they no longer exist, `wait` seconds at most. Raises
    CouldNotCheck."""
    try:
        async with connect(TIMEOUT) as cluster:
            left = await _existing(cluster)
            if left and all(map(_is_deleted, left)):
                click.echo(f"Waiting for resources that are being deleted: {_names(left)}.")
                left = await _after_deletion(cluster, left, wait)
    except ValueError as error:
        raise CouldNotCheck(f"There is no login to the cluster: {error}.") from error
    click.echo(refusal(left, wait) if left else "No GitLabAzureIdentity exists: the operator may be uninstalled.")
    return PROBLEM if left else 0


async def _existing(cluster: Cluster) -> list[Json]:
    try:
        listed = await cluster.find(collection(None))
    except ClusterError as error:
        raise of_cluster(error, "list resources in all namespaces", SERVER) from error
    return list(listed.get("items") or ()) if listed else []


async def _after_deletion(cluster: Cluster, known: list[Json], wait: float) -> list[Json]:
    """What is left once nothing is, or once something is that nobody deletes, or at the end of the wait."""
    left = known
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait), aclosing(Session(cluster, SERVER, None).versions(None)) as versions:
            async for left in versions:
                if not left or not all(map(_is_deleted, left)):
                    break
    return left


def _is_deleted(body: Json) -> bool:
    return "deletionTimestamp" in body["metadata"]


def _names(bodies: Sequence[Json]) -> str:
    return ", ".join(sorted(str(_key(body)) for body in bodies))


def _key(body: Json) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def refusal(left: Sequence[Json], waited: float) -> str:
    """Why the operator is not uninstalled: what exists, and the next step for each of it."""
    standing = sorted((_key(body) for body in left if not _is_deleted(body)), key=str)
    going = sorted((_key(body) for body in left if _is_deleted(body)), key=str)
    lines = [f"The operator is not uninstalled: only it removes what a resource has in Azure. There is {_names(left)}."]
    if standing:
        lines.append("Delete first, and wait until it no longer exists:")
        lines += [f"  kubectl -n {key.namespace} delete gai {key.name}" for key in standing]
    if going:
        lines.append(f"Deleted, and still there after {waited:g} s. What it waits for is in its conditions and events:")
        lines += [f"  {commands.DESCRIBE.filled(namespace=key.namespace, name=key.name)}" for key in going]
    lines.append("To uninstall all the same, and leave them without an operator, skip this check with --no-hooks.")
    return "\n".join(lines)
