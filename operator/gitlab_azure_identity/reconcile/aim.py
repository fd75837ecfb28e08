"""The goal of a resource, and the observation for it: the first half of a pass, which only reads."""

from dataclasses import dataclass

from gitlab_azure_identity.api.resource import Resource
from gitlab_azure_identity.domain.assessment import other_identity
from gitlab_azure_identity.domain.goal import Goal, Terms, reconcile_goal
from gitlab_azure_identity.domain.observed import Observation
from gitlab_azure_identity.domain.record import credible
from gitlab_azure_identity.domain.where import where_to_look
from gitlab_azure_identity.reconcile.context import AzureReads, KubeReads
from gitlab_azure_identity.reconcile.observe import observe
from gitlab_azure_identity.reconcile.told import OPERATOR, Told


@dataclass(frozen=True)
class Aim:
    """The resource without what its status cannot be believed of, its goal, and what was observed for that goal."""

    resource: Resource
    goal: Goal
    observation: Observation


async def aim(
    azure: AzureReads,
    kube: KubeReads,
    resource: Resource,
    terms: Terms,
    issuer: str,
    *,
    spread_by: float,
    told: Told = OPERATOR,
) -> Aim:
    """Look for everything that belongs to a resource. The identity that is observed may change the goal. Azure knows roles
    everywhere that were assigned before `spread_by`, in seconds since the epoch. Raises CannotProceed."""
    resource, pin = credible(resource, terms.owner(resource)), None
    goal = reconcile_goal(resource, terms, issuer, spread_by=spread_by)
    for _ in range(3):  # once more after a lost status, and once more after one that named another's identity
        observation = await observe(azure, kube, where_to_look(resource, goal, terms.policy), told)
        other = other_identity(resource, goal, observation.have.identity)
        if other is None:
            break
        resource, pin = other
        goal = reconcile_goal(resource, terms, issuer, pin, spread_by=spread_by)
    host = observation.account.blob_host if observation.account else None
    if host and host != goal.desired.storage.blob_host:
        goal = reconcile_goal(resource, terms, issuer, pin, host, spread_by=spread_by)
    return Aim(resource, goal, observation)
