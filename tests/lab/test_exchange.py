"""Entra: the exchange of a cluster's token for an access token, and each refusal."""

import re
import time

import jwt
import pytest

from lab.azure import seeded
from lab.controls import Controls

from .cluster import Cluster
from .objects import (
    credential_path,
    eventually,
    exchange,
    federate,
    identity_path,
    make_identity,
    new_guid,
    subject,
    trust,
)
from .plain import ARM, LOGIN, Plain, Reply


def refusal(reply: Reply, status: int, error: str, number: int) -> str:
    """Check that an answer has the form of Entra's errors. Returns its text without the trace."""
    body = reply.body
    assert (reply.status, body["error"], body["error_codes"]) == (status, error, [number])
    assert list(body) == [
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    ]
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={number}"
    match = re.fullmatch(
        rf"AADSTS{number}: (?P<text>.+) Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']} "
        rf"Timestamp: {body['timestamp']}",
        body["error_description"],
    )
    assert match, body["error_description"]
    return match["text"]


async def test_a_trusted_token_becomes_an_access_token_for_storage(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    reply = await exchange(plain, identity.client_id, cluster.token(subject()))

    assert reply.status == 200
    assert list(reply.body) == ["token_type", "expires_in", "ext_expires_in", "refresh_in", "access_token"]
    assert (reply.body["token_type"], reply.body["expires_in"]) == ("Bearer", 86399)
    claims = jwt.decode(reply.body["access_token"], options={"verify_signature": False})
    assert claims["aud"] == "https://storage.azure.com"
    assert claims["iss"] == f"https://sts.windows.net/{seeded.TENANT}/"
    assert claims["oid"] == claims["sub"] == identity.principal_id
    assert claims["appid"] == identity.client_id
    assert (claims["tid"], claims["idtyp"], claims["ver"]) == (seeded.TENANT, "app", "1.0")
    assert abs(claims["exp"] - time.time() - 86_400) < 10


async def test_the_published_keys_verify_an_access_token(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    token = (await exchange(plain, identity.client_id, cluster.token(subject()))).body["access_token"]

    about = (await plain.send("GET", f"{LOGIN}/{seeded.TENANT}/v2.0/.well-known/openid-configuration")).body
    keys = jwt.PyJWKSet.from_dict((await plain.send("GET", about["jwks_uri"])).body)

    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience="https://storage.azure.com",
    )
    assert claims["oid"] == identity.principal_id
    assert about["token_endpoint"] == f"{LOGIN}/{seeded.TENANT}/oauth2/v2.0/token"
    assert about["issuer"] == f"{LOGIN}/{seeded.TENANT}/v2.0"


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        ("https://storage.azure.com/.default openid offline_access profile", "https://storage.azure.com"),
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        ("https://management.core.windows.net/.default", "https://management.core.windows.net"),
        ("https://management.core.usgovcloudapi.net/.default", "https://management.core.usgovcloudapi.net"),
        ("https://management.chinacloudapi.cn/.default", "https://management.chinacloudapi.cn"),
        ("https://gitlabstore.blob.core.windows.net/.default", "https://gitlabstore.blob.core.windows.net"),
    ],
)
async def test_the_audience_is_the_resource_of_the_scope(
    plain: Plain, cluster: Cluster, scope: str, audience: str
) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    reply = await exchange(plain, identity.client_id, cluster.token(subject()), scope=scope)

    assert jwt.decode(reply.body["access_token"], options={"verify_signature": False})["aud"] == audience


async def test_an_unknown_client_is_refused(plain: Plain, cluster: Cluster) -> None:
    client = new_guid()

    text = refusal(await exchange(plain, client, cluster.token(subject())), 400, "unauthorized_client", 700016)

    assert text.startswith(f"Application with identifier '{client}' was not found in the directory '{seeded.TENANT}'.")


async def test_an_unknown_tenant_is_refused(plain: Plain, cluster: Cluster) -> None:
    tenant = new_guid()

    text = refusal(await exchange(plain, new_guid(), "x", tenant=tenant), 400, "invalid_request", 90002)

    assert text.startswith(f"Tenant '{tenant}' not found.")


async def test_an_identity_without_a_credential_accepts_no_token(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)

    text = refusal(await exchange(plain, identity.client_id, cluster.token(subject())), 401, "invalid_client", 70025)

    assert (
        text == f"The client '{identity.client_id}'({identity.name}) has no configured federated identity credentials."
    )


HELP = (
    "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
)


async def test_an_issuer_without_its_trailing_slash_does_not_match(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    bare = cluster.issuer.rstrip("/")
    await plain.arm("PUT", credential_path(identity.name, "gitlab"), trust(bare, subject()))

    reply = await exchange(plain, identity.client_id, cluster.token(subject()))

    assert refusal(reply, 401, "invalid_client", 700211) == (
        f"No matching federated identity record found for presented assertion issuer '{cluster.issuer}'. {HELP}"
    )


async def test_another_subject_is_refused_by_name(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    reply = await exchange(plain, identity.client_id, cluster.token(subject("other")))

    assert refusal(reply, 401, "invalid_client", 700213) == (
        "No matching federated identity record found for presented assertion subject "
        f"'system:serviceaccount:gitlab:other'. {HELP}"
    )


async def test_a_subject_that_differs_in_case_is_refused(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    reply = await exchange(plain, identity.client_id, cluster.token(subject("GitLab")))

    assert "matches with case-insensitive comparison" in refusal(reply, 401, "invalid_client", 7002138)


async def test_another_audience_is_refused_by_name(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    reply = await exchange(plain, identity.client_id, cluster.token(subject(), aud=["https://kubernetes.default.svc"]))

    assert "audience 'https://kubernetes.default.svc'" in refusal(reply, 401, "invalid_client", 700212)


async def test_an_expired_token_is_refused_with_its_times(plain: Plain, cluster: Cluster, controls: Controls) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    token = cluster.token(subject())
    controls.set(clock=3600 + 600)

    text = refusal(await exchange(plain, identity.client_id, token), 401, "invalid_client", 700024)

    assert text.startswith("Client assertion is not within its valid time range. Current time: ")


async def test_a_forged_signature_is_refused(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    forger = Cluster(cluster.issuer)

    same_key_id = await exchange(plain, identity.client_id, forger.token(subject(), key_id=cluster.key_id))
    own_key_id = await exchange(plain, identity.client_id, forger.token(subject()))

    assert "Assertion failed signature validation" in refusal(same_key_id, 401, "invalid_client", 50013)
    text = refusal(own_key_id, 401, "invalid_client", 7000272)
    assert text.startswith(f"The certificate with identifier {forger.key_id} used to sign the federated credential")


async def test_a_token_of_an_unpublished_issuer_is_refused(plain: Plain) -> None:
    identity, unpublished = await make_identity(plain), Cluster()
    await federate(plain, identity, unpublished)

    reply = await exchange(plain, identity.client_id, unpublished.token(subject()))

    assert refusal(reply, 400, "invalid_request", 90061) == "Request to External OIDC endpoint failed."


async def test_an_incomplete_or_unsupported_request_is_refused(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    token = cluster.token(subject())

    async def ask(**changes: str) -> Reply:
        return await exchange(plain, identity.client_id, token, **changes)

    assert "'scope'" in refusal(await ask(scope=""), 400, "invalid_request", 900144)
    assert "'client_assertion'" in refusal(await ask(client_assertion=""), 400, "invalid_request", 900144)
    assert "'password'" in refusal(await ask(grant_type="password"), 400, "unsupported_grant_type", 70003)
    assert refusal(await ask(scope="https://storage.azure.com/user_impersonation"), 400, "invalid_scope", 1002012)
    assert refusal(await ask(scope="https://vault.azure.net/.default"), 400, "invalid_resource", 500011)
    assert refusal(await ask(client_assertion="no.token.atall"), 401, "invalid_client", 50027)


async def test_a_new_credential_is_accepted_after_a_delay(plain: Plain, cluster: Cluster, controls: Controls) -> None:
    controls.set(credential_propagation=1)
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)

    early = await exchange(plain, identity.client_id, cluster.token(subject()))

    async def known() -> bool:
        return (await exchange(plain, identity.client_id, cluster.token(subject()))).status == 200

    text = refusal(early, 400, "invalid_request", 70021)
    assert text.startswith(
        f"No matching federated identity record found for presented assertion. Assertion Issuer: '{cluster.issuer}'. "
        f"Assertion Subject: '{subject()}'. Assertion Audience: 'api://AzureADTokenExchange'."
    )
    assert await eventually(known) > 0.2


async def test_changing_and_deleting_a_credential_take_effect_after_a_delay(
    plain: Plain, cluster: Cluster, controls: Controls
) -> None:
    identity = await make_identity(plain)
    path = await federate(plain, identity, cluster)
    controls.set(credential_propagation=1)

    async def trusted(service_account: str) -> bool:
        return (await exchange(plain, identity.client_id, cluster.token(subject(service_account)))).status == 200

    async def not_trusted() -> bool:
        return not await trusted("pages")

    await plain.arm("PUT", path, trust(cluster.issuer, subject("pages")))
    assert await trusted("gitlab")
    assert not await trusted("pages")
    await eventually(lambda: trusted("pages"))
    assert not await trusted("gitlab")
    await plain.arm("DELETE", path)
    assert await trusted("pages")
    await eventually(not_trusted)


async def test_a_deleted_identity_is_refused_at_once_as_an_unknown_client(plain: Plain, cluster: Cluster) -> None:
    identity = await make_identity(plain)
    await federate(plain, identity, cluster)
    await plain.arm("DELETE", identity_path(identity.name))

    refusal(await exchange(plain, identity.client_id, cluster.token(subject())), 400, "unauthorized_client", 700016)


async def test_resource_manager_accepts_an_exchanged_token(plain: Plain, azure_operator: Cluster) -> None:
    reply = await exchange(
        plain,
        seeded.OPERATOR_CLIENT,
        azure_operator.token(seeded.OPERATOR_SUBJECT),
        scope=f"{ARM}/.default",
    )
    answer = await plain.send(
        "GET",
        f"{ARM}/subscriptions/{seeded.SUBSCRIPTION}/resourceGroups/rg-gitlab?api-version=2021-04-01",
        headers={"Authorization": f"Bearer {reply.body['access_token']}"},
    )

    assert answer.status == 200


async def test_instance_discovery_returns_the_tenants_document(plain: Plain) -> None:
    url = f"{LOGIN}/common/discovery/instance?api-version=1.1&authorization_endpoint={LOGIN}/{seeded.TENANT}/oauth2"

    body = (await plain.send("GET", url)).body

    assert body["tenant_discovery_endpoint"] == f"{LOGIN}/{seeded.TENANT}/v2.0/.well-known/openid-configuration"
    assert "login.microsoftonline.com" in body["metadata"][0]["aliases"]


async def test_a_clusters_issuer_documents_are_found_at_their_addresses(plain: Plain, cluster: Cluster) -> None:
    about = await plain.send("GET", f"{cluster.issuer}.well-known/openid-configuration")

    assert about.body == cluster.configuration
    assert (await plain.send("GET", about.body["jwks_uri"])).body == cluster.jwks
