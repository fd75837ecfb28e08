"""The throttle: Azure's published rates, with a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core.pipeline import PipelineContext, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import HttpRequest
from prometheus_client import REGISTRY

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.azure.throttle import ARM_RATES, PATIENCE, RATES, Bucket, Throttle, ThrottlePolicy
from gitlab_azure_identity.clock import Clock as ProcessClock
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.progress import Progress, observed

SUBSCRIPTION = "https://management.azure.com/subscriptions/1111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
IDENTITY = f"{GROUP}/gitlab"
CREDENTIALS = f"{IDENTITY}/federatedIdentityCredentials"
VERSION = "?api-version=2024-11-30"


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_sent_at_once_and_the_rest_at_the_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, clock=Clock())

    assert [bucket.take() for _ in range(6)] == [0.0, 0.0, 0.0, 0.5, 1.0, 1.5]


def test_tokens_come_back_with_time_but_no_more_than_the_burst() -> None:
    clock = Clock()
    bucket = Bucket(rate=0.25, burst=2.0, clock=clock)
    waits = [bucket.take() for _ in range(3)]

    clock.now += 4.0  # the token that was taken in advance
    waits.append(bucket.take())
    clock.now += 3600.0
    waits += [bucket.take() for _ in range(3)]

    assert waits == [0.0, 0.0, 4.0, 4.0, 0.0, 0.0, 4.0]


def test_retry_after_shuts_the_bucket_for_all() -> None:
    clock = Clock()
    bucket = Bucket(rate=10.0, burst=10.0, clock=clock)

    bucket.shut(17.0)
    first = bucket.take()
    clock.now += 10.0
    later = bucket.take()
    bucket.shut(2.0)  # a shorter wait does not open it earlier
    still = bucket.take()
    clock.now += 7.0

    assert (first, later, still, bucket.take()) == (17.0, 7.0, 7.0, 0.0)


def test_without_a_rate_requests_wait_only_for_retry_after() -> None:
    clock = Clock()
    bucket = Bucket(rate=None, burst=1.0, clock=clock)

    free = [bucket.take() for _ in range(1000)]
    bucket.shut(5.0)

    assert set(free) == {0.0}
    assert bucket.take() == 5.0


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("PUT", IDENTITY, "write"),
        ("PATCH", IDENTITY, "write"),
        ("GET", IDENTITY, "get"),
        ("DELETE", IDENTITY, "delete"),
        ("PUT", f"{CREDENTIALS}/gai-1-gitlab", "write"),
        ("GET", f"{CREDENTIALS}/gai-1-gitlab", "get"),
        ("DELETE", f"{CREDENTIALS}/gai-1-gitlab", "delete"),
        ("GET", CREDENTIALS, "list"),
        ("GET", f"{CREDENTIALS}/", "list"),
    ],
)
def test_kinds_of_requests(method: str, url: str, kind: str) -> None:
    rates = tuple(bucket.rate for bucket in Throttle().buckets(method, url + VERSION))

    assert rates == RATES[kind]


STORAGE = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/gitlabstore"


@pytest.mark.parametrize(
    ("method", "url", "kind"),
    [
        ("GET", STORAGE, "arm read"),
        ("GET", f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments", "arm read"),
        ("PUT", f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments/11111111", "arm write"),
        ("DELETE", f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments/11111111", "arm delete"),
    ],
)
def test_other_providers_share_a_bucket_a_subscription(method: str, url: str, kind: str) -> None:
    (bucket,) = Throttle().buckets(method, url + VERSION)

    assert (bucket.rate, bucket.burst) == ARM_RATES[kind]


def test_requests_without_a_subscription_are_not_throttled() -> None:
    assert Throttle().buckets("POST", "https://login.microsoftonline.com/tenant/oauth2/v2.0/token") == []


def test_published_rates() -> None:
    """Microsoft Learn, "Important considerations and restrictions for federated identity credentials": a second and
    subscription, a second and resource."""
    assert RATES == {"write": (2.0, 0.25), "delete": (2.0, 0.25), "get": (10.0, 0.5), "list": (5.0, 0.25)}


def test_requests_that_share_a_bucket() -> None:
    throttle = Throttle()

    (subscription, identity) = throttle.buckets("PUT", IDENTITY)
    (same_subscription, other) = throttle.buckets("PUT", f"{GROUP}/other")
    (_, credential) = throttle.buckets("PUT", f"{CREDENTIALS.upper()}/x".replace("HTTPS", "https"))
    (reading, _) = throttle.buckets("GET", IDENTITY)

    assert same_subscription is subscription
    assert other is not identity
    assert credential is identity
    assert reading is not subscription


def test_identities_of_one_name_in_two_groups_are_two() -> None:
    throttle = Throttle()

    (_, identity) = throttle.buckets("PUT", IDENTITY)
    (_, namesake) = throttle.buckets("PUT", IDENTITY.replace("/rg/", "/rg-2/"))

    assert namesake is not identity


def test_bursts_are_settings() -> None:
    (subscription, identity) = Throttle(True, identity_burst=4, subscription_burst=20).buckets("PUT", IDENTITY)

    assert (subscription.burst, identity.burst) == (20, 4)


def test_a_deleted_identity_has_no_bucket() -> None:
    throttle = Throttle()
    before = throttle.buckets("PUT", IDENTITY)

    throttle.forget(IdentityId.parse(IDENTITY.removeprefix("https://management.azure.com").partition("?")[0]))
    after = throttle.buckets("PUT", IDENTITY)

    assert after[0] is before[0]
    assert after[1] is not before[1]


class Azure(AsyncHTTPPolicy[HttpRequest, Any]):
    """The stage behind the throttle: it notes when a request arrives, and gives the next answer, or 200."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.arrivals: list[float] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, Any]:
        self.arrivals.append(self._clock.now - 1000.0)
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return PipelineResponse(request.http_request, Answer(status, headers), request.context)


class Answer:
    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status_code, self.headers = status, headers


class Requests:
    """The policy before Azure, with a clock that moves on during each sleep. `meanwhile` is done in the first sleep."""

    def __init__(self, *, published: bool = False) -> None:
        self.clock = Clock()
        self.azure = Azure(self.clock)
        self.throttle = Throttle(published, clock=self.clock)
        self.policy = ThrottlePolicy(self.throttle, sleep=self._sleep)
        self.policy.next = self.azure
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def _sleep(self, seconds: float) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        until = self.clock.now + seconds
        if meanwhile:
            await meanwhile()
        self.clock.now = max(self.clock.now, until)

    async def send(self, method: str = "PUT", url: str = IDENTITY) -> int:
        context = PipelineContext(None)
        response = await self.policy.send(PipelineRequest(HttpRequest(method, url + VERSION), context))
        status: int = response.http_response.status_code
        return status

    def refuse(self, retry_after: float | None) -> None:
        """Let Azure answer the next request with 429."""
        self.azure.answers.append((429, {} if retry_after is None else {"Retry-After": str(retry_after)}))


async def test_requests_are_sent_at_the_rate() -> None:
    requests = Requests(published=True)

    for _ in range(4):
        await requests.send()

    assert requests.azure.arrivals == [0.0, 0.0, 4.0, 8.0]


async def test_a_wait_for_the_rate_is_counted_and_is_no_silence_of_its_pass() -> None:
    requests, progress, silences = Requests(published=True), Progress(), list[float]()
    waited = "gitlab_azure_identity_throttle_wait_seconds_total"
    before = REGISTRY.get_sample_value(waited, {"kind": "write"}) or 0.0
    progress.clock = ProcessClock(steady=requests.clock)
    progress.sign()
    await requests.send()
    await requests.send()

    async def look() -> None:
        requests.clock.now += 3.0
        silences.append(progress.silence)

    requests.meanwhile = look
    with observed(progress):
        await requests.send()

    assert silences == [0.0]
    assert progress.silence == 0.0
    assert REGISTRY.get_sample_value(waited, {"kind": "write"}) == before + 4.0


async def test_the_tokens_that_are_left_are_those_of_the_emptiest_bucket() -> None:
    requests = Requests(published=True)
    requests.throttle.publish()

    def left(kind: str, per: str) -> float | None:
        return REGISTRY.get_sample_value("gitlab_azure_identity_throttle_tokens", {"kind": kind, "per": per})

    assert (left("write", "identity"), left("write", "subscription"), left("arm read", "subscription")) == (2, 10, 250)
    await requests.send()
    await requests.send()
    await requests.send(url=IDENTITY + "2")

    assert (left("write", "identity"), left("write", "subscription")) == (0, 7)
    requests.clock.now += 2.0
    assert (left("write", "identity"), left("write", "subscription")) == (0.5, 10)


async def test_after_a_429_no_request_is_sent_before_retry_after() -> None:
    requests = Requests()
    requests.refuse(7)

    assert [await requests.send(), await requests.send(), await requests.send("GET")] == [429, 200, 200]

    assert requests.azure.arrivals == [0.0, 7.0, 7.0]


async def test_a_429_without_retry_after_shuts_for_a_second() -> None:
    requests = Requests()
    requests.refuse(None)

    await requests.send()
    await requests.send()

    assert requests.azure.arrivals == [0.0, 1.0]


async def test_a_429_during_the_wait_for_a_token_prolongs_the_wait() -> None:
    requests = Requests(published=True)
    await requests.send()
    await requests.send()

    async def refused() -> None:
        requests.clock.now += 1.0
        for bucket in requests.throttle.buckets("PUT", IDENTITY):
            bucket.shut(6.0)

    requests.meanwhile = refused
    await requests.send()

    assert requests.azure.arrivals == [0.0, 0.0, 7.0]


async def test_a_long_retry_after_fails_at_once() -> None:
    requests = Requests()
    requests.refuse(PATIENCE + 1)
    await requests.send()

    with pytest.raises(AzureError) as refusal:
        await requests.send()

    assert (refusal.value.code, refusal.value.status) == ("TooManyRequests", 429)
    assert refusal.value.retry_after == PATIENCE + 1
    assert requests.azure.arrivals == [0.0]


async def test_a_waiting_request_fails_at_a_long_retry_after() -> None:
    requests = Requests(published=True)
    await requests.send()
    await requests.send()

    async def refused() -> None:
        for bucket in requests.throttle.buckets("PUT", IDENTITY):
            bucket.shut(60.0)

    requests.meanwhile = refused
    with pytest.raises(AzureError) as refusal:
        await requests.send()

    assert refusal.value.retry_after == 56.0
    assert requests.azure.arrivals == [0.0, 0.0]


async def test_a_request_that_was_not_sent_gives_its_token_back() -> None:
    requests = Requests(published=True)
    await requests.send()
    await requests.send()

    async def stopped() -> None:
        raise asyncio.CancelledError

    requests.meanwhile = stopped
    with pytest.raises(asyncio.CancelledError):
        await requests.send()
    requests.clock.now += 4.0
    await requests.send()

    assert requests.azure.arrivals == [0.0, 0.0, 4.0]


async def test_without_rates_a_request_that_was_not_sent_has_no_token_to_give_back() -> None:
    """It waits for Retry-After only, as the next one does."""
    requests = Requests()
    requests.refuse(5.0)
    await requests.send()

    async def stopped() -> None:
        raise asyncio.CancelledError

    requests.meanwhile = stopped
    with pytest.raises(asyncio.CancelledError):
        await requests.send()
    await requests.send()

    assert requests.azure.arrivals == [0.0, 5.0]


async def test_a_refusal_of_one_identity_does_not_stop_another_subscription() -> None:
    requests = Requests()
    requests.refuse(7)

    await requests.send()
    await requests.send(url=IDENTITY.replace("1111", "2222"))

    assert requests.azure.arrivals == [0.0, 0.0]
