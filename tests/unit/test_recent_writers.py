"""Two resources want the same identity name at the same moment. Azure's PUT would let both think that they created it."""

from gitlab_azure_identity.azure.identities import RecentWriters
from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.arm_ids import IdentityId

IDENTITY = IdentityId("1", "rg", "gitlab")
SHOUTED = IdentityId("1", "RG", "GITLAB")
FIRST, SECOND = ("lab", "one", "gitlab"), ("lab", "two", "gitlab")


def test_the_second_writer_is_refused() -> None:
    writers = RecentWriters(Clock())

    assert writers.admit(IDENTITY, FIRST)
    assert not writers.admit(SHOUTED, SECOND)
    assert writers.admit(IDENTITY, FIRST)


def test_the_name_of_a_deleted_identity_is_free_at_once() -> None:
    writers = RecentWriters(Clock())
    writers.admit(IDENTITY, FIRST)

    writers.forget(IDENTITY)

    assert writers.admit(IDENTITY, SECOND)


def test_the_name_of_an_identity_that_somebody_else_deleted_is_free_after_a_while() -> None:
    now = [0.0]
    writers = RecentWriters(Clock(steady=lambda: now[0]))
    writers.admit(IDENTITY, FIRST)

    now[0] = 599.0
    early = writers.admit(IDENTITY, SECOND)
    now[0] = 600.0

    assert (early, writers.admit(IDENTITY, SECOND)) == (False, True)
