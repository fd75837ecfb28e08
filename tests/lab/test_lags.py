"""Delays after a creation: reads that do not show an object yet, an unknown parent, keys in a cache."""

from collections.abc import Awaitable, Callable

import pytest

from lab.controls import Controls, RefusedError

from .cluster import Cluster
from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    GROUP,
    SUBSCRIPTION,
    CreatedIdentity,
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
from .plain import ARM, Plain

LOCATION = {"location": "westeurope"}
LONG = 1000
"""Seconds, which no test waits for: it sets the delay to 0 instead."""


def reads(plain: Plain, path: str, *lists: str) -> Callable[[], Awaitable[list[bool]]]:
    """Whether a GET of an object shows it, and whether each list does."""
    name = path.rpartition("/")[2]

    async def look() -> list[bool]:
        read = await plain.arm("GET", path)
        assert read.status in (200, 404)
        return [read.status == 200, *[name in await names(plain, each) for each in lists]]

    return look


async def names(plain: Plain, path: str) -> set[str]:
    """The names on all pages of a list: the other tests leave many identities behind."""
    found: set[str] = set()
    while path:
        page = (await plain.arm("GET", path)).body
        found |= {item["name"] for item in page["value"]}
        path = page.get("nextLink", "").removeprefix(ARM)
    return found


async def test_reads_and_lists_show_a_new_identity_after_a_delay(plain: Plain, controls: Controls) -> None:
    controls.set(identity_read_lag=LONG)
    path, provider = identity_path(new_name()), "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    look = reads(plain, path, f"{GROUP}/{provider}", f"{SUBSCRIPTION}/{provider}")

    made = await plain.arm("PUT", path, LOCATION)
    first, missing = await look(), await plain.arm("GET", path)
    again = await plain.arm("PUT", path, {**LOCATION, "tags": {"a": "b"}})
    controls.set(identity_read_lag=0)

    assert (made.status, again.status) == (201, 200)
    assert first == [False, False, False]
    assert (missing.status, missing.code) == (404, "ResourceNotFound")
    assert all(await look())
    assert (await plain.arm("GET", path)).body == again.body


async def test_reads_and_lists_show_a_new_credential_after_a_delay(plain: Plain, controls: Controls) -> None:
    controls.set(credential_read_lag=LONG)
    identity = (await make_identity(plain)).name
    path = credential_path(identity, "gitlab")
    look = reads(plain, path, path.rpartition("/")[0])

    made = await plain.arm("PUT", path, trust("i", "s"))
    first, missing = await look(), await plain.arm("GET", path)
    again = await plain.arm("PUT", path, trust("i", "t"))
    controls.set(credential_read_lag=0)

    assert (made.status, again.status) == (201, 200)
    assert first == [False, False]
    assert (missing.status, missing.code) == (404, "NotFound")
    assert all(await look())
    assert (await plain.arm("GET", path)).body == again.body


async def test_reads_and_lists_show_a_new_assignment_after_a_delay_although_it_is_effective(
    plain: Plain, controls: Controls
) -> None:
    controls.set(assignment_read_lag=LONG)
    principal, path = (await make_identity(plain)).principal_id, assignment_path(ACCOUNT, new_guid())
    body = grant(principal, DATA_CONTRIBUTOR, principalType="ServicePrincipal")
    look = reads(plain, path, path.rpartition("/")[0])

    made = await plain.arm("PUT", path, body)
    first, missing = await look(), await plain.arm("GET", path)
    other = await plain.arm("PUT", assignment_path(ACCOUNT, new_guid()), body)
    blobs = await plain.blob("GET", "/registry?restype=container&comp=list", principal=principal)
    controls.set(assignment_read_lag=0)

    assert made.status == 201
    assert first == [False, False]
    assert (missing.status, missing.code) == (404, "RoleAssignmentNotFound")
    assert (other.status, other.code) == (409, "RoleAssignmentExists")
    assert blobs.status == 200
    assert all(await look())


async def test_an_identity_that_reads_do_not_show_yet_can_be_deleted(plain: Plain, controls: Controls) -> None:
    controls.set(identity_read_lag=LONG)
    name = (await make_identity(plain)).name

    assert [(await plain.arm("DELETE", identity_path(name))).status for _ in range(2)] == [200, 204]


async def test_a_credential_right_after_its_identity_is_not_found_in_the_graph(
    plain: Plain, controls: Controls
) -> None:
    controls.set(graph_replication=LONG)
    path = credential_path((await make_identity(plain)).name, "gitlab")

    early = await plain.arm("PUT", path, trust("i", "s"))
    listed = await plain.arm("GET", path.rpartition("/")[0])

    controls.set(graph_replication=0)

    assert (early.status, early.code) == (404, "NotFound")
    assert early.message == "MS Graph resource not found during Federated Identity Credential creation."
    assert (listed.status, listed.body["value"]) == (200, [])
    assert (await plain.arm("PUT", path, trust("i", "s"))).status == 201


async def test_a_credential_right_after_its_identity_has_no_parent(plain: Plain, controls: Controls) -> None:
    controls.set(parent_replication=LONG)
    identity = (await make_identity(plain)).name
    path = credential_path(identity, "gitlab")

    early, read = await plain.arm("PUT", path, trust("i", "s")), await plain.arm("GET", identity_path(identity))

    controls.set(parent_replication=0)

    assert (early.status, early.code) == (404, "ParentResourceNotFound")
    assert early.message == (
        "Failed to perform 'write' on resource(s) of type 'userAssignedIdentities/federatedIdentityCredentials', because the "
        f"parent resource '{identity_path(identity)}' could not be found."
    )
    assert read.status == 200
    assert (await plain.arm("PUT", path, trust("i", "s"))).status == 201


# Entra and the issuer of a cluster


@pytest.fixture
def own_cluster(controls: Controls) -> Cluster:
    made = Cluster()
    made.publish(controls)
    return made


@pytest.fixture
async def identity(plain: Plain, own_cluster: Cluster) -> CreatedIdentity:
    made = await make_identity(plain)
    await federate(plain, made, own_cluster)
    return made


@pytest.mark.parametrize("number", [50166, 501661, 90061])
async def test_a_token_of_an_unreachable_issuer_is_refused_with_400(
    plain: Plain, controls: Controls, own_cluster: Cluster, identity: CreatedIdentity, number: int
) -> None:
    controls.break_issuer(own_cluster.issuer, number)

    broken = await exchange(plain, identity.client_id, own_cluster.token(subject()))
    controls.mend_issuer(own_cluster.issuer)

    assert (broken.status, broken.body["error"]) == (400, "invalid_request")
    assert broken.body["error_codes"] == [number]
    assert broken.body["error_description"].startswith(
        f"AADSTS{number}: Request to External OIDC endpoint failed. Trace ID: "
    )
    assert (await exchange(plain, identity.client_id, own_cluster.token(subject()))).status == 200


async def test_restore_makes_an_issuer_reachable(
    plain: Plain, controls: Controls, own_cluster: Cluster, identity: CreatedIdentity
) -> None:
    with pytest.raises(RefusedError, match="Entra answers with one of 90061, 50166, 501661, not with 1"):
        controls.break_issuer(own_cluster.issuer, 1)
    controls.break_issuer(own_cluster.issuer)

    broken = await exchange(plain, identity.client_id, own_cluster.token(subject()))
    controls.restore()

    assert broken.body["error_codes"] == [50166]
    assert (await exchange(plain, identity.client_id, own_cluster.token(subject()))).status == 200


async def test_a_rotated_key_is_unknown_until_entra_fetches_it(
    plain: Plain, controls: Controls, own_cluster: Cluster, identity: CreatedIdentity
) -> None:
    controls.set(key_cache=LONG)
    rotated = Cluster(own_cluster.issuer)
    rotated.publish(controls)

    early = await exchange(plain, identity.client_id, rotated.token(subject()))
    former = await exchange(plain, identity.client_id, own_cluster.token(subject()))

    controls.set(key_cache=0)

    assert (early.status, early.body["error"], early.body["error_codes"]) == (401, "invalid_client", [7000272])
    assert (
        f"The certificate with identifier {rotated.key_id} used to sign the federated credential"
        in (early.body["error_description"])
    )
    assert former.status == 200
    assert (await exchange(plain, identity.client_id, rotated.token(subject()))).status == 200
    assert (await exchange(plain, identity.client_id, own_cluster.token(subject()))).body["error_codes"] == [7000272]
