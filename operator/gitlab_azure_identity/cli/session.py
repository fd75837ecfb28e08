"""A person's login to a cluster, and what they may read and change there."""

import asyncio
import difflib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from gitlab_azure_identity.api import KIND
from gitlab_azure_identity.api.resource import Key
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.kube import kubeconfig
from gitlab_azure_identity.kube.client import MERGE, Cluster, ClusterError, Json, connect
from gitlab_azure_identity.kube.resources import collection, path

TIMEOUT = 10.0  # seconds of one request
FIELD_MANAGER = "kubectl-gai"
_OBJECT_GONE = re.compile(r'" not found$')  # the API server knows the kind, and names the object
ANONYMOUS = '"system:anonymous"'  # what the API server calls a request without a login
Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    """The resources of a cluster, with a person's own rights. `namespace` is None for all of them. Every method raises
    CouldNotCheck."""

    cluster: Cluster
    server: str  # what messages call the cluster
    namespace: str | None

    def key(self, name: str) -> Key:
        return Key(self.namespace or "default", name)

    async def all(self) -> list[Json]:
        """The resources, by namespace and name."""
        where = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        answer = await self._asked(
            self.cluster.request("GET", collection(self.namespace)), f"list resources in {where}"
        )
        items: list[Json] = answer.get("items") or []
        return sorted(items, key=_place)

    async def one(self, name: str) -> Json:
        """The resource of that name."""
        key = self.key(name)
        found = await self.found(key)
        if found is None:
            raise await self._missing(key)
        return found

    async def found(self, key: Key) -> Json | None:
        """The resource, or None when it does not exist."""
        return await self._asked(self.cluster.find(path(key)), f"read {key}")

    async def versions(self, name: str | None) -> AsyncGenerator[list[Json], None]:
        """The resources as they are now, and again after each change: that of a name, or all."""
        selector = {"fieldSelector": f"metadata.name={name}"} if name else {}
        doing = f"watch resources in {self.namespace or 'all namespaces'}"
        while True:
            try:
                listed = await self.cluster.request("GET", collection(self.namespace), query=selector)
                if name and not listed.get("items"):
                    raise await self._missing(self.key(name))
                known = {_place(each): each for each in listed.get("items") or ()}
                yield [known[place] for place in sorted(known)]
                since = {"resourceVersion": str(listed["metadata"]["resourceVersion"])}
                async with aclosing(self.cluster.watch(collection(self.namespace), selector | since)) as events:
                    async for event in events:
                        known[_place(event["object"])] = event["object"]
                        if event["type"] == "DELETED":
                            del known[_place(event["object"])]
                            if name:
                                raise await self._missing(self.key(name))
                        yield [known[place] for place in sorted(known)]
            except ClusterError as error:
                if not error.expired:  # a list has a newer version
                    raise of_cluster(error, doing, self.server) from error

    async def change(self, name: str, patch: Mapping[str, Any]) -> Json:
        """The resource after a merge patch."""
        await self.one(name)
        key = self.key(name)
        request = self.cluster.request(
            "PATCH", path(key), dict(patch), query={"fieldManager": FIELD_MANAGER}, content_type=MERGE
        )
        return await self._asked(request, f"change {key}")

    async def _missing(self, key: Key) -> CouldNotCheck:
        """A resource that does not exist, with the nearest that does."""
        try:
            listed = await self.cluster.request("GET", collection(key.namespace))
        except ClusterError as error:
            if error.status != 403:  # noqa: PLR2004
                raise of_cluster(error, f"list resources in namespace {key.namespace}", self.server) from error
            listed = {}
        names = sorted(str(each["metadata"]["name"]) for each in listed.get("items") or ())
        near = difflib.get_close_matches(key.name, names, 1)
        if near:
            advice = f"Did you mean {near[0]}?"
        elif names:
            advice = f"There is: {', '.join(names)}."
        else:
            advice = "There is none in this namespace. Name another with --namespace."
        return CouldNotCheck(f"There is no {KIND} {key.name} in namespace {key.namespace} of {self.server}. {advice}")

    async def _asked(self, request: Awaitable[Result], doing: str) -> Result:
        try:
            return await request
        except ClusterError as error:
            raise of_cluster(error, doing, self.server) from error


def _place(body: Json) -> tuple[str, str]:
    return str(body["metadata"]["namespace"]), str(body["metadata"]["name"])


@asynccontextmanager
async def opened(context: str | None, namespace: str | None, *, everywhere: bool = False) -> AsyncIterator[Session]:
    """A session as kubectl would have it: with the kubeconfig, the context and the namespace that it takes. Raises
    CouldNotCheck."""
    async with AsyncExitStack() as stack:
        try:
            found = kubeconfig.find(context)
            cluster = await stack.enter_async_context(connect(TIMEOUT, found))
        except ValueError as error:
            raise CouldNotCheck(str(error)) from error
        where = None if everywhere else namespace or found.namespace
        yield Session(cluster, f"the cluster of context {found.context}", where)


def ran(
    work: Callable[[Session], Awaitable[Result]],
    context: str | None,
    namespace: str | None,
    *,
    everywhere: bool = False,
) -> Result:
    """What the work in a session comes to."""

    async def whole() -> Result:
        async with opened(context, namespace, everywhere=everywhere) as session:
            return await work(session)

    return asyncio.run(whole())


def of_cluster(error: ClusterError, doing: str, server: str) -> CouldNotCheck:
    """The API server's refusal of a person's request. `doing` completes the sentence `You may not …`; `server` says where the
    request went."""
    name = server[0].upper() + server[1:]
    said = " ".join(error.message.split()).rstrip(".") or error.reason
    match error.status:
        case 0:
            text = f"{name} does not answer: {said}. Check the network, and that the cluster runs."
        case 401:
            text = f"{name} does not accept your login: {said}. Log in to the cluster again."
        case 403 if ANONYMOUS in said:
            text = f"{name} does not know you, since the kubeconfig has no login for it: {said}. Log in to the cluster again."
        case 403:
            text = f"You may not {doing}: {said}. Ask for that right in {server}."
        case 404 if not _OBJECT_GONE.search(error.message):
            text = f"{name} does not know GitLabAzureIdentity. Check the context, or install the operator's chart: README.md."
        case _:
            text = f"Could not {doing} in {server}: {said}."
    return CouldNotCheck(text)
