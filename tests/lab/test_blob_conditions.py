"""Role assignments with conditions, and deny assignments, in Blob Storage: the data actions that they refuse."""

import uuid

import pytest

from lab.azure.roles import BLOBS, DELEGATION_KEY
from lab.controls import Controls

from .blobs import SignedUrl, Workload, delegation_key, refused
from .objects import ACCOUNT, DATA_CONTRIBUTOR, REGISTRY
from .plain import Plain

READ_ONLY = (
    f"(!(ActionMatches{{'{BLOBS}/write'}}) AND !(ActionMatches{{'{BLOBS}/add/action'}}) AND "
    f"!(ActionMatches{{'{BLOBS}/delete'}}))"
)
NEW_ONLY = f"(!(ActionMatches{{'{BLOBS}/write'}}))"
ONE_FOLDER = (
    f"((!(ActionMatches{{'{BLOBS}/write'}}) AND !(ActionMatches{{'{BLOBS}/add/action'}})) OR "
    f"(@Resource[{BLOBS}:path] StringStartsWith 'folder/'))"
)
NO_BLOB_HAS_IT = '"0x8D0000000000000"'


async def may(workload: Workload, container: str = "registry") -> set[str]:
    """What a principal may do in a container, by requests that change nothing."""
    listed = await workload.ask("GET", f"/{container}?restype=container&comp=list")
    written = await workload.ask(
        "PUT", f"/{container}/x", data=b"", x_ms_blob_type="BlockBlob", if_match=NO_BLOB_HAS_IT
    )
    deleted = await workload.ask("DELETE", f"/{container}/x", if_match=NO_BLOB_HAS_IT)
    return {verb for verb, reply in {"list": listed, "write": written, "delete": deleted}.items() if not refused(reply)}


async def test_without_a_condition_or_a_denial_everything_is_allowed(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)

    assert await may(workload) == {"list", "write", "delete"}


async def test_a_condition_may_leave_only_reading(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT, READ_ONLY)

    assert await may(workload) == {"list"}
    assert (await workload.ask("GET", "/registry/hello.txt")).status == 200
    assert (await delegation_key(workload)).status == 200


async def test_another_role_grants_what_a_condition_refuses(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT, READ_ONLY)
    await workload.assign(DATA_CONTRIBUTOR, REGISTRY)

    assert await may(workload) == {"list", "write", "delete"}
    assert await may(workload, "tmp") == {"list"}


async def test_a_condition_may_name_paths(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT, ONE_FOLDER)

    assert (await workload.put(f"/git-lfs/folder/{uuid.uuid4()}", b"x")).status == 201
    assert refused(await workload.put(f"/git-lfs/folder%2e/{uuid.uuid4()}", b"x"))


async def test_who_may_only_add_blobs_creates_them_and_overwrites_none(workload: Workload) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT, NEW_ONLY)
    name = f"/git-lfs/{uuid.uuid4()}"

    assert (await workload.put(name, b"first")).status == 201
    assert refused(await workload.put(name, b"second"))
    assert (await workload.ask("GET", name)).text == "first"


@pytest.mark.parametrize(
    ("denied", "left"),
    [
        ([f"{BLOBS}/read"], {"write", "delete"}),
        ([f"{BLOBS}/write", f"{BLOBS}/add/action"], {"list", "delete"}),
        ([f"{BLOBS}/delete"], {"list", "write"}),
        (["*"], set()),
    ],
)
async def test_a_deny_assignment_refuses_data_actions_whatever_the_roles_say(
    workload: Workload, controls: Controls, denied: list[str], left: set[str]
) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    controls.deny(ACCOUNT, data_actions=denied, principals=[workload.principal_id])

    assert await may(workload) == left


async def test_a_deny_assignment_refuses_delegation_keys(workload: Workload, controls: Controls) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT)
    controls.deny(ACCOUNT, actions=[DELEGATION_KEY])

    assert refused(await delegation_key(workload))
    assert await may(workload) == {"list", "write", "delete"}


async def test_a_signed_url_is_refused_what_its_signer_is_refused(
    workload: Workload, plain: Plain, controls: Controls
) -> None:
    await workload.assign(DATA_CONTRIBUTOR, ACCOUNT, ONE_FOLDER)
    key = (await delegation_key(workload)).text

    async def send(method: str, path: str) -> int:
        url = SignedUrl(key, path, "rw").url
        return (await plain.send(method, url, data=b"x", headers={"x-ms-blob-type": "BlockBlob"})).status

    assert await send("PUT", f"/git-lfs/folder/{uuid.uuid4()}") == 201
    assert await send("PUT", f"/git-lfs/{uuid.uuid4()}") == 403
    assert await send("GET", "/registry/hello.txt") == 200
    controls.deny(ACCOUNT, data_actions=[f"{BLOBS}/read"])
    assert await send("GET", "/registry/hello.txt") == 403
