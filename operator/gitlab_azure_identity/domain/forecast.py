"""Everything that a pass would do, before anything of it is done: the plan, and what follows once the identity is there."""

from dataclasses import replace

from gitlab_azure_identity.domain.changes import Change, PutIdentity
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Identity, Observation, Observed
from gitlab_azure_identity.domain.plan import nothing_to_grant, plan_without

UNKNOWN = "(known once it is created)"  # of an identity that Azure has not made yet


def forecast(goal: Goal, observation: Observation) -> tuple[Change, ...]:
    """The changes of a pass, each in its place. They are none while there is no storage account to grant access to. Changes of
    links that could not be seen are left out."""
    if nothing_to_grant(goal, observation):
        return ()
    have, unseen = observation.have, observation.unseen
    changes = plan_without(unseen, goal, have)
    created = next((one for one in changes if isinstance(one, PutIdentity) and not one.missing), None)
    if created:
        changes += plan_without(unseen, goal, with_identity(have, created))
    return tuple(changes)


def with_identity(have: Observed, change: PutIdentity) -> Observed:
    """The world with the identity that a change creates. Azure chooses its client ID and its principal ID."""
    wanted = change.identity
    made = Identity(str(wanted.id), wanted.name, wanted.location, change.tags, UNKNOWN, UNKNOWN, UNKNOWN)
    return replace(have, identity=made, credentials=(), credentials_seen=True)
