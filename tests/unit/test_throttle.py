"""The throttle: Azure's published rates, by a clock that the test turns."""

from __future__ import annotations

import pytest

from gitlab_azure_identity.azure.throttle import ARM_RATES, RATES, Bucket, Throttle

SUBSCRIPTION = "https://management.azure.com/subscriptions/1111"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
IDENTITY = f"{GROUP}/gitlab"
CREDENTIALS = f"{IDENTITY}/federatedIdentityCredentials"
VERSION = "?api-version=2024-11-30"


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_at_once_and_the_rest_at_the_rate() -> None:
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


def test_without_a_rate_nothing_waits_but_retry_after_is_obeyed() -> None:
    clock = Clock()
    bucket = Bucket(rate=None, burst=1.0, clock=clock)

    free = [bucket.take() for _ in range(1000)]
    bucket.shut(5.0)

    assert set(free) == {0.0}
    assert bucket.take() == 5.0


@pytest.mark.parametrize(
    ("method", "url", "kind", "of_identity"),
    [
        ("PUT", IDENTITY, "write", True),
        ("PATCH", IDENTITY, "write", True),
        ("GET", IDENTITY, "get", True),
        ("DELETE", IDENTITY, "delete", True),
        ("PUT", f"{CREDENTIALS}/gai-1-gitlab", "write", True),
        ("GET", f"{CREDENTIALS}/gai-1-gitlab", "get", True),
        ("DELETE", f"{CREDENTIALS}/gai-1-gitlab", "delete", True),
        ("GET", CREDENTIALS, "list", True),
        ("GET", f"{CREDENTIALS}/", "list", True),
        ("GET", GROUP, "list", False),
        ("GET", GROUP.upper().replace("HTTPS://MANAGEMENT.AZURE.COM", "https://management.azure.com"), "list", False),
    ],
)
def test_kinds_of_requests(method: str, url: str, kind: str, of_identity: bool) -> None:
    rates = [bucket.rate for bucket in Throttle().buckets(method, url + VERSION)]

    subscription, identity = RATES[kind]
    assert rates == ([subscription, identity] if of_identity else [subscription])


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
    """Microsoft Learn, "Managed identities: request limits": a second and subscription, a second and identity."""
    assert RATES == {"write": (2.0, 0.25), "delete": (2.0, 0.25), "get": (10.0, 0.5), "list": (5.0, 0.25)}


def test_who_shares_a_bucket() -> None:
    throttle = Throttle()

    (subscription, identity) = throttle.buckets("PUT", IDENTITY)
    (same_subscription, other) = throttle.buckets("PUT", f"{GROUP}/other")
    (_, credential) = throttle.buckets("PUT", f"{CREDENTIALS.upper()}/x".replace("HTTPS", "https"))
    (reading, _) = throttle.buckets("GET", IDENTITY)

    assert same_subscription is subscription
    assert other is not identity
    assert credential is identity
    assert reading is not subscription


def test_bursts_are_settings() -> None:
    (subscription, identity) = Throttle(True, identity_burst=4, subscription_burst=20).buckets("PUT", IDENTITY)

    assert (subscription.burst, identity.burst) == (20, 4)


def test_an_identity_that_is_gone_leaves_no_bucket_behind() -> None:
    throttle = Throttle()
    before = throttle.buckets("PUT", IDENTITY)

    throttle.forget(IDENTITY.removeprefix("https://management.azure.com"))
    after = throttle.buckets("PUT", IDENTITY)

    assert after[0] is before[0]
    assert after[1] is not before[1]
