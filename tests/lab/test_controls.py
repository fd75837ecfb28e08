"""The controls of the lab's Azure: its call log, its faults and its delays."""

import asyncio
import time

import aiohttp
import pytest

from lab.controls import Controls, RefusedError

from .cluster import Cluster
from .conftest import NO_DELAYS
from .objects import (
    ACCOUNT,
    GROUP,
    SUBSCRIPTION,
    assignment_path,
    credential_path,
    exchange,
    federate,
    grant,
    identity_path,
    make_identity,
    new_guid,
    new_name,
    subject,
    trust,
)
from .plain import Plain

LIST = "/registry?restype=container&comp=list"


async def test_every_call_is_logged_in_order_with_caller_and_outcome(
    plain: Plain, controls: Controls, cluster: Cluster
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    controls.clear_calls()

    await plain.arm("GET", identity_path("gone"), principal="operator")
    await exchange(plain, identity.client_id, cluster.token(subject("other")))
    await plain.blob("GET", LIST, principal=identity.principal_id)
    await plain.send("GET", "https://management.azure.com/subscriptions?api-version=2021-04-01")

    assert [(call.caller, call.method, call.host, call.status, call.code) for call in controls.calls()] == [
        ("operator", "GET", "management.azure.com", 404, "ResourceNotFound"),
        (identity.name, "POST", "login.microsoftonline.com", 401, "AADSTS700213"),
        (identity.name, "GET", "gitlabstore.blob.core.windows.net", 403, "AuthorizationPermissionMismatch"),
        ("", "GET", "management.azure.com", 401, "AuthenticationFailed"),
    ]
    first, _, third, _ = controls.calls()
    assert (first.path, first.query) == (identity_path("gone"), "api-version=2024-11-30")
    assert (third.path, third.query) == ("/registry", "restype=container&comp=list")
    assert abs(first.time - time.time()) < 5
    assert 0 < first.duration < 1


async def test_requests_to_the_controls_and_to_a_clusters_issuer_are_not_logged(
    plain: Plain, controls: Controls, cluster: Cluster
) -> None:
    controls.settings()
    await plain.send("GET", f"{cluster.issuer}.well-known/openid-configuration")

    assert controls.calls() == []


async def test_the_call_log_uses_the_name_that_the_test_gives_a_principal(plain: Plain, controls: Controls) -> None:
    identity = await make_identity(plain)
    controls.name_principal("gitlab", identity.principal_id)
    controls.clear_calls()

    await plain.send(
        "GET",
        "https://management.azure.com/subscriptions?api-version=2021-04-01",
        headers={"Authorization": f"Bearer {controls.token('https://management.azure.com/', 'gitlab')}"},
    )

    assert [call.caller for call in controls.calls()] == ["gitlab"]


async def test_a_fault_applies_as_often_as_asked_and_only_to_requests_that_match(
    plain: Plain, controls: Controls
) -> None:
    path = assignment_path(ACCOUNT, new_guid())
    body = grant(new_guid(), "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", principalType="ServicePrincipal")
    controls.add_fault("PUT */roleAssignments/*", status=429, code="TooManyRequests", retry_after=2, times=2)

    other = await plain.arm("GET", path)
    first, second, third = [await plain.arm("PUT", path, body) for _ in range(3)]

    assert other.status == 404
    for reply in (first, second):
        assert (reply.status, reply.code, reply.headers["Retry-After"]) == (429, "TooManyRequests", "2")
    assert third.status == 201
    assert [call.code for call in controls.calls()] == ["RoleAssignmentNotFound", *["TooManyRequests"] * 2, ""]


async def test_a_fault_answers_in_the_format_of_the_service(plain: Plain, controls: Controls) -> None:
    controls.add_fault("POST login.microsoftonline.com/*/token", status=503, code="AADSTS90033", message="Try later.")
    controls.add_fault("GET *.blob.core.windows.net/registry", status=503, code="ServerBusy", message="Too busy.")

    entra = await exchange(plain, new_guid(), "x")
    blob = await plain.blob("GET", LIST)

    assert (entra.status, entra.body["error_codes"]) == (503, [90033])
    assert entra.body["error_description"].startswith("AADSTS90033: Try later. Trace ID: ")
    assert (blob.status, blob.headers["x-ms-error-code"]) == (503, "ServerBusy")
    assert "<Message>Too busy.\n" in blob.text


async def test_a_reset_drops_the_connection_before_the_request_is_applied(plain: Plain, controls: Controls) -> None:
    name = new_name()
    # Twice: aiohttp itself tries once more when the connection of an idempotent request breaks.
    controls.add_fault("PUT */userAssignedIdentities/*", reset=True, times=2)

    with pytest.raises(aiohttp.ClientOSError, match="Connection reset by peer"):
        await plain.arm("PUT", identity_path(name), {"location": "westeurope"})

    assert (await plain.arm("GET", identity_path(name))).status == 404
    assert [(call.status, call.code) for call in controls.calls()] == [
        (0, "ConnectionReset"),
        (0, "ConnectionReset"),
        (404, "ResourceNotFound"),
    ]


async def test_an_answer_can_be_lost_after_the_request_was_applied(plain: Plain, controls: Controls) -> None:
    name = new_name()
    controls.add_fault("PUT */userAssignedIdentities/*", reset=True, times=2, applied=True)

    with pytest.raises(aiohttp.ClientOSError):
        await plain.arm("PUT", identity_path(name), {"location": "westeurope"})

    assert (await plain.arm("GET", identity_path(name))).status == 200


async def test_a_hanging_request_gets_no_answer_and_is_reset_when_the_faults_are_cleared(
    plain: Plain, controls: Controls
) -> None:
    controls.add_fault("POST */register", hang=True)
    register = f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/register"

    asking = asyncio.create_task(plain.arm("POST", register))
    async with asyncio.timeout(10):
        while await asyncio.to_thread(controls.waiting_faults):  # until the fault has stopped the request
            assert not asking.done()
    assert not asking.done()
    controls.clear_faults()

    with pytest.raises(aiohttp.ClientOSError):
        await asking
    assert (await plain.arm("POST", register)).status == 200


async def test_a_fault_with_only_a_delay_slows_the_answer(plain: Plain, controls: Controls) -> None:
    controls.add_fault("GET */resourceGroups/*", delay=0.2)

    began = time.monotonic()
    reply = await plain.arm("GET", GROUP)

    assert reply.status == 200
    assert time.monotonic() - began >= 0.2


async def test_latency_slows_only_resource_manager(plain: Plain, controls: Controls) -> None:
    identity = (await make_identity(plain)).name
    controls.set(arm_latency=0.3)

    async def seconds(method: str, path: str, json: object = None) -> float:
        began = time.monotonic()
        await plain.arm(method, path, json)
        return time.monotonic() - began

    assert await seconds("GET", identity_path(identity)) >= 0.3
    assert await seconds("PUT", credential_path(identity, "gitlab"), trust("i", "s")) >= 0.3
    controls.set(arm_latency=60)
    async with asyncio.timeout(10):
        await plain.blob("GET", LIST)
        await exchange(plain, new_guid(), "x")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"patience": 1},
            "There is no setting 'patience'. The settings are: arm_latency, assignment_read_lag, clock,",
        ),
        ({"arm_latency": -1}, "Setting arm_latency takes seconds, not -1"),
        ({"arm_latency": "soon"}, "Setting arm_latency takes seconds, not 'soon'"),
    ],
)
def test_an_unknown_or_invalid_setting_is_refused(controls: Controls, values: dict[str, float], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        controls.set(**values)


def test_settings_can_be_written_and_read(controls: Controls) -> None:
    controls.set(arm_latency=0.2, credential_propagation=1.5)

    assert controls.settings() == {**NO_DELAYS, "arm_latency": 0.2, "credential_propagation": 1.5}


def test_an_invalid_fault_is_refused(controls: Controls) -> None:
    with pytest.raises(RefusedError, match="A fault matches 'METHOD GLOB', not '/subscriptions'"):
        controls.add_fault("/subscriptions", status=500)
    with pytest.raises(RefusedError, match="A fault needs one of status, reset, hang and delay"):
        controls.add_fault("GET *")


def test_an_unknown_principal_is_refused(controls: Controls) -> None:
    with pytest.raises(RefusedError, match="There is no principal with the name or id 'nobody'"):
        controls.token("https://management.azure.com", "nobody")


def test_an_incomplete_or_insecure_issuer_is_refused(controls: Controls, cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match="configuration needs jwks_uri"):
        controls.publish_issuer("https://example.com/", {}, cluster.jwks)
    with pytest.raises(RefusedError, match="is reached by https"):
        controls.publish_issuer("http://example.com/", cluster.configuration, cluster.jwks)


async def test_the_throttle_of_a_resource_refuses_the_third_write_in_a_row(plain: Plain, controls: Controls) -> None:
    name = new_name()
    controls.set(throttle=1)

    replies = [await plain.arm("PUT", identity_path(name), {"location": "westeurope"}) for _ in range(3)]

    assert [reply.status for reply in replies] == [201, 200, 429]
    assert replies[-1].code == "TooManyRequests"
    assert 1 <= int(replies[-1].headers["Retry-After"]) <= 4


async def test_the_throttle_of_a_subscription_refuses_writes_to_many_identities(
    plain: Plain, controls: Controls
) -> None:
    controls.set(throttle=1)

    replies = [await plain.arm("PUT", identity_path(new_name()), {"location": "westeurope"}) for _ in range(25)]

    refused = [reply for reply in replies if reply.status == 429]
    assert 1 <= len(refused) <= 5
    assert all(reply.headers["Retry-After"] == "1" for reply in refused)
    assert (await plain.arm("GET", f"{GROUP}")).status == 200


async def test_resource_manager_reports_its_remaining_reads(plain: Plain, controls: Controls) -> None:
    controls.set(throttle=1)

    left = [
        int((await plain.arm("GET", GROUP)).headers["x-ms-ratelimit-remaining-subscription-reads"]) for _ in range(3)
    ]

    assert left[0] <= 250
    assert all(count >= 245 for count in left)
