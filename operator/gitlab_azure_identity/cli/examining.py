"""A person's examination of one resource: everything between a pod and its blobs, looked at now and with their own rights."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gitlab_azure_identity.api.conditions import CHAIN, Link
from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.azure.errors import AzureError, sanitize
from gitlab_azure_identity.cli.hints import hint
from gitlab_azure_identity.cli.looking import Look
from gitlab_azure_identity.cli.problems import CouldNotCheck
from gitlab_azure_identity.cli.proving import access, proven, token_details
from gitlab_azure_identity.cli.session import of_cluster
from gitlab_azure_identity.cli.telling import about_the_caller
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.assessment import in_the_way_of_access, with_proof
from gitlab_azure_identity.domain.doctor import clock, webhook
from gitlab_azure_identity.domain.doctor.examination import (
    Check,
    State,
    of_a_deletion,
    of_the_whole,
    of_this_generation,
    weighed,
)
from gitlab_azure_identity.domain.findings import CannotProceed, Failure, Finding, blocked, stopped
from gitlab_azure_identity.domain.forecast import foreseen
from gitlab_azure_identity.domain.goal import Goal, Terms, reconcile_goal
from gitlab_azure_identity.domain.observed import Identity, Observation, Observed
from gitlab_azure_identity.domain.where import where_to_look
from gitlab_azure_identity.domain.workloads import carried, finding, judged
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.aim import Aim
from gitlab_azure_identity.reconcile.observe import observe_objects

IN_AZURE = (Link.IDENTITY, Link.CREDENTIALS, Link.ROLES)
WEBHOOK, CLOCK, SETTINGS = "Webhook", "Clock", "Settings"
ELSEWHERE = "So whether it answers was not seen. Try it: --as-pod."


@dataclass(frozen=True)
class Examined:
    """The checks of a resource, in the order in which a person reads them. `found` is what they were made by, where it is
    known."""

    resource: Resource
    checks: tuple[Check, ...]
    found: Aim | None


async def examine(look: Look, resource: Resource) -> Examined:
    """Look at everything. What cannot be looked at is a check of its own."""
    if resource.deleting:
        return Examined(resource, (of_a_deletion(resource),), None)
    aside = asyncio.gather(_webhook(look, resource.key.namespace), _clock(look))
    try:
        found, seen = await _chain(look, resource)
        checks = await asyncio.gather(*(hint(look, found, one) for one in seen))
    finally:
        others = await aside
    whole = of_the_whole(resource, checks)
    lost = look.known.unknown
    settings = [Check(SETTINGS, State.UNSEEN, f"{lost} Name a file with them: --settings.")] if lost else []
    return Examined(resource, (*([whole] if whole else ()), *checks, *others, *settings), found)


# the chain


async def _chain(look: Look, resource: Resource) -> tuple[Aim | None, list[Check]]:
    """The checks of the links, and what they were made by."""
    try:
        terms, issuer = await look.terms(resource), await look.issuer(resource)
    except CouldNotCheck as lost:
        return None, _reported(resource, lost.message)
    except CannotProceed as stop:
        return None, [weighed(one, resource) for one in stopped(stop.link, stop.failure)]
    try:
        found = await look.aim(resource, terms, issuer)
    except CannotProceed as stop:
        try:
            goal = reconcile_goal(resource, terms, issuer)
        except CannotProceed as refused:
            return None, [weighed(one, resource) for one in stopped(refused.link, refused.failure)]
        if not about_the_caller(stop.failure):
            seen = Aim(resource, goal, Observation(Observed()))
            return seen, [weighed(one, resource) for one in stopped(stop.link, stop.failure)]
        found = await _by_the_record(look, resource, goal, terms, stop.failure)
    return found, [check async for check in _links(look, found)]


def _reported(resource: Resource, why: str) -> list[Check]:
    """The links as the operator reports them, to somebody who could look at none."""
    reported = ((link, of_this_generation(resource, link)) for link in CHAIN)
    states = {"True": State.HOLDS, "False": State.BROKEN}
    return [
        Check(link, states.get(one.status, State.WAITS), one.message, one.reason)
        if one
        else Check(link, State.UNSEEN, why)
        for link, one in reported
    ]


async def _by_the_record(look: Look, resource: Resource, goal: Goal, terms: Terms, why: Failure) -> Aim:
    """What there is for somebody who may not look at Azure: the objects in the cluster, and the identity by the status."""
    objects, unseen = await observe_objects(look.kube, where_to_look(resource, goal, terms.policy), look.told)
    have = Observed(_recorded(resource, goal), objects=objects)
    return Aim(resource, goal, Observation(have, {**dict.fromkeys(IN_AZURE, why), **unseen}))


def _recorded(resource: Resource, goal: Goal) -> Identity | None:
    """The identity by the status."""
    known = resource.status.identity
    if known is None or not (known.resource_id and known.client_id and known.principal_id and known.tenant_id):
        return None
    name, tags = known.name or "", goal.owner.tags
    return Identity(known.resource_id, name, "", tags, known.client_id, known.principal_id, known.tenant_id)


async def _links(look: Look, found: Aim) -> AsyncIterator[Check]:
    """The checks of all links, as a person and the operator see them together."""
    resource, unmanaged = found.resource, found.goal.desired.unmanaged
    seen = foreseen(found.goal, found.observation)
    broken = in_the_way_of_access([one for one in seen if _is_seen(one)], unmanaged)
    identity = found.observation.have.identity
    if identity is None or broken is not None:
        proof = blocked(Link.ACCESS, broken.link if broken else Link.IDENTITY)
    else:
        proof = await proven(look, found, identity)
    for one in with_proof(resource, unmanaged, seen, proof, SYSTEM.now(), look.propagation_limit):
        check = weighed(one, resource, seen=_is_seen(one))
        if one.link is Link.CREDENTIALS and check.state is State.BROKEN:
            check = check.with_details(*await token_details(look, found))
        yield check
    yield await access(look, found, proof)
    yield await _workloads(look, found)


def _is_seen(one: Finding) -> bool:
    return one.failure is None or not about_the_caller(one.failure)


# GitLab's pods


async def _workloads(look: Look, found: Aim) -> Check:
    """GitLab's pods, judged as the operator judges them."""
    want = carried(found.goal, found.observation.have)
    if want is None:
        return weighed(blocked(Link.WORKLOADS, Link.IDENTITY), found.resource)
    try:
        listed = await look.pods.list(want.namespace, want.release)
        lines = judged(listed.pods, want)
        others = [] if lines else await look.pods.releases(want.namespace, want.components)
    except ClusterError as error:
        refused = of_cluster(error, f"list pods in namespace {want.namespace}", look.session.server)
        return Check(Link.WORKLOADS, State.UNSEEN, refused.message)
    check = weighed(finding(lines, want), found.resource)
    meant = (f"There are pods of release {one}. If it is meant, set spec.gitlab.release: {one}" for one in others)
    return check.with_details(*meant)


# what no condition shows


async def _webhook(look: Look, namespace: str) -> Check:
    try:
        webhooks = webhook.identity_webhooks(await look.webhooks.registered())
        labels = await look.namespaces.labels(namespace)
    except ClusterError as error:
        refused = of_cluster(error, "read the registration of webhooks", look.session.server)
        return Check(WEBHOOK, State.UNSEEN, refused.message)
    answering, why = {}, ""
    for service in {one.service for one in webhooks if one.service}:
        try:
            answering[service] = await look.webhooks.answering(*service)
        except ClusterError as error:  # who may see the registration may not see the namespace kube-system
            why = of_cluster(error, f"list endpointslices in namespace {service[0]}", look.session.server).message
    silent = webhook.silence(webhooks, namespace, labels, answering)
    if silent:
        return Check(WEBHOOK, State.BROKEN, silent.sentence, silent.cause, names=silent.names)
    if not webhook.is_seen(webhooks, labels, answering):
        return Check(WEBHOOK, State.UNSEEN, f"The webhook is registered for namespace {namespace}. {why} {ELSEWHERE}")
    if conditions := webhook.unknown(webhooks, labels):
        return Check(WEBHOOK, State.UNSEEN, conditions)
    return Check(WEBHOOK, State.HOLDS, f"The webhook changes pods with the label in namespace {namespace}.")


async def _clock(look: Look) -> Check:
    try:
        cluster, azure = await asyncio.gather(look.session.cluster.time(), look.names.time())
    except ClusterError as error:
        return Check(CLOCK, State.UNSEEN, of_cluster(error, "read its clock", look.session.server).message)
    except AzureError as error:
        return Check(CLOCK, State.UNSEEN, f"Entra could not be reached to read its clock: {sanitize(error.detail)}")
    if cluster is None or azure is None:
        return Check(CLOCK, State.UNSEEN, "The answers of the API server and of Entra have no date.")
    if sentence := clock.apart(cluster, azure):
        return Check(CLOCK, State.BROKEN, sentence, clock.APART)
    return Check(CLOCK, State.HOLDS, "The clocks of the API server and of Entra agree.")
