"""User delegation keys: which principals get them, and what the URLs that they sign permit."""

import datetime as dt
import email.utils
import re
import uuid
from typing import Any

import pytest

from lab.azure import seeded
from lab.controls import Controls

from .blobs import LIST, SignedUrl, Workload, delegation_key, detail_of, refused
from .objects import ACCOUNT, DATA_CONTRIBUTOR, DATA_READER, DELEGATOR, REGISTRY
from .plain import BLOB, Plain, Reply


async def test_a_delegation_key_needs_a_role_at_the_account(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, REGISTRY)
    assert refused(await delegation_key(workload))

    await workload.assign(DELEGATOR, ACCOUNT)

    assert (await delegation_key(workload)).status == 200


@pytest.mark.parametrize("role", [DATA_CONTRIBUTOR, DATA_READER, DELEGATOR])
async def test_a_delegation_key_is_made_for_its_principal(workload: Workload, role: str) -> None:
    await workload.assign(role, ACCOUNT)

    reply = await delegation_key(workload)

    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/xml")
    assert re.sub(r"<(\w+)>[^<]+</\1>", r"\1 ", reply.text.partition("?>")[2]) == (
        "<UserDelegationKey>SignedOid SignedTid SignedStart SignedExpiry SignedService SignedVersion Value "
        "</UserDelegationKey>"
    )
    assert f"<SignedOid>{workload.principal_id}</SignedOid><SignedTid>{seeded.TENANT}</SignedTid>" in reply.text
    assert "<SignedService>b</SignedService>" in reply.text


async def test_a_delegation_key_lives_for_seven_days_at_most(workload: Workload) -> None:
    await workload.assign(DELEGATOR, ACCOUNT)
    now = dt.datetime.now(dt.UTC)

    longest = await delegation_key(workload, now + dt.timedelta(days=7, minutes=-1))
    too_long = await delegation_key(workload, now + dt.timedelta(days=7, minutes=1))

    assert longest.status == 200
    assert (too_long.status, too_long.headers["x-ms-error-code"]) == (400, "InvalidXmlNodeValue")
    value = f"{now + dt.timedelta(days=7, minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    assert f"<XmlNodeName>{value}</XmlNodeName><XmlNodeValue>{value}</XmlNodeValue></Error>" in too_long.text


@pytest.mark.parametrize("version", ["2018-11-09", "2020-02-10", "2020-12-06", "2025-07-05", "2026-04-06"])
async def test_a_signed_url_has_the_rights_of_its_signer(workload: Workload, plain: Plain, version: str) -> None:
    await workload.assign(DELEGATOR, ACCOUNT)
    assignment = await workload.assign(DATA_CONTRIBUTOR, REGISTRY)
    signed = SignedUrl((await delegation_key(workload)).text, version=version)

    read = await plain.send("GET", signed.url)
    await plain.arm("DELETE", assignment)
    after = await plain.send("GET", signed.url)

    assert (read.status, read.text) == (200, "Hello from the registry container.\n")
    assert refused(after)


async def test_a_signed_url_permits_what_is_signed_and_no_more(workload: Workload, plain: Plain) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    key, path = (await delegation_key(workload)).text, f"/git-lfs/{uuid.uuid4()}"

    async def send(method: str, permissions: str, **options: Any) -> Reply:
        url = SignedUrl(key, path, permissions, **options).url
        return await plain.send(method, url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"})

    assert refused(await send("PUT", "rdl"))
    assert (await send("PUT", "c")).status == 201
    assert refused(await send("PUT", "c"))
    assert (await send("PUT", "w")).status == 201
    assert refused(await send("GET", "cwd"))
    read = await send("GET", "r", rscd="attachment; filename=x.txt", rsct="text/x-lfs")
    assert read.headers["Content-Disposition"] == "attachment; filename=x.txt"
    assert read.headers["Content-Type"] == "text/x-lfs"
    assert refused(await send("DELETE", "rcw"))
    assert (await send("DELETE", "d")).status == 202


async def test_a_url_signed_for_a_container_lists_it_and_reads_its_blobs(workload: Workload, plain: Plain) -> None:
    await workload.assign(DATA_READER, ACCOUNT)
    query = SignedUrl((await delegation_key(workload)).text, "/registry", "lr", resource="c").query

    listed = await plain.send("GET", f"{BLOB}{LIST}&{query}")
    read = await plain.send("GET", f"{BLOB}/registry/hello.txt?{query}")
    elsewhere = await plain.send("GET", f"{BLOB}{LIST.replace('registry', 'tmp')}&{query}")

    assert (listed.status, "<Name>hello.txt</Name>" in listed.text) == (200, True)
    assert read.text == "Hello from the registry container.\n"
    assert detail_of(elsewhere).startswith("Signature did not match. String to sign used was lr\n")


async def test_a_signed_url_that_was_changed_or_whose_key_nobody_got_is_refused(
    workload: Workload, plain: Plain
) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    key = (await delegation_key(workload)).text
    url = SignedUrl(key).url

    for changed in (
        url.replace("hello.txt", "other.txt"),
        url.replace("sp=r", "sp=rw"),
        url.replace(workload.principal_id, str(uuid.uuid4())),
        re.sub("sig=.*", "sig=", url).replace(workload.principal_id, str(uuid.uuid4())),
        url.replace("gitlabstore", "otherstore"),
        SignedUrl(re.sub("<Value>.*</Value>", "<Value>bm90IHRoZSBrZXk=</Value>", key)).url,
    ):
        assert detail_of(await plain.send("GET", changed)).startswith("Signature did not match.")


async def test_a_signed_url_is_valid_from_its_start_to_its_expiry_and_no_longer_than_its_key(
    workload: Workload, plain: Plain, controls: Controls
) -> None:
    await workload.assign(DATA_READER, ACCOUNT)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    key = (await delegation_key(workload)).text

    async def detail(hours: float, **times: Any) -> str:
        controls.set(clock=hours * 3600)
        return detail_of(await plain.send("GET", SignedUrl(key, **times).url))

    start, expiry = now + dt.timedelta(minutes=10), now + dt.timedelta(minutes=20)
    frame = f"Start [{email.utils.format_datetime(start, True)}] - Expiry [{email.utils.format_datetime(expiry, True)}]"
    assert (await detail(0, starts=start, expires=expiry)).startswith(
        f"Signature not valid in the specified time frame: {frame} - Current ["
    )
    controls.set(clock=900)
    assert (await plain.send("GET", SignedUrl(key, starts=start, expires=expiry).url)).status == 200
    assert frame in await detail(0.5, starts=start, expires=expiry)
    assert "has to be after signed start time [" in await detail(0.75)
    assert "Signature not valid in the specified time frame" in await detail(1.5, expires=now + dt.timedelta(hours=3))
