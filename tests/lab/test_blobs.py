"""Blob Storage: which principals may read, list and write, and how others are refused."""

import time
import uuid
from typing import Any

import pytest

from lab.controls import Controls

from .blobs import LIST, SignedUrl, Workload, delegation_key, refused
from .objects import (
    ACCOUNT,
    CONTAINERS,
    DATA_CONTRIBUTOR,
    DATA_READER,
    OWNER,
    REGISTRY,
    SUBSCRIPTION,
    eventually,
)
from .plain import ARM, BLOB, STORAGE_SCOPE, Plain, Reply


async def test_without_a_role_nothing_is_allowed(workload: Workload) -> None:
    assert refused(await workload.ask("GET", LIST))
    assert refused(await workload.ask("GET", "/registry/hello.txt"))
    assert refused(await workload.put("/registry/new.txt", b"x"))
    assert refused(await workload.ask("DELETE", "/registry/hello.txt"))
    assert refused(await workload.ask("GET", "/?comp=list"))


async def test_a_contributor_of_the_account_lists_reads_writes_and_deletes(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    name = f"/git-lfs/{uuid.uuid4()}"

    listed = await workload.ask("GET", LIST)
    assert (listed.status, "<Name>hello.txt</Name>" in listed.text) == (200, True)
    assert f'ServiceEndpoint="{BLOB}/" ContainerName="registry"' in listed.text
    assert (await workload.put(name, b"hello")).status == 201
    read = await workload.ask("GET", name)
    assert (read.status, read.text) == (200, "hello")
    assert (await workload.ask("HEAD", name)).headers["Content-Length"] == "5"
    assert (await workload.ask("DELETE", name)).status == 202
    missing = await workload.ask("GET", name)
    assert (missing.status, missing.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    assert (await workload.ask("GET", "/?comp=list")).status == 200


async def test_a_reader_only_lists_and_reads(workload: Workload) -> None:
    await workload.assign(DATA_READER, ACCOUNT)

    assert (await workload.ask("GET", LIST)).status == 200
    assert (await workload.ask("GET", "/registry/hello.txt")).text == "Hello from the registry container.\n"
    assert refused(await workload.put("/registry/new.txt", b"x"))
    assert refused(await workload.ask("DELETE", "/registry/hello.txt"))
    assert refused(await workload.ask("PUT", "/newcontainer?restype=container"))


@pytest.mark.parametrize("name", ["nothing-has-this-name", "hello.txt"])
async def test_a_condition_that_no_blob_meets_tells_who_may_write_and_delete_and_changes_nothing(
    workload: Workload, name: str
) -> None:
    """Put Blob, Set Blob Metadata and Delete Blob with an ETag that no blob has: 403 without the permission, 412 with it."""

    async def put() -> Reply:
        return await workload.ask(
            "PUT", f"/registry/{name}", data=b"", x_ms_blob_type="BlockBlob", if_match='"0x8D0000000000000"'
        )

    async def overwrite() -> Reply:
        return await workload.ask("PUT", f"/registry/{name}?comp=metadata", if_match='"0x8D0000000000000"')

    async def delete() -> Reply:
        return await workload.ask("DELETE", f"/registry/{name}", if_match='"0x8D0000000000000"')

    assert refused(await put())
    assert refused(await overwrite())
    assert refused(await delete())
    reading = await workload.assign(DATA_READER, REGISTRY)
    before = (await workload.ask("GET", LIST)).text
    assert refused(await put())
    assert refused(await overwrite())
    assert refused(await delete())
    await workload.plain.arm("DELETE", reading)
    await workload.assign(DATA_CONTRIBUTOR, REGISTRY)

    for reply in (await put(), await overwrite(), await delete()):
        assert (reply.status, reply.headers["x-ms-error-code"]) == (412, "ConditionNotMet")
        assert "The condition specified using HTTP conditional header(s) is not met.\nRequestId:" in reply.text
    assert (await workload.ask("GET", LIST)).text == before


async def test_a_condition_in_a_container_that_is_missing_is_told_so(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)

    put = await workload.ask("PUT", "/not-there/name", data=b"", x_ms_blob_type="BlockBlob", if_match='"0x0"')
    deleted = await workload.ask("DELETE", "/not-there/name", if_match='"0x0"')

    for reply in (put, deleted):
        assert (reply.status, reply.headers["x-ms-error-code"]) == (404, "ContainerNotFound")


async def test_if_match_any_does_not_create_a_blob_and_matches_one_that_exists(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    name = f"/git-lfs/{uuid.uuid4()}"

    async def put(if_match: str) -> Reply:
        return await workload.ask("PUT", name, data=b"x", x_ms_blob_type="BlockBlob", if_match=if_match)

    missing = [await put("*"), await workload.ask("DELETE", name, if_match="*")]
    await workload.put(name, b"hello")

    assert [(reply.status, reply.headers["x-ms-error-code"]) for reply in missing] == [(412, "ConditionNotMet")] * 2
    assert (await put("*")).status == 201
    assert (await workload.ask("DELETE", name, if_match="*")).status == 202


async def test_a_read_with_a_condition_says_that_the_blob_is_missing(workload: Workload) -> None:
    await workload.assign(DATA_READER, REGISTRY)

    reply = await workload.ask("GET", "/registry/missing", if_match='"0x8D0000000000000"')
    other = await workload.ask("GET", "/registry/hello.txt", if_match='"0x8D0000000000000"')

    assert (reply.status, reply.headers["x-ms-error-code"]) == (404, "BlobNotFound")
    assert (other.status, other.headers["x-ms-error-code"]) == (412, "ConditionNotMet")


async def test_a_role_at_one_container_grants_nothing_at_others_or_at_the_account(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, REGISTRY)

    assert (await workload.ask("GET", LIST)).status == 200
    assert refused(await workload.ask("GET", LIST.replace("registry", "tmp")))
    assert refused(await workload.ask("GET", LIST.replace("registry", "registry2")))
    assert refused(await workload.ask("GET", "/?comp=list"))


async def test_the_owner_of_the_subscription_may_not_read_a_blob(plain: Plain, workload: Workload) -> None:
    await workload.assign(OWNER, SUBSCRIPTION)

    assert (await workload.ask("GET", "/?comp=list")).status == 200
    assert refused(await workload.ask("GET", LIST))


async def test_only_a_principal_that_may_read_learns_that_a_container_is_missing(workload: Workload) -> None:
    missing = LIST.replace("registry", "not-there")
    assert refused(await workload.ask("GET", missing))

    await workload.assign(DATA_READER, ACCOUNT)

    reply = await workload.ask("GET", missing)
    assert (reply.status, reply.headers["x-ms-error-code"]) == (404, "ContainerNotFound")
    assert "<Code>ContainerNotFound</Code>" in reply.text


async def test_a_contributor_creates_and_deletes_containers(workload: Workload, plain: Plain) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    name = f"c-{uuid.uuid4().hex[:8]}"

    made = await workload.ask("PUT", f"/{name}?restype=container")
    again = await workload.ask("PUT", f"/{name}?restype=container")
    seen = await plain.arm("GET", f"{CONTAINERS}/{name}")
    deleted = await workload.ask("DELETE", f"/{name}?restype=container")

    assert (made.status, seen.status, deleted.status) == (201, 200, 202)
    assert (again.status, again.headers["x-ms-error-code"]) == (409, "ContainerAlreadyExists")


async def test_assigning_and_removing_a_role_take_effect_after_a_delay(
    workload: Workload, plain: Plain, controls: Controls
) -> None:
    controls.set(role_propagation=1)

    async def lists() -> bool:
        return (await workload.ask("GET", LIST)).status == 200

    async def is_refused() -> bool:
        return refused(await workload.ask("GET", LIST))

    assignment = await workload.assign(DATA_READER, ACCOUNT)
    granted = await eventually(lists)
    await plain.arm("DELETE", assignment)
    revoked = await eventually(is_refused)

    assert granted > 0.3
    assert revoked > 0.3


async def test_a_request_without_a_token_is_refused_with_the_login_address(plain: Plain) -> None:
    reply = await plain.send("GET", BLOB + LIST, headers={"x-ms-version": "2021-12-02"})

    assert (reply.status, reply.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    assert reply.headers["WWW-Authenticate"] == (
        f"Bearer authorization_uri=https://login.microsoftonline.com/{plain.azure.tenant}/oauth2/authorize "
        "resource_id=https://storage.azure.com"
    )


async def test_a_token_for_another_audience_or_forged_or_expired_is_refused(plain: Plain, controls: Controls) -> None:
    async def detail(token: str) -> str:
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
        reply = await plain.send("GET", BLOB + LIST, headers=headers)
        assert (reply.status, reply.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
        return reply.text.partition("<AuthenticationErrorDetail>")[2].partition("<")[0]

    fresh = plain.token("owner", STORAGE_SCOPE)
    assert (
        await detail(plain.token("owner", f"{ARM}/.default")) == "Audience validation failed. Audience did not match."
    )
    other = plain.token("owner", "https://otherstore.blob.core.windows.net")
    assert await detail(other) == "Audience validation failed. Audience did not match."
    assert (await detail(fresh[:-8] + "AAAAAAAA")).startswith("Signature validation failed.")
    controls.set(clock=90_000)
    assert await detail(fresh) == "Lifetime validation failed. The token is expired."


async def test_a_large_blob_is_stored_unchanged(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    content = uuid.uuid4().bytes * (1 << 14)
    name = f"/git-lfs/{uuid.uuid4()}"

    assert (await workload.put(name, content.hex().encode())).status == 201
    assert (await workload.ask("GET", name)).text == content.hex()


async def test_a_large_upload_is_refused_like_a_small_one(workload: Workload) -> None:
    assert refused(await workload.put("/git-lfs/large", bytes(1 << 22)))


async def test_a_client_that_expects_100_continue_gets_an_answer(workload: Workload, plain: Plain) -> None:
    async def put() -> Reply:
        return await workload.ask(
            "PUT", f"/git-lfs/{uuid.uuid4()}", data=b"x" * 1000, x_ms_blob_type="BlockBlob", expect="100-continue"
        )

    began = time.monotonic()
    assert refused(await put())
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    assert (await put()).status == 201
    assert time.monotonic() - began < 10


async def test_an_escaped_name_is_kept(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)

    assert (await workload.put("/git-lfs/a%20b%2Bc/%C3%A4.txt", b"x")).status == 201
    assert "<Name>a b+c/ä.txt</Name>" in (await workload.ask("GET", LIST.replace("registry", "git-lfs"))).text


async def test_a_key_that_is_not_the_accounts_is_refused(plain: Plain) -> None:
    headers = {
        "Authorization": "SharedKey gitlabstore:bm90IHRoZSBrZXk=",
        "x-ms-version": "2021-12-02",
        "x-ms-date": "Mon, 01 Jan 2024 00:00:00 GMT",
    }

    reply = await plain.send("GET", BLOB + LIST, headers=headers)

    assert (reply.status, reply.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")
    assert "is not the same as any computed signature" in reply.text


@pytest.mark.parametrize(
    "closed", [{"publicNetworkAccess": "Disabled"}, {"networkAcls": {"defaultAction": "Deny", "ipRules": []}}]
)
async def test_an_account_that_is_closed_to_the_network_refuses_everybody(
    workload: Workload, plain: Plain, controls: Controls, closed: dict[str, Any]
) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    key = (await delegation_key(workload)).text
    controls.change_account("gitlabstore", **closed)

    replies = [
        await workload.ask("GET", LIST),
        await delegation_key(workload),
        await plain.send("GET", SignedUrl(key).url),
    ]

    for reply in replies:
        assert (reply.status, reply.headers["x-ms-error-code"]) == (403, "AuthorizationFailure")
        assert "<Message>This request is not authorized to perform this operation.\nRequestId:" in reply.text
    assert (await plain.arm("GET", f"{CONTAINERS}/registry")).status == 200


async def test_a_firewall_lets_through_the_addresses_of_its_rules(workload: Workload, controls: Controls) -> None:
    await workload.assign(DATA_READER, ACCOUNT)
    rules = {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24", "action": "Allow"}]}
    controls.change_account("gitlabstore", networkAcls=rules)

    assert (await workload.ask("GET", LIST)).status == 200


async def test_an_account_without_shared_keys_says_so(workload: Workload, plain: Plain, controls: Controls) -> None:
    await workload.assign(DATA_READER, ACCOUNT)
    headers = {"Authorization": "SharedKey gitlabstore:bm90IHRoZSBrZXk=", "x-ms-version": "2021-12-02"}
    signed_with_key = f"{BLOB}/registry/hello.txt?sv=2020-12-06&sr=b&sp=r&se=2099-01-01T00:00:00Z&sig=bm90IHRoZSBrZXk="

    async def codes() -> list[tuple[int, str]]:
        replies = [await plain.send("GET", BLOB + LIST, headers=headers), await plain.send("GET", signed_with_key)]
        return [(reply.status, reply.headers["x-ms-error-code"]) for reply in replies]

    before = await codes()
    controls.change_account("gitlabstore", allowSharedKeyAccess=False)

    assert before == [(403, "AuthenticationFailed")] * 2
    assert await codes() == [(403, "KeyBasedAuthenticationNotPermitted")] * 2
    assert (await workload.ask("GET", LIST)).status == 200


async def test_an_account_with_a_dns_zone_serves_its_blobs_at_that_host(
    workload: Workload, plain: Plain, controls: Controls
) -> None:
    await workload.assign(DATA_READER, ACCOUNT)
    controls.change_account("gitlabstore", dns_zone="z12")
    origin = "https://gitlabstore.z12.blob.storage.azure.net"

    listed = await plain.blob("GET", LIST, principal=workload.principal_id, origin=origin)

    assert (listed.status, "<Name>hello.txt</Name>" in listed.text) == (200, True)
    assert f'ServiceEndpoint="{origin}/" ContainerName="registry"' in listed.text


async def test_a_hierarchical_namespace_keeps_directories_that_are_not_empty(
    workload: Workload, controls: Controls
) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    folder = f"/git-lfs/{uuid.uuid4()}%20x"
    await workload.put(f"{folder}/data", b"x")
    await workload.put(folder, b"a blob with the same name, in a flat namespace")

    controls.change_account("gitlabstore", isHnsEnabled=True)
    full = await workload.ask("DELETE", folder)
    inside = await workload.ask("DELETE", f"{folder}/data")
    emptied = await workload.ask("DELETE", folder)

    assert (full.status, full.headers["x-ms-error-code"]) == (409, "DirectoryIsNotEmpty")
    assert "<Message>This operation is not permitted on a non-empty directory.\nRequestId:" in full.text
    assert (inside.status, emptied.status) == (202, 202)
