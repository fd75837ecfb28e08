"""What the Helm values cannot do, in sentences for a person."""

from __future__ import annotations

from gitlab_azure_identity.domain.gitlab.own_values import own_values
from gitlab_azure_identity.domain.gitlab.use import Use
from gitlab_azure_identity.domain.gitlab.versions import defects, limits


def about_the_values(use: Use) -> tuple[str, ...]:
    """What is left to a person's own values, the limits of an identity, and the defects of the release."""
    own = ", ".join(map(str, own_values(use)))
    left = (f"Your own values must have: {own}.",) if own else ()
    return (*left, *limits(use), *(known.message for known in defects(use)))
