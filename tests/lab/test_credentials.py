"""Federated identity credentials, compared with the recorded traffic of real Azure."""

import asyncio

import pytest

from .objects import (
    GROUP,
    SUBSCRIPTION,
    credential_path,
    identity_path,
    make_identity,
    new_name,
    subject,
    trust,
)
from .plain import Plain

INCOMPLETE = (
    "The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audience'."
)
ISSUER = "https://oidc.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/"


async def test_a_new_credential_answers_201_and_can_be_read(plain: Plain) -> None:
    identity = (await make_identity(plain)).name
    path = credential_path(identity, "gitlab")
    lower = path.replace("resourceGroups", "resourcegroups")

    made = await plain.arm("PUT", path, trust(ISSUER, subject()))

    assert made.status == 201
    assert made.headers["Location"] == lower
    assert list(made.body) == ["id", "name", "type", "properties"]
    assert list(made.body["properties"]) == ["issuer", "subject", "audiences"]
    assert made.body == {
        "id": lower,
        "name": "gitlab",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        **trust(ISSUER, subject()),
    }
    assert (await plain.arm("GET", path)).text == made.text


async def test_a_repeated_request_and_a_change_answer_200(plain: Plain) -> None:
    path = credential_path((await make_identity(plain)).name, "gitlab")
    await plain.arm("PUT", path, trust(ISSUER, subject()))

    again = await plain.arm("PUT", path, trust(ISSUER, subject()))
    changed = await plain.arm("PUT", path, trust("https://oidc.prod-aks.azure.com/1234/", subject()))

    assert (again.status, changed.status) == (200, 200)
    assert "Location" not in again.headers
    assert changed.body["properties"]["issuer"] == "https://oidc.prod-aks.azure.com/1234/"
    assert (await plain.arm("GET", path)).text == changed.text


async def test_a_delete_answers_200_without_a_body_then_204_and_a_read_gets_404_from_the_provider(plain: Plain) -> None:
    path = credential_path((await make_identity(plain)).name, "gitlab")
    await plain.arm("PUT", path, trust(ISSUER, subject()))

    first, second = [await plain.arm("DELETE", path) for _ in range(2)]
    missing = await plain.arm("GET", path)

    assert (first.status, first.text) == (200, "")
    assert second.status == 204
    assert (missing.status, missing.code) == (404, "NotFound")
    assert missing.message == f"Resource '{path.replace('resourceGroups', 'resourcegroups')}' was not found."
    assert "x-ms-failure-cause" not in missing.headers


async def test_under_a_missing_identity_every_request_answers_that_the_parent_is_missing(plain: Plain) -> None:
    path = credential_path("gone", "gitlab")

    for method, verb in (("DELETE", "delete"), ("GET", "read"), ("PUT", "write")):
        reply = await plain.arm(method, path, trust(ISSUER, subject()) if method == "PUT" else None)
        assert (reply.status, reply.code) == (404, "ParentResourceNotFound")
        assert reply.headers["x-ms-failure-cause"] == "gateway"
        assert reply.message == (
            f"Failed to perform '{verb}' on resource(s) of type 'userAssignedIdentities/federatedIdentityCredentials', "
            f"because the parent resource '{identity_path('gone')}' could not be found."
        )


async def test_in_a_missing_resource_group_a_request_answers_that_the_parent_is_missing(plain: Plain) -> None:
    path = f"{identity_path('some', f'{SUBSCRIPTION}/resourceGroups/nowhere')}/federatedIdentityCredentials/gitlab"

    assert (await plain.arm("DELETE", path)).code == "ParentResourceNotFound"


async def test_deleting_an_identity_deletes_its_credentials(plain: Plain) -> None:
    name = (await make_identity(plain)).name
    await plain.arm("PUT", credential_path(name, "gitlab"), trust(ISSUER, subject()))

    await plain.arm("DELETE", identity_path(name))
    await make_identity(plain, name)

    assert (await plain.arm("GET", f"{identity_path(name)}/federatedIdentityCredentials")).body == {"value": []}


async def test_one_of_two_concurrent_writes_to_an_identity_is_refused(plain: Plain) -> None:
    name = (await make_identity(plain)).name
    plain.azure.controls.set(arm_latency=0.5)

    replies = await asyncio.gather(
        *(plain.arm("PUT", credential_path(name, f"gitlab-{n}"), trust(ISSUER, subject(str(n)))) for n in range(2))
    )

    won, lost = sorted(replies, key=lambda reply: reply.status)
    assert won.status == 201
    assert (lost.status, lost.code) == (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
    assert lost.message == (
        "Too many Federated Identity Credentials are written concurrently for the managed identity "
        f"'{identity_path(name).lower()}'. Concurrent Federated Identity Credentials writes under the same managed "
        "identity are not supported."
    )


async def test_a_delete_conflicts_with_a_write_but_not_with_reads_or_other_identities(plain: Plain) -> None:
    one, other = (await make_identity(plain)).name, (await make_identity(plain)).name
    path = credential_path(one, "gitlab")
    await plain.arm("PUT", path, trust(ISSUER, subject()))
    plain.azure.controls.set(arm_latency=0.5)

    write, delete, elsewhere, read = await asyncio.gather(
        plain.arm("PUT", credential_path(one, "pages"), trust(ISSUER, subject("pages"))),
        plain.arm("DELETE", path),
        plain.arm("PUT", path.replace(one, other), trust(ISSUER, subject())),
        plain.arm("GET", identity_path(one)),
    )

    assert sorted((write.status, delete.status)) in ([200, 409], [201, 409])
    assert (elsewhere.status, read.status) == (201, 200)


async def test_the_21st_credential_is_refused_and_the_20th_can_still_change(plain: Plain) -> None:
    name = (await make_identity(plain)).name
    for n in range(20):
        reply = await plain.arm("PUT", credential_path(name, f"gitlab-{n}"), trust(ISSUER, subject(str(n))))
        assert reply.status == 201

    one_more = await plain.arm("PUT", credential_path(name, "gitlab-20"), trust(ISSUER, subject("20")))
    change = await plain.arm("PUT", credential_path(name, "gitlab-19"), trust(ISSUER, subject("other")))

    assert (one_more.status, one_more.code) == (400, "BadRequest")
    assert "20, the maximum" in one_more.message
    assert change.status == 200


async def test_a_second_credential_with_the_same_issuer_and_subject_is_refused(plain: Plain) -> None:
    name = (await make_identity(plain)).name
    await plain.arm("PUT", credential_path(name, "gitlab"), trust(ISSUER, subject()))

    twice = await plain.arm("PUT", credential_path(name, "again"), trust(ISSUER, subject()))

    assert (twice.status, twice.code) == (400, "BadRequest")
    assert twice.message == "Issuer and subject combination already exists for this Managed Identity."


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        (
            "gitlab",
            trust(ISSUER, subject(), "api://AzureADTokenExchange", "other"),
            "Federated identity credentials must have exactly one audience.",
        ),
        (
            "gitlab",
            {"properties": {"issuer": ISSUER, "subject": subject(), "audiences": []}},
            "Federated identity credentials must have exactly one audience.",
        ),
        (
            "gitlab",
            {"properties": {"issuer": ISSUER, "audiences": ["api://AzureADTokenExchange"]}},
            INCOMPLETE,
        ),
        ("a.b", trust(ISSUER, subject()), "Federated Identity Credential name 'a.b' is invalid."),
        ("ab", trust(ISSUER, subject()), "Federated Identity Credential name 'ab' is invalid."),
        ("_ab", trust(ISSUER, subject()), "Federated Identity Credential name '_ab' is invalid."),
        ("a" * 121, trust(ISSUER, subject()), f"Federated Identity Credential name '{'a' * 121}' is invalid."),
    ],
)
async def test_a_bad_credential_is_refused(plain: Plain, name: str, body: object, message: str) -> None:
    identity = (await make_identity(plain)).name

    reply = await plain.arm("PUT", credential_path(identity, name), body)

    assert (reply.status, reply.code, reply.message) == (400, "BadRequest", message)


async def test_lists_come_in_pages(plain: Plain) -> None:
    name = (await make_identity(plain)).name
    for n in range(3):
        await plain.arm("PUT", credential_path(name, f"gitlab-{n}"), trust(ISSUER, subject(str(n))))

    first = await plain.arm("GET", f"{identity_path(name)}/federatedIdentityCredentials?$top=2")
    link = first.body["nextLink"].removeprefix("https://management.azure.com")
    second = await plain.arm("GET", link)

    assert link.startswith(f"{identity_path(name, GROUP)}/federatedIdentityCredentials?")
    assert [item["name"] for item in first.body["value"]] == ["gitlab-0", "gitlab-1"]
    assert [item["name"] for item in second.body["value"]] == ["gitlab-2"]
    assert "nextLink" not in second.body


async def test_a_refused_credential_creates_no_identity(plain: Plain) -> None:
    name = new_name()
    await plain.arm("PUT", credential_path(name, "gitlab"), trust(ISSUER, subject()))

    assert (await plain.arm("GET", identity_path(name))).code == "ResourceNotFound"
