"""Two resources that want one identity name at the same moment: Azure's PUT would let both think that they created it."""

from gitlab_azure_identity.azure.identities import Claims

NAME = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gitlab"
FIRST, SECOND = ("lab", "one", "gitlab"), ("lab", "two", "gitlab")


def test_the_second_is_told_to_look_again() -> None:
    claims = Claims()

    assert [claims.hold(NAME, FIRST), claims.hold(NAME.upper(), SECOND), claims.hold(NAME, FIRST)] == [
        True,
        False,
        True,
    ]


def test_what_is_deleted_is_free_at_once() -> None:
    claims = Claims()
    claims.hold(NAME, FIRST)

    claims.drop(NAME)

    assert claims.hold(NAME, SECOND)


def test_what_went_by_other_hands_is_free_after_a_while() -> None:
    now = [0.0]
    claims = Claims(seconds=600.0, clock=lambda: now[0])
    claims.hold(NAME, FIRST)

    now[0] = 599.0
    early = claims.hold(NAME, SECOND)
    now[0] = 600.0

    assert (early, claims.hold(NAME, SECOND)) == (False, True)
