"""What `kubectl gai plan` finds in what it saw."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.api.reasons import Reason
from gitlab_azure_identity.cli.plan import findings, recorded
from gitlab_azure_identity.domain.findings import good
from gitlab_azure_identity.domain.observed import Observation
from gitlab_azure_identity.domain.status import with_conditions
from gitlab_azure_identity.reconcile.aim import Aim

from .worlds import NOW, body, desired_of, goal, resource, standing

OBSERVED = resource({"roleAssignments": {"management": "Observe"}})
UNSEEN = replace(standing(desired_of(OBSERVED)), assignments=())


@pytest.mark.parametrize(("reason", "found"), [(Reason.ASSIGNED, "NotFound"), (Reason.PROVEN, "Proven")])
def test_what_the_operator_has_proven_is_no_obstacle(reason: Reason, found: str) -> None:
    """A plan tries no access, so it goes by the status. What had been seen and is gone is an obstacle."""
    status = with_conditions(OBSERVED, [good(Link.ROLES, reason, "…")], NOW)
    aim = Aim(replace(OBSERVED, status=status), goal(desired_of(OBSERVED)), Observation(UNSEEN))

    assert next(one.reason for one in findings(aim) if one.link is Link.ROLES) == found


def test_a_file_that_does_not_fit_says_so_also_where_the_resource_exists() -> None:
    planned = recorded(resource({"verification": "Perhaps"}, generation=0), body(generation=3))

    assert (planned.spec, planned.generation) == (None, 4)
    assert planned.unreadable.startswith("spec.verification: Input should be")
