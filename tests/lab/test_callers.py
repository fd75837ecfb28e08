"""Which callers Resource Manager admits: tokens, roles and their delays."""

import pytest

from lab.azure import seeded
from lab.controls import Controls

from .objects import (
    ACCOUNT,
    DATA_CONTRIBUTOR,
    GROUP,
    OWNER,
    READER,
    SUBSCRIPTION,
    assign,
    assignment_path,
    eventually,
    grant,
    identity_path,
    make_identity,
    new_guid,
    new_name,
    trust,
)
from .plain import ARM, STORAGE_SCOPE, Plain


async def ask(plain: Plain, authorization: str | None) -> tuple[int, str, str, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    reply = await plain.send("GET", f"{ARM}{GROUP}?api-version=2021-04-01", headers=headers)
    assert reply.headers["x-ms-failure-cause"] == "gateway"
    return reply.status, reply.code, reply.message, reply.headers.get("WWW-Authenticate", "")


async def test_a_request_without_a_token_is_refused_with_the_login_address(plain: Plain) -> None:
    status, code, message, challenge = await ask(plain, None)

    assert (status, code) == (401, "AuthenticationFailed")
    assert message == "Authentication failed. The 'Authorization' header is missing."
    assert challenge.startswith(
        f'Bearer authorization_uri="https://login.microsoftonline.com/{seeded.TENANT}", error="invalid_token"'
    )


async def test_a_malformed_or_forged_token_is_refused(plain: Plain) -> None:
    head, body, _ = plain.token("owner").split(".")
    forged = ".".join((head, body, plain.token("operator").rpartition(".")[2]))

    for token in ("nonsense", forged):
        assert (await ask(plain, f"Bearer {token}"))[:3] == (
            401,
            "InvalidAuthenticationToken",
            "The access token is invalid.",
        )


async def test_a_token_for_another_resource_is_refused(plain: Plain) -> None:
    status, code, message, _ = await ask(plain, f"Bearer {plain.token('owner', STORAGE_SCOPE)}")

    assert (status, code) == (401, "InvalidAuthenticationTokenAudience")
    assert "wrong audience or resource 'https://storage.azure.com'" in message


async def test_an_expired_token_is_refused(plain: Plain, controls: Controls) -> None:
    token = plain.token("owner")
    controls.set(clock=90_000)

    status, code, message, _ = await ask(plain, f"Bearer {token}")

    assert (status, code) == (401, "ExpiredAuthenticationToken")
    assert message.startswith("The access token expiry UTC time '")


async def test_a_request_without_an_api_version_is_refused(plain: Plain) -> None:
    reply = await plain.send("GET", f"{ARM}{GROUP}", headers={"Authorization": f"Bearer {plain.token('owner')}"})

    assert (reply.status, reply.code) == (400, "MissingApiVersionParameter")
    assert reply.message == "The api-version query parameter (?api-version=) is required for all requests."


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("PUT", identity_path("x-y", f"{SUBSCRIPTION}/resourceGroups/rg-storage"), "IDENTITY/write", None),
        ("DELETE", identity_path("x-y", f"{SUBSCRIPTION}/resourceGroups/nowhere"), "IDENTITY/delete", None),
        (
            "GET",
            f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
            "IDENTITY/read",
            f"{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity",
        ),
        ("PUT", ACCOUNT, "Microsoft.Storage/storageAccounts/write", None),
        (
            "PUT",
            assignment_path(ACCOUNT.replace("gitlabstore", "otherstore"), "7d3a6d5e-1c0f-4c7e-9f2a-3b6c8d9e0f12"),
            "Microsoft.Authorization/roleAssignments/write",
            None,
        ),
        ("PUT", GROUP, "Microsoft.Resources/subscriptions/resourceGroups/write", None),
    ],
)
async def test_a_missing_right_is_refused_with_its_action_and_scope(
    plain: Plain, method: str, path: str, action: str, scope: str | None
) -> None:
    reply = await plain.arm(method, path, {"location": "westeurope"}, principal="operator")

    action = action.replace("IDENTITY", "Microsoft.ManagedIdentity/userAssignedIdentities")
    assert (reply.status, reply.code) == (403, "AuthorizationFailed")
    assert reply.message == (
        f"The client '{seeded.OPERATOR_CLIENT}' with object id '{seeded.OPERATOR_PRINCIPAL}' does not have authorization to "
        f"perform action '{action}' over scope '{scope or path}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials."
    )


async def test_the_operator_may_do_what_it_needs(plain: Plain) -> None:
    name = new_name()

    async def status(method: str, path: str, json: object = None) -> int:
        return (await plain.arm(method, path, json, principal="operator")).status

    assert await status("GET", GROUP) == 200
    assert await status("PUT", identity_path(name), {"location": "westeurope"}) == 201
    assert await status("PUT", f"{identity_path(name)}/federatedIdentityCredentials/gitlab", trust("i", "s")) == 201
    assert await status("GET", f"{identity_path(name)}/federatedIdentityCredentials") == 200
    assert await status("GET", ACCOUNT) == 200
    assert await status("GET", f"{ACCOUNT}/blobServices/default/containers/registry") == 200
    principal = (await plain.arm("GET", identity_path(name))).body["properties"]["principalId"]
    path = assignment_path(ACCOUNT, new_guid())
    assert await status("PUT", path, grant(principal, DATA_CONTRIBUTOR, principalType="ServicePrincipal")) == 201
    assert await status("GET", f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments") == 200
    assert await status("DELETE", path) == 200
    assert await status("DELETE", identity_path(name)) == 200


async def test_a_contributor_may_not_assign_roles_despite_its_wildcard(plain: Plain) -> None:
    contributor = await make_identity(plain)
    await assign(plain, contributor.principal_id, "b24988ac-6180-42a0-ab88-20f7382dd24c", SUBSCRIPTION)
    plain.azure.controls.name_principal("contributor", contributor.principal_id)

    name = new_name()
    write = await plain.arm("PUT", identity_path(name), {"location": "westeurope"}, principal="contributor")
    assignment = await plain.arm(
        "PUT", assignment_path(GROUP, new_guid()), grant(new_guid(), OWNER), principal="contributor"
    )

    assert write.status == 201
    assert (assignment.status, assignment.code) == (403, "AuthorizationFailed")


async def test_assigning_and_removing_a_role_take_effect_after_a_delay(plain: Plain, controls: Controls) -> None:
    reader = (await make_identity(plain)).principal_id
    controls.set(role_propagation=1)

    async def may_read() -> bool:
        return (await plain.arm("GET", GROUP, principal=reader)).status == 200

    async def may_not_read() -> bool:
        return not await may_read()

    assignment = await assign(plain, reader, READER, GROUP)
    granted = await eventually(may_read)
    await plain.arm("DELETE", assignment)
    revoked = await eventually(may_not_read)

    assert granted > 0.3
    assert revoked > 0.3


async def test_a_principal_without_a_role_sees_no_subscription(plain: Plain) -> None:
    principal = (await make_identity(plain)).principal_id

    assert (await plain.arm("GET", "/subscriptions", principal=principal)).body["value"] == []


async def test_a_resource_type_or_method_that_the_lab_lacks_is_refused(plain: Plain) -> None:
    vault = await plain.arm("GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/v")
    patch = await plain.arm("PATCH", GROUP, {})

    assert (vault.status, vault.code) == (404, "InvalidResourceType")
    assert (patch.status, patch.code) == (405, "HttpMethodNotSupported")
