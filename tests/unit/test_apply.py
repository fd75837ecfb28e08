"""Changes are applied stage by stage: which changes a failure stops, and what has ended when apply returns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitlab_azure_identity.api.conditions import Link
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.domain import naming
from gitlab_azure_identity.domain.changes import Change, Revocation
from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.goal import Goal
from gitlab_azure_identity.domain.observed import Assignment, Observed
from gitlab_azure_identity.domain.plan import plan
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.apply import apply
from gitlab_azure_identity.reconcile.context import AzureWrites as Azure
from gitlab_azure_identity.reconcile.context import KubeWrites as Kube
from gitlab_azure_identity.waiting import finished

from .worlds import ISSUER, deletion, goal, standing, wanted

WANT = wanted()
HAVE = standing(WANT)
FORMER = Credential(
    f"{naming.credential_prefix(ISSUER, 'gitlab', 'gitlab')}former",
    ISSUER,
    "system:serviceaccount:gitlab:former",
    "api://AzureADTokenExchange",
)
OLD = replace(HAVE.assignments[0], scope=replace(HAVE.assignments[0].scope, account="oldstore"))

Act = Callable[..., Awaitable[Any]]


async def well(*_: Any) -> None:
    """Every request succeeds."""


async def forbidden(*_: Any) -> None:
    raise AzureError("AuthorizationFailed", 403, "no")


async def conflict(*_: Any) -> None:
    raise ClusterError(409, "Conflict", "Apply failed with 1 conflict")


async def same(_owner: object, change: Any) -> Any:
    return HAVE.objects["ServiceAccount", change.name]


class Fakes:
    """Azure and a cluster in which each request does what the test says, and is noted when it has ended. `regions` are those that
    are known to have federated credentials."""

    def __init__(self, **acts: Act) -> None:
        self.done: list[str] = []
        self.regions: tuple[str, ...] = ()
        self._acts = acts
        self.azure = cast(
            "Azure",
            SimpleNamespace(
                identities=SimpleNamespace(put=self._act("put_identity"), delete=self._act("delete_identity")),
                credentials=SimpleNamespace(
                    put=self._act("put_credential"),
                    delete=self._act("delete_credential"),
                    offered_in=lambda region: region in self.regions,
                ),
                roles=SimpleNamespace(
                    put=self._act("put_assignment", self._assignment), delete=self._act("delete_assignment")
                ),
            ),
        )
        self.kube = cast(
            "Kube",
            SimpleNamespace(
                objects=SimpleNamespace(
                    apply_service_account=self._act("apply_service_account", same), delete=self._act("delete_object")
                )
            ),
        )

    def _act(self, name: str, usual: Act = well) -> Act:
        async def act(*arguments: Any) -> Any:
            answer = await self._acts.get(name, usual)(*arguments)
            self.done.append(name)
            return answer

        return act

    @staticmethod
    async def _assignment(change: Any) -> Assignment:
        return Assignment(change.name, change.grant.role.guid, change.grant.scope, change.principal_id, "")


async def made(fakes: Fakes, to: Goal, have: Any) -> tuple[list[str], list[str]]:
    """The changes that were made, and the reasons of those that failed."""
    _, _, failed = await apply(fakes.azure, fakes.kube, to, plan(to, have), have)
    return fakes.done, [failure.reason for _, failure in failed]


HELMS = wanted({"serviceAccounts": [{"name": "gitlab", "management": "Annotate"}]})


async def test_a_failure_at_one_link_does_not_stop_removals_at_another() -> None:
    """Another field manager owns the annotation: a former service account still loses its credential."""
    have = standing(HELMS)
    account = replace(have.objects["ServiceAccount", "gitlab"], annotations={})
    have = replace(have.with_object(account), credentials=(*have.credentials, FORMER))

    done, failed = await made(Fakes(apply_service_account=conflict), goal(HELMS), have)

    assert done == ["delete_credential"]
    assert failed == ["FieldConflict"]


async def test_the_old_is_kept_while_the_new_cannot_be_made() -> None:
    """GitLab may still be using its former role on the account."""
    have = replace(HAVE, assignments=(OLD,))

    done, failed = await made(Fakes(put_assignment=forbidden), goal(), have)

    assert done == []
    assert failed == ["AuthorizationFailed"]


async def test_nothing_is_created_for_an_identity_that_could_not_be_created() -> None:
    """Secrets are of no use without the client ID of an identity."""
    fakes = Fakes(put_identity=forbidden)

    _, done, failed = await apply(fakes.azure, fakes.kube, goal(), plan(goal(), Observed()), Observed())

    assert done == ()
    assert [failure.reason for _, failure in failed] == ["AuthorizationFailed"]
    assert fakes.done == []


async def no_credentials_there(*_: Any) -> None:
    raise AzureError("MethodNotAllowed", 405, "Support for federated identity credentials not enabled")


@pytest.mark.parametrize(
    ("have", "done"),
    [
        (Observed(identity=HAVE.identity), []),
        # somebody trusts this identity already, so its region has federated credentials
        (replace(HAVE, credentials=(FORMER,), assignments=()), ["put_assignment"]),
    ],
)
async def test_where_azure_has_no_federated_credentials_nothing_else_is_made(have: Observed, done: list[str]) -> None:
    found, failed = await made(Fakes(put_credential=no_credentials_there), goal(), have)

    assert found == done
    assert failed == ["RegionNotSupported"]


async def test_where_azure_is_known_to_have_them_the_first_credential_is_written_beside_the_role() -> None:
    """Otherwise each creation would take one answer of Azure longer."""
    both = asyncio.Barrier(2)

    async def together(*_: Any) -> None:
        await both.wait()

    async def assigned(change: Any) -> Assignment:
        await both.wait()
        return await Fakes._assignment(change)

    have = replace(HAVE, credentials=(), assignments=())
    fakes = Fakes(put_credential=together, put_assignment=assigned)
    fakes.regions = ("westeurope",)
    async with asyncio.timeout(5):
        done, failed = await made(fakes, goal(), have)

    assert (sorted(done), failed) == (["put_assignment", "put_credential"], [])


async def test_another_refusal_of_the_first_credential_stops_no_other_link() -> None:
    have = replace(HAVE, credentials=(), assignments=())

    done, failed = await made(Fakes(put_credential=forbidden), goal(), have)

    assert done == ["put_assignment"]
    assert failed == ["AuthorizationFailed"]


async def test_a_deletion_keeps_its_order_whatever_fails() -> None:
    """An identity stays while its assignments cannot be removed. Otherwise they would be orphans."""
    done, failed = await made(Fakes(delete_assignment=forbidden), deletion(), HAVE)

    assert done == []
    assert failed == ["AuthorizationFailed"]


ERRORS = st.none() | st.builds(
    AzureError,
    st.sampled_from(["NotFound", "ScopeLocked", "AuthorizationFailed", "Conflict", "", "Odd"]),
    st.integers(400, 599),
    st.just("what Azure said"),
)
REQUESTS = [
    "put_identity",
    "put_credential",
    "put_assignment",
    "delete_assignment",
    "delete_credential",
    "delete_identity",
]
LINKS = {"credential": Link.CREDENTIALS, "assignment": Link.ROLES, "identity": Link.IDENTITY}


def failing(errors: dict[str, AzureError | None]) -> Fakes:
    """Requests that fail with these errors."""

    def act(error: AzureError) -> Act:
        async def fail(*_: Any) -> None:
            raise error

        return fail

    return Fakes(**{name: act(error) for name, error in errors.items() if error is not None})


@given(st.fixed_dictionaries(dict.fromkeys(REQUESTS, ERRORS)))
def test_whatever_azure_answers_nothing_is_removed_before_what_replaces_it(
    errors: dict[str, AzureError | None],
) -> None:
    have = replace(HAVE, credentials=(FORMER,), assignments=(OLD,))
    fakes = failing(errors)

    _, done, failed = asyncio.run(apply(fakes.azure, fakes.kube, goal(), plan(goal(), have), have))

    unmade = {LINKS[name.removeprefix("put_")] for name, error in errors.items() if error and name.startswith("put_")}
    assert not [change for change in done if isinstance(change, Revocation) and change.link in unmade]
    assert all(errors[f"{change.verb.replace('write', 'put')}_{_kind(change)}"] for change, _ in failed)


def _kind(change: Change) -> str:
    return next(kind for kind, link in LINKS.items() if link is change.link)


@given(st.fixed_dictionaries(dict.fromkeys(REQUESTS, ERRORS)))
def test_whatever_azure_answers_a_deletion_leaves_no_orphan(errors: dict[str, AzureError | None]) -> None:
    have = replace(HAVE, objects={})
    fakes = failing(errors)

    _, done, _ = asyncio.run(apply(fakes.azure, fakes.kube, deletion(), plan(deletion(), have), have))

    gone = {type(change).__name__ for change in done}
    assert "DeleteIdentity" not in gone or {"DeleteAssignment", "DeleteCredential"} <= gone


@pytest.mark.parametrize("quick", ["put_credential", "put_assignment"])
async def test_a_cancelled_pass_waits_for_every_request_that_was_sent(quick: str) -> None:
    """The lock is released after that, and a deletion must find everything that was created."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(change: Any, *_: Any) -> Any:
        async def request() -> Any:
            begun.set()
            await go.wait()
            return await Fakes._assignment(change) if quick == "put_credential" else None

        return await finished(request(), asyncio.timeout(30))

    async def waiting(*_: Any) -> None:
        await asyncio.Event().wait()

    other = {"put_credential": "put_assignment", "put_assignment": "put_credential"}[quick]
    fakes = Fakes(**{quick: waiting, other: slow})
    have = replace(HAVE, credentials=(FORMER,), assignments=())
    leaving = asyncio.ensure_future(apply(fakes.azure, fakes.kube, goal(), plan(goal(), have), have))
    await begun.wait()

    leaving.cancel()
    await asyncio.wait([leaving], timeout=0.01)
    assert not leaving.done()
    go.set()
    await asyncio.wait([leaving], timeout=5)

    assert leaving.cancelled()
