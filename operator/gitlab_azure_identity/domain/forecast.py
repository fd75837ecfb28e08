"""What a pass would do and find, before anything of it is done: the plan, and what follows once the identity is there."""

from collections.abc import Sequence
from dataclasses import replace

from gitlab_azure_identity.api.conditions import Link, Place
from gitlab_azure_identity.domain.changes import Change, PutIdentity
from gitlab_azure_identity.domain.findings import Finding, stopped
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.judge import PassRecord, judge
from gitlab_azure_identity.domain.observed import Identity, Observation, Observed
from gitlab_azure_identity.domain.plan import nothing_to_grant, plan_without

UNKNOWN = "(known once it is created)"  # of an identity that Azure has not made yet


def forecast(goal: Goal, observation: Observation) -> tuple[Change, ...]:
    """The changes of a pass, each in its place. They are none while there is no storage account to grant access to. Changes of
    links that could not be seen are left out. An access key that goes once pods carry the identity and access is proven is one of
    them."""
    if nothing_to_grant(goal, observation):
        return ()
    have, unseen = replace(observation.have, mounting=()), observation.unseen
    goal = replace(goal, proven=True)
    changes = plan_without(unseen, goal, have)
    created = _created(changes)
    if created:
        changes += plan_without(unseen, goal, with_identity(have, created))
    return tuple(changes)


def _created(changes: Sequence[Change]) -> PutIdentity | None:
    """The change that creates the identity. One that only adds tags does not."""
    return next((one for one in changes if isinstance(one, PutIdentity) and not one.missing), None)


def with_identity(have: Observed, change: PutIdentity) -> Observed:
    """The world with the identity that a change creates. Azure chooses its client ID and its principal ID."""
    wanted = change.identity
    made = Identity(str(wanted.id), wanted.name, wanted.location, change.tags, UNKNOWN, UNKNOWN, UNKNOWN)
    return replace(have, identity=made, credentials=(), credentials_seen=True)


def foreseen(goal: Goal, observation: Observation) -> tuple[Finding, ...]:
    """A finding for each link that a plan can establish, while nobody carries the plan out."""
    absent = nothing_to_grant(goal, observation)
    if absent and observation.have.identity is None:
        return tuple(one for one in stopped(Link.ROLES, absent) if one.link.planned)
    unseen = {**observation.unseen, Link.ROLES: absent} if absent else observation.unseen
    return judge(goal, observation.have, PassRecord(unseen, (), observation.former, foreseen=True))


def foreseen_with_identity(goal: Goal, observation: Observation) -> tuple[Finding, ...]:
    """The same, where the pass would create the identity as well: what is in the cluster is judged as it is once the identity is
    there, since an object of somebody else then is in the way."""
    seen = foreseen(goal, observation)
    created = _created(plan_without(observation.unseen, goal, observation.have))
    if created is None or nothing_to_grant(goal, observation):
        return seen
    then = foreseen(goal, replace(observation, have=with_identity(observation.have, created)))
    return tuple(later if now.link.place is Place.CLUSTER else now for now, later in zip(seen, then, strict=True))
