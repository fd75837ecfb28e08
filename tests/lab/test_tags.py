"""Tags by themselves, at the scope of what has them: REST API "Tags - Update At Scope" of Microsoft Learn."""

from typing import Any

import pytest

from .objects import ACCOUNT, CONTAINERS, GROUP, identity_path, make_identity
from .plain import Plain

VERSION = "?api-version=2021-04-01"


def path(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Resources/tags/default{VERSION}"


@pytest.mark.parametrize(
    ("operation", "sent", "left"),
    [
        ("Merge", {"TEAM": "b", "new": "1"}, {"TEAM": "b", "new": "1", "cost": "2"}),
        ("merge", {}, {"team": "a", "cost": "2"}),
        ("Replace", {"new": "1"}, {"new": "1"}),
        ("Delete", {"Team": "a", "cost": "another value"}, {"cost": "2"}),
        ("Delete", {"cost": ""}, {"team": "a"}),
    ],
)
async def test_tags_of_an_identity_change(
    plain: Plain, operation: str, sent: dict[str, str], left: dict[str, Any]
) -> None:
    identity = identity_path((await make_identity(plain)).name)
    await plain.arm("PUT", identity, {"location": "westeurope", "tags": {"team": "a", "cost": "2"}})

    changed = await plain.arm("PATCH", path(identity), {"operation": operation, "properties": {"tags": sent}})

    assert changed.status == 200
    assert list(changed.body) == ["id", "name", "type", "properties"]
    assert (changed.body["name"], changed.body["type"]) == ("default", "Microsoft.Resources/tags")
    assert changed.body["properties"] == {"tags": left}
    assert (await plain.arm("GET", path(identity))).body == changed.body
    assert (await plain.arm("GET", identity)).body["tags"] == left


async def test_groups_and_storage_accounts_have_tags(plain: Plain) -> None:
    for scope in (GROUP, ACCOUNT):
        changed = await plain.arm("PATCH", path(scope), {"operation": "Merge", "properties": {"tags": {"a": "b"}}})
        assert changed.body["properties"] == {"tags": {"a": "b"}}
        assert (await plain.arm("GET", scope)).body["tags"] == {"a": "b"}
        await plain.arm("PATCH", path(scope), {"operation": "Replace", "properties": {"tags": {}}})


async def test_what_cannot_be_is_refused(plain: Plain) -> None:
    body = {"operation": "Merge", "properties": {"tags": {"a": "b"}}}
    assert (await plain.arm("PATCH", path(f"{GROUP}-none"), body)).code == "ResourceGroupNotFound"
    assert (await plain.arm("PATCH", path(f"{CONTAINERS}/registry"), body)).code == "BadRequest"
    assert (await plain.arm("PATCH", path(GROUP), {**body, "operation": "Add"})).code == "BadRequest"
    assert (await plain.arm("PATCH", path(GROUP), body, principal="operator")).code == "AuthorizationFailed"
