"""The request rates Azure publishes, as token buckets.

Resource Manager (request limits and throttling): per subscription, principal and kind of operation a bucket of 250
reads that refills at 25 a second; 200 and 10 for writes and for deletes. Microsoft.ManagedIdentity (considerations for
workload identity federation) publishes rates only, in requests a second for the tenant, a subscription and a single
resource. It does not publish the size of a burst; the lab allows what accrues in BURST seconds.
"""

import math
from dataclasses import dataclass

from lab.azure.resource_manager.errors import ArmError
from lab.azure.settings import Clock

BURST = 10
"""Seconds."""

ARM = {"reads": (250.0, 25.0), "writes": (200.0, 10.0), "deletes": (200.0, 10.0)}
"""Kind of operation -> size of the bucket, refill a second."""
IDENTITY = {
    "write": {"tenant": 10.0, "subscription": 2.0, "resource": 0.25},
    "get": {"tenant": 30.0, "subscription": 10.0, "resource": 0.5},
    "list": {"tenant": 15.0, "subscription": 5.0, "resource": 0.25},
    "delete": {"tenant": 10.0, "subscription": 2.0, "resource": 0.25},
}


@dataclass
class Bucket:
    size: float
    rate: float
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now

    def wait(self) -> float:
        """Seconds until the bucket has a token."""
        return max(0.0, (1 - self.level) / self.rate)


class Throttle:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def reset(self) -> None:
        """Fill all buckets."""
        self._buckets.clear()

    def admit(self, method: str, principal_id: str, identity_operation: str | None, resource: str) -> None:
        """Take a token from every bucket that a request counts towards, or from none.

        Raises:
            ArmError: a bucket is empty. The answer is 429 with Retry-After.
        """
        kind = arm_kind(method)
        buckets = [self._bucket(("arm", principal_id, kind), *ARM[kind])]
        if identity_operation is not None:
            rates = IDENTITY[identity_operation]
            for level, rate in rates.items():
                key = ("msi", identity_operation, level, resource if level == "resource" else "")
                buckets.append(self._bucket(key, max(1.0, rate * BURST), rate))
        wait = max(bucket.wait() for bucket in buckets)
        if wait > 0:
            raise ArmError(
                429,
                "TooManyRequests",
                "The request is being throttled as the limit has been reached for operation type - "
                f"{identity_operation or kind}. Please try again after the time that Retry-After says.",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        for bucket in buckets:
            bucket.level -= 1

    def remaining(self, method: str, principal_id: str) -> int:
        """The tokens in Resource Manager's own bucket."""
        kind = arm_kind(method)
        return int(self._bucket(("arm", principal_id, kind), *ARM[kind]).level)

    def _bucket(self, key: tuple[str, ...], size: float, rate: float) -> Bucket:
        now = self._clock.steady()
        bucket = self._buckets.setdefault(key, Bucket(size, rate, size, now))
        bucket.refill(now)
        return bucket


def arm_kind(method: str) -> str:
    return {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
