"""Managed identities, compared with the recorded traffic of real Azure."""

import json

import pytest

from .objects import GROUP, SUBSCRIPTION, identity_path, make_identity, new_name
from .plain import ARM, Plain

LOWER_GROUP = GROUP.replace("resourceGroups", "resourcegroups")


async def test_a_new_identity_answers_201_with_a_relative_location_and_a_lower_cased_id(plain: Plain) -> None:
    name = new_name()

    made = await plain.arm("PUT", identity_path(name), {"location": "westeurope"})

    assert made.status == 201
    assert list(made.body) == ["location", "tags", "id", "name", "type", "properties"]
    assert list(made.body["properties"]) == ["tenantId", "principalId", "clientId"]
    assert made.body["tags"] == {}
    assert made.body["id"] == identity_path(name, LOWER_GROUP)
    assert made.headers["Location"] == identity_path(name, LOWER_GROUP)
    assert made.headers["Content-Type"] == "application/json; charset=utf-8"
    assert ": " not in made.text, "Azure writes its JSON without blanks"


async def test_a_repeated_request_answers_200_without_location_and_changes_nothing(plain: Plain) -> None:
    name = new_name()
    made = await plain.arm("PUT", identity_path(name), {"location": "westeurope"})

    again = await plain.arm("PUT", identity_path(name), {"location": "West Europe"})

    assert again.status == 200
    assert again.body == made.body
    assert "Location" not in again.headers
    assert (await plain.arm("GET", identity_path(name))).text == again.text


async def test_tags_are_replaced_by_put_and_by_patch(plain: Plain) -> None:
    name = (await make_identity(plain)).name

    put = await plain.arm("PUT", identity_path(name), {"location": "westeurope", "tags": {"foo": "bar"}})
    patched = await plain.arm("PATCH", identity_path(name), {"tags": {"team": "platform"}})

    assert (put.status, put.body["tags"]) == (200, {"foo": "bar"})
    assert (patched.status, patched.body["tags"]) == (200, {"team": "platform"})


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_last_of_two_tags_whose_names_differ_only_in_case_is_kept(plain: Plain, method: str) -> None:
    """Microsoft Learn, "Use tags to organize your Azure resources": tag names are case-insensitive for operations."""
    name = (await make_identity(plain)).name
    tags = {"Team": "platform", "cost": "1", "team": "storage"}

    written = await plain.arm(method, identity_path(name), {"location": "westeurope", "tags": tags})

    assert written.body["tags"] == {"team": "storage", "cost": "1"}
    assert (await plain.arm("GET", identity_path(name))).body["tags"] == {"team": "storage", "cost": "1"}


async def test_a_delete_answers_200_without_a_body_and_then_204(plain: Plain) -> None:
    name = (await make_identity(plain)).name

    first = await plain.arm("DELETE", identity_path(name))
    second = await plain.arm("DELETE", identity_path(name))

    assert (first.status, first.text) == (200, "")
    assert (second.status, second.text) == (204, "")


async def test_a_missing_identity_is_reported_by_the_gateway(plain: Plain) -> None:
    missing = await plain.arm("GET", identity_path("gone"))

    assert missing.status == 404
    assert missing.headers["x-ms-failure-cause"] == "gateway"
    assert missing.body == {
        "error": {
            "code": "ResourceNotFound",
            "message": "The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/gone' under resource group "
            "'rg-gitlab' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        }
    }


async def test_in_a_missing_resource_group_every_request_answers_404(plain: Plain) -> None:
    nowhere = f"{SUBSCRIPTION}/resourceGroups/nowhere"

    for method, body in (("PUT", {"location": "westeurope"}), ("GET", None), ("DELETE", None)):
        reply = await plain.arm(method, identity_path("some", nowhere), body)
        assert (reply.status, reply.code) == (404, "ResourceGroupNotFound")
        assert reply.message == "Resource group 'nowhere' could not be found."
        assert reply.headers["x-ms-failure-cause"] == "gateway"


async def test_names_are_case_insensitive_and_keep_their_first_spelling(plain: Plain) -> None:
    name = (await make_identity(plain)).name

    reply = await plain.arm("GET", identity_path(name.upper()).replace("providers", "PROVIDERS"))

    assert (reply.status, reply.body["name"]) == (200, name)


async def test_a_recreated_identity_has_new_principal_and_client_ids(plain: Plain) -> None:
    first = await make_identity(plain)
    await plain.arm("DELETE", identity_path(first.name))

    second = await make_identity(plain, first.name)

    assert second.principal_id != first.principal_id
    assert second.client_id != first.client_id


async def test_a_tag_name_with_a_reserved_character_is_refused(plain: Plain) -> None:
    body = {"location": "westeurope", "tags": {"app.kubernetes.io/name": "x", "team": "y"}}

    reply = await plain.arm("PUT", identity_path("tagged"), body)

    assert (reply.status, reply.code) == (400, "InvalidTagNameCharacters")
    assert reply.message.startswith("The tag names 'app.kubernetes.io/name' have reserved characters")
    assert (await plain.arm("GET", identity_path("tagged"))).status == 404


async def test_an_identity_without_a_location_or_with_another_location_is_refused(plain: Plain) -> None:
    name = (await make_identity(plain)).name

    without = await plain.arm("PUT", identity_path(name), {"tags": {}})
    elsewhere = await plain.arm("PUT", identity_path(name), {"location": "eastus"})

    assert (without.status, without.code) == (400, "LocationRequired")
    assert (elsewhere.status, elsewhere.code) == (409, "InvalidResourceLocation")


async def test_lists_come_in_pages_by_group_and_by_subscription(plain: Plain) -> None:
    group = f"{SUBSCRIPTION}/resourceGroups/rg-{new_name()}"
    await plain.arm("PUT", group, {"location": "westeurope"})
    names = [f"id-{n}" for n in range(5)]
    for name in names:
        await plain.arm("PUT", identity_path(name, group), {"location": "westeurope"})

    async def pages(collection: str) -> list[list[str]]:
        found, next_link = [], f"{ARM}{collection}?$top=2"
        while next_link:
            assert next_link.startswith(f"{ARM}{collection}?")
            body = (await plain.arm("GET", next_link.removeprefix(ARM))).body
            found.append([identity["name"] for identity in body["value"]])
            next_link = body.get("nextLink")
        return found

    collection = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    assert await pages(group + collection) == [["id-0", "id-1"], ["id-2", "id-3"], ["id-4"]]
    everywhere = {name for page in await pages(SUBSCRIPTION + collection) for name in page}
    assert everywhere >= {*names, "gitlab-azure-identity-operator"}


async def test_every_answer_has_the_headers_that_azure_always_sends(plain: Plain) -> None:
    reply = await plain.arm("GET", identity_path("gone"))

    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["Pragma"] == "no-cache"
    assert reply.headers["Expires"] == "-1"
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["x-ms-ratelimit-remaining-subscription-reads"] == "250"
    assert len(reply.headers["x-ms-request-id"]) == 36


async def test_a_body_that_is_not_a_json_object_is_refused(plain: Plain) -> None:
    url = f"https://management.azure.com{identity_path(new_name())}?api-version=2024-11-30"
    headers = {"Authorization": f"Bearer {plain.token('owner')}", "Content-Type": "application/json"}

    for sent in (b"", b"{", json.dumps([1]).encode()):
        reply = await plain.send("PUT", url, data=sent, headers=headers)
        assert (reply.status, reply.code) == (400, "InvalidRequestContent")
