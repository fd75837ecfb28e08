"""The issuer of the cluster's tokens: what a pass and a deletion make of each answer of the API server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from gitlab_azure_identity.clock import Clock
from gitlab_azure_identity.domain.findings import CannotProceed
from gitlab_azure_identity.kube.client import ClusterError
from gitlab_azure_identity.reconcile.context import Context
from gitlab_azure_identity.reconcile.issuer import Issuer

from .worlds import ISSUER, resource

RECORDED = resource(status={"issuer": ISSUER}, deleting=True)
NEVER_RECORDED = resource(deleting=True)
BUSY = ClusterError(503, "ServiceUnavailable", "starting")
FORBIDDEN = ClusterError(403, "Forbidden", 'User "x" cannot get path "/.well-known/openid-configuration"')


class ApiServer:
    """Gives the issuer, or an error, and counts the requests."""

    def __init__(self, answer: str | ClusterError | None, setting: str | None = None) -> None:
        self.answer, self.asked, self.time = answer, 0, 0.0
        clock = Clock(steady=lambda: self.time)
        context = SimpleNamespace(issuer=setting, kube=SimpleNamespace(tokens=self), clock=clock)
        self.known = Issuer(cast("Context", context))

    async def issuer(self) -> str | None:
        self.asked += 1
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


async def test_a_setting_needs_no_answer() -> None:
    server = ApiServer(BUSY, setting="https://proxy.example/")

    assert await server.known.current() == "https://proxy.example/"
    assert server.asked == 0


async def test_it_is_asked_for_once_a_minute() -> None:
    server = ApiServer(ISSUER)

    for seconds in (0.0, 60.0, 61.0):
        server.time = seconds
        assert await server.known.current() == ISSUER

    assert server.asked == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "IssuerUnknown"),
        ("kubernetes/serviceaccount", "IssuerUnknown"),
        ("http://in.clear.text/", "IssuerUnknown"),
        (FORBIDDEN, "IssuerUnknown"),
        (BUSY, "ClusterUnavailable"),
    ],
)
async def test_without_an_issuer_a_pass_stops(answer: str | ClusterError | None, reason: str) -> None:
    with pytest.raises(CannotProceed) as stop:
        await ApiServer(answer).known.current()

    assert stop.value.failure.reason == reason


@pytest.mark.parametrize("answer", [None, FORBIDDEN])
async def test_a_deletion_goes_by_the_issuer_on_record(answer: ClusterError | None) -> None:
    server = ApiServer(answer)

    assert await server.known.of_a_deletion(RECORDED) == ISSUER
    assert await server.known.of_a_deletion(NEVER_RECORDED) == ""


async def test_a_deletion_waits_for_an_api_server_that_does_not_answer_now() -> None:
    """The record may be older than what the cluster would say."""
    with pytest.raises(CannotProceed) as stop:
        await ApiServer(BUSY).known.of_a_deletion(RECORDED)

    assert stop.value.failure.reason == "ClusterUnavailable"
