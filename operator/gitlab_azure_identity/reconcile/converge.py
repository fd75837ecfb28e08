"""From what was observed to the goal: plan, apply, and plan again. The only place that writes the objects of a resource that is
kept."""

from dataclasses import dataclass

from gitlab_azure_identity.domain.assessment import reverted
from gitlab_azure_identity.domain.changes import Change
from gitlab_azure_identity.domain.findings import Failure
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord
from gitlab_azure_identity.domain.observed import Observation, Observed
from gitlab_azure_identity.domain.plan import plan_without
from gitlab_azure_identity.reconcile.apply import apply, is_of_no_use
from gitlab_azure_identity.reconcile.context import AzureWrites, KubeWrites

ROUNDS = 5  # plans in a pass: the identity, what depends on it, removals, and room for one surprise


@dataclass(frozen=True)
class Converged:
    """The end of converging: what exists now, the changes that were made, the failures, and the changes that are still planned
    for links that were seen."""

    have: Observed
    done: tuple[Change, ...]
    record: PassRecord
    pending: tuple[Change, ...]


async def converge(
    azure: AzureWrites, kube: KubeWrites, goal: Goal, observation: Observation, *, write: bool
) -> Converged:
    """Carry out plan after plan, until a plan has no change that can be made. With `write` off nothing is carried out."""
    have = observation.have
    done, failed = list[Change](), list[tuple[Change, Failure]]()
    for _ in range(ROUNDS if write else 0):
        out_of_reach = observation.unseen.keys() | {change.link for change, _ in failed}
        changes = [change for change in plan_without(out_of_reach, goal, have) if change not in done]
        if not changes or is_of_no_use(have, failed):
            break
        have, made, failed_now = await apply(azure, kube, goal, changes, have)
        done += made
        failed += failed_now
    pending = tuple(plan_without(observation.unseen.keys(), goal, have))
    record = PassRecord(observation.unseen, [*failed, *reverted(done, pending)], observation.former)
    return Converged(have, tuple(done), record, pending)
