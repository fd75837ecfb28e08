"""Token buckets at the rates that Azure publishes, so that Azure need not refuse requests.

Rates of the managed identity provider: Microsoft Learn, "Important considerations and restrictions for federated identity
credentials", section "Throttling limits" (create or update 2 a second and subscription, 0.25 a second and resource; delete the
same; get 10 and 0.5; list 5 and 0.25). The page gives no burst: that is a setting. Rates of all other requests: Microsoft
Learn, "Understand how Azure Resource Manager throttles requests" (a subscription and principal: reads 25 a second in bursts of
250, writes and deletes 10 in bursts of 200).

The resource of a request is the identity that it names. Requests for its federated credentials count with it: the first edition
of the page gave the same rates for these requests, whose resource can only be the identity."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from gitlab_azure_identity.azure.answers import retry_after
from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.clock import SYSTEM
from gitlab_azure_identity.domain.arm_ids import IdentityId
from gitlab_azure_identity.metrics import THROTTLE_TOKENS, THROTTLE_WAIT
from gitlab_azure_identity.progress import of_turn

# kind of request: a second and subscription, a second and resource
RATES = {"write": (2.0, 0.25), "delete": (2.0, 0.25), "get": (10.0, 0.5), "list": (5.0, 0.25)}
# kind of request: a second and subscription, burst
ARM_RATES = {"arm write": (10.0, 200.0), "arm delete": (10.0, 200.0), "arm read": (25.0, 250.0)}
PATIENCE = 10.0  # seconds
_SUBSCRIPTION = re.compile(r"/subscriptions/(?P<subscription>[^/?]+)", re.IGNORECASE)
_TARGET = re.compile(
    r"(?P<resource>/subscriptions/(?P<subscription>[^/]+)/.*/userassignedidentities/[^/?]+)(?P<tail>/[^?]*)?",
    re.IGNORECASE,
)


@dataclass
class Bucket:
    """Lets `burst` requests through at once, and `rate` a second after that. Without a rate it only stops them while shut."""

    rate: float | None
    burst: float
    clock: Callable[[], float] = SYSTEM.steady
    kind: str = ""
    _level: float = field(init=False)
    _at: float = field(init=False)
    _shut_until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, self.clock()

    def shut_for(self) -> float:
        """Seconds until the bucket opens again, or 0 when it is open."""
        return max(0.0, self._shut_until - self.clock())

    def left(self) -> float:
        """The tokens that may be taken now. Below 0 so many were taken in advance."""
        return min(self.burst, self._level + (self.clock() - self._at) * (self.rate or 0.0))

    def take(self) -> float:
        """Take one token, if need be in advance. Return the seconds until it is available."""
        now = self.clock()
        shut = self.shut_for()
        if self.rate is None:
            return shut
        self._level, self._at = self.left() - 1, now
        return max(shut, -self._level / self.rate)

    def give_back(self) -> None:
        """Put back a token that was taken and not used."""
        if self.rate is not None:
            self._level = min(self.burst, self._level + 1)

    def shut(self, seconds: float) -> None:
        """Let no request through for so many seconds. Azure asked for it, and an earlier request would prolong it."""
        self._shut_until = max(self._shut_until, self.clock() + seconds)


@dataclass
class Throttle:
    """The buckets of one process. With `published` off they have no rates, but Retry-After is still obeyed."""

    published: bool = True
    identity_burst: float = 2.0
    subscription_burst: float = 10.0
    clock: Callable[[], float] = SYSTEM.steady
    _buckets: dict[tuple[str, ...], Bucket] = field(default_factory=dict)

    def buckets(self, method: str, url: str) -> list[Bucket]:
        """The buckets that a request takes a token from: its subscription's and, when it names an identity, the identity's."""
        target = _TARGET.search(url)
        if target is None:
            return self._of_subscription(method, url)
        kind = _kind(method, target)
        of_subscription, of_resource = RATES[kind]
        return [
            self._bucket(kind, target["subscription"], of_subscription, self.subscription_burst),
            self._bucket(kind, target["resource"], of_resource, self.identity_burst),
        ]

    def _of_subscription(self, method: str, url: str) -> list[Bucket]:
        """The bucket of a request that names no identity. A request that names no subscription has none."""
        target = _SUBSCRIPTION.search(url)
        if target is None:
            return []
        kind = {"GET": "arm read", "DELETE": "arm delete"}.get(method, "arm write")
        return [self._bucket(kind, target["subscription"], *ARM_RATES[kind])]

    def _bucket(self, kind: str, name: str, rate: float, burst: float) -> Bucket:
        key = (kind, name.lower())
        if key not in self._buckets:
            self._buckets[key] = Bucket(rate if self.published else None, burst, self.clock, kind)
        return self._buckets[key]

    def publish(self) -> None:
        """Have the metrics show the tokens that are left, where there are rates."""
        bursts = {(kind, "subscription"): burst for kind, (_, burst) in ARM_RATES.items()}
        bursts |= {(kind, "subscription"): self.subscription_burst for kind in RATES}
        bursts |= {(kind, "identity"): self.identity_burst for kind in RATES}
        for (kind, per), burst in bursts.items() if self.published else ():
            THROTTLE_TOKENS.labels(kind, per).set_function(partial(self._left, kind, per, burst))

    def _left(self, kind: str, per: str, burst: float) -> float:
        """The tokens of the emptiest bucket of a kind."""
        buckets = (one for (_, name), one in self._buckets.items() if one.kind == kind and _per(name) == per)
        return min((bucket.left() for bucket in buckets), default=burst)

    def forget(self, identity: IdentityId) -> None:
        """Drop the buckets of an identity that was deleted."""
        for kind in RATES:
            self._buckets.pop((kind, str(identity).lower()), None)


def _per(name: str) -> str:
    """Whose bucket it is: that of an identity, which has an ARM id, or that of a subscription."""
    return "identity" if "/" in name else "subscription"


def _kind(method: str, target: re.Match[str]) -> str:
    if method == "DELETE":
        return "delete"
    if method != "GET":
        return "write"
    listing = (target["tail"] or "").rstrip("/").lower().endswith("credentials")
    return "list" if listing else "get"


class ThrottlePolicy(AsyncHTTPPolicy[HttpRequest, AsyncHttpResponse]):
    """Waits for the buckets before a request, and shuts them when Azure answers 429.

    A request that would have to wait longer than PATIENCE fails as if Azure had refused it. Its pass would keep the place of
    another resource's pass meanwhile."""

    def __init__(self, throttle: Throttle, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        super().__init__()
        self._throttle, self._sleep = throttle, sleep

    async def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, AsyncHttpResponse]:
        buckets = self._throttle.buckets(request.http_request.method, request.http_request.url)
        await self._turn(buckets)
        response = await self.next.send(request)
        if response.http_response.status_code == 429:  # noqa: PLR2004
            for bucket in buckets:
                bucket.shut(retry_after(response.http_response.headers) or 1.0)
        return response

    async def _turn(self, buckets: list[Bucket]) -> None:
        """Wait until each bucket has a token and none is shut. Azure may answer 429 to another request in the meantime, and
        each request after that prolongs the wait that it asks for."""
        _shut_for(buckets)
        wait = max((bucket.take() for bucket in buckets), default=0.0)
        try:
            while wait > 0:
                with of_turn():
                    await self._sleep(wait)
                THROTTLE_WAIT.labels(buckets[0].kind).inc(wait)
                wait = _shut_for(buckets)
        except (asyncio.CancelledError, AzureError):
            for bucket in buckets:
                bucket.give_back()
            raise


def _shut_for(buckets: list[Bucket]) -> float:
    """Seconds until all buckets are open. Raises AzureError when they are more than PATIENCE."""
    seconds = max((bucket.shut_for() for bucket in buckets), default=0.0)
    if seconds > PATIENCE:
        raise AzureError("TooManyRequests", 429, "Azure asked to wait.", seconds)
    return seconds
