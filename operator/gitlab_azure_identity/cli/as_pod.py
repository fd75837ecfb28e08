"""The proof from within the cluster's pod network: a pod of GitLab's service account, which the real webhook changes, tries what
GitLab does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import click

from gitlab_azure_identity.azure.access_errors import token_refused
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.relayed import read
from gitlab_azure_identity.cli.looking import OPERATOR, Look
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.cli.proving import attempt_of
from gitlab_azure_identity.cli.session import of_cluster
from gitlab_azure_identity.domain.doctor import webhook
from gitlab_azure_identity.domain.doctor.examination import Check, State
from gitlab_azure_identity.domain.doctor.pod import SECONDS, proof_pod
from gitlab_azure_identity.domain.findings import Outlook
from gitlab_azure_identity.domain.workloads import carried, problem
from gitlab_azure_identity.kube.client import ClusterError, Json
from gitlab_azure_identity.kube.pods import pod_of
from gitlab_azure_identity.kube.proof_pods import ProofPods
from gitlab_azure_identity.reconcile.aim import Aim
from gitlab_azure_identity.reconcile.verify import concluded

PATIENCE = SECONDS + 60.0  # seconds: to be scheduled, and to pull the image


@dataclass(frozen=True)
class AsPod:
    """How a person wants it: the image, if not the operator's own, and whether they were asked before."""

    image: str | None
    agreed: bool


async def prove_as_pods(look: Look, found: Aim | None, how: AsPod) -> list[Check]:
    """A check for each service account. Raises CouldNotCheck when nothing can be tried, or when the person does not agree."""
    if found is None or found.observation.have.identity is None:
        raise CouldNotCheck("There is no identity yet that a pod could be. Mend what is above, and try --as-pod again.")
    desired = found.goal.desired
    image = how.image or await _image(look)
    accounts = [account.name for account in desired.service_accounts]
    if not how.agreed:
        _ask(accounts, desired.owner.namespace, image)
    return list(await asyncio.gather(*(_proven(look, found, account, image) for account in accounts)))


def _ask(accounts: list[str], namespace: str, image: str) -> None:
    if not sys.stdin.isatty():
        raise CouldNotCheck("--as-pod creates pods, and asks before. Nobody can answer here: add --yes.")
    count = len(accounts)
    question = (
        f"Create {count} pod{'s' * (count > 1)} in namespace {namespace}, as service account {', '.join(accounts)}, of image "
        f"{image}, and delete {'them' if count > 1 else 'it'} afterwards?"
    )
    if not click.confirm(question, err=True):
        raise CouldNotCheck("No pod was created, since you did not agree.")


async def _image(look: Look) -> str:
    """The image of the operator, which has the program and which the cluster can pull. Raises CouldNotCheck."""
    path, query = "/apis/apps/v1/deployments", {"labelSelector": OPERATOR}
    try:
        found = await look.session.cluster.request("GET", path, query=query)
    except ClusterError as error:
        refused = of_cluster(error, "list deployments to find the operator's image", look.session.server)
        raise CouldNotCheck(f"{refused.message} Or name the image with --image.") from error
    images = {
        str(container["image"])
        for each in found.get("items") or ()
        for container in each["spec"]["template"]["spec"]["containers"]
        if container["name"] == "operator"
    }
    if len(images) != 1:
        raise CouldNotCheck(
            f"The Deployments with the label {OPERATOR} have {len(images)} images of the operator. Name one with --image."
        )
    return images.pop()


async def _proven(look: Look, found: Aim, account: str, image: str) -> Check:
    """What a pod of this service account finds. The pod is deleted, whatever happens."""
    desired, pods = found.goal.desired, ProofPods(look.session.cluster)
    about = f"As pod {account}"
    storage = desired.storage
    manifest = proof_pod(desired.owner.namespace, account, image, storage.blob_host, tuple(storage.containers.values()))
    async with AsyncExitStack() as stack:
        try:
            made = await stack.enter_async_context(existing(pods, manifest))
        except ClusterError as error:
            return _not_created(about, error, look.session.server)
        want = carried(found.goal, found.observation.have)
        wrong = problem(pod_of(made), want) if want else None
        if wrong:
            return Check(about, State.BROKEN, f"A new pod of service account {account} {wrong.one}.", wrong.reason)
        try:
            end = await pods.ended(made, PATIENCE)
        except ClusterError as error:
            refused = of_cluster(error, f"follow pod {made['metadata']['name']}", look.session.server)
            return Check(about, State.UNSEEN, refused.message)
    if end.trouble:
        return Check(about, State.UNSEEN, f"The pod proved nothing. {end.trouble}")
    return await _judged(look, found, account, about, end.proof)


@asynccontextmanager
async def existing(pods: ProofPods, manifest: Json) -> AsyncIterator[Json]:
    """The pod of a manifest, which is deleted at the end: also when Ctrl-C comes before the API server has answered that it was
    created. Raises ClusterError when it is not created."""
    creation = asyncio.ensure_future(pods.create(manifest))
    try:
        yield await asyncio.shield(creation)
    finally:
        await asyncio.shield(_deleted(pods, creation))


async def _deleted(pods: ProofPods, creation: asyncio.Future[Json]) -> None:
    try:
        made = await creation
    except ClusterError:
        return  # there is none
    try:
        await pods.delete(made)
    except ClusterError as error:
        name = made["metadata"]["name"]
        click.echo(f"Pod {name} could not be deleted: {error.message}. It ends by itself. Delete it.", err=True)


def _not_created(about: str, error: ClusterError, server: str) -> Check:
    if "failed calling webhook" in error.message and webhook.NAME in error.message:
        said = " ".join(error.message.split())
        return Check(
            about, State.BROKEN, f"The webhook does not answer, so the pod was not created: {said}", webhook.SILENT
        )
    return Check(about, State.UNSEEN, of_cluster(error, "create a pod", server).message)


async def _judged(look: Look, found: Aim, account: str, about: str, proof: str) -> Check:
    """The proof of the pod, judged as the operator judges its own."""
    try:
        refused, answers = read(proof)
    except ValueError as error:
        return Check(about, State.UNSEEN, f"The pod's termination message cannot be read: {error}.")
    attempt = attempt_of(look, found)
    failures = [token_refused(refused, attempt, account)] if refused else []
    existing = await _containers(look, found) if answers and answers.lack_containers else ()
    finding = concluded(attempt, failures, 1, answers, existing).finding
    states = {Outlook.GOOD: State.HOLDS, Outlook.WAITING: State.WAITS}
    return Check(about, states.get(finding.outlook, State.BROKEN), finding.message, finding.reason)


async def _containers(look: Look, found: Aim) -> Sequence[str]:
    """The account's containers, as far as the person may list them."""
    try:
        return await look.names.containers(found.goal.desired.storage.scope)
    except AzureError:
        return ()
