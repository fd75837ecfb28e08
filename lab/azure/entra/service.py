"""Entra's endpoints: the token endpoint, and the documents that clients read first."""

import re
from typing import Any

from aiohttp import web

from lab.azure import seeded
from lab.azure.calls import Call
from lab.azure.entra import errors
from lab.azure.entra.exchange import Exchange
from lab.azure.entra.issuers import Issuers
from lab.azure.entra.resources import audience
from lab.azure.hosts import LOGIN_HOSTS, Cloud
from lab.azure.state import AzureState, new_guid
from lab.azure.tokens import LIFETIME, SigningKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TENANT = r"/(?P<tenant>[^/]+)"
TOKEN = re.compile(TENANT + r"/oauth2/v2\.0/token")
CONFIGURATION = re.compile(TENANT + r"(?P<version>/v2\.0)?/\.well-known/openid-configuration")
KEYS = re.compile(TENANT + r"/discovery(/v2\.0)?/keys")
INSTANCE = re.compile(TENANT + r"/discovery/instance")
EVERY_TENANT = frozenset({"common", "organizations"})


class Entra:
    def __init__(self, state: AzureState, key: SigningKey, issuers: Issuers) -> None:
        self._state = state
        self._key = key
        self._exchange = Exchange(state, issuers)

    async def answer(self, request: web.BaseRequest, call: Call) -> web.Response:
        headers = {
            "Cache-Control": "no-store, no-cache",
            "Pragma": "no-cache",
            "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
            "X-Content-Type-Options": "nosniff",
            "x-ms-request-id": new_guid(),
        }
        try:
            if request.method == "POST" and (match := TOKEN.fullmatch(request.path)):
                return web.json_response(await self._token(request, call, match["tenant"]), headers=headers)
            if request.method == "GET" and (document := self._document(call.host, request)) is not None:
                return web.json_response(document, headers=headers)
        except errors.EntraError as error:
            call.code = error.code
            body = error.as_json(self._state.clock.now(), call.host)
            return web.json_response(body, status=error.status, headers=headers)
        return web.Response(status=404, headers=headers)

    async def _token(self, request: web.BaseRequest, call: Call, tenant: str) -> dict[str, Any]:
        form = await request.post()
        tenant = self._require_tenant(tenant)
        sent = {key: str(value) for key, value in form.items()}
        for name in ("grant_type", "client_id", "scope"):
            if not sent.get(name):
                raise errors.missing_parameter(name)
        if identity := self._state.clients.get(sent["client_id"].casefold()):
            call.caller = self._state.principal_name(identity.principal_id)
        if sent["grant_type"] != "client_credentials":
            raise errors.unsupported_grant(sent["grant_type"])
        if not sent.get("client_assertion") or sent.get("client_assertion_type") != ASSERTION_TYPE:
            raise errors.missing_parameter("client_assertion")
        wanted, cloud = audience(sent["scope"])
        identity = self._exchange.client(sent["client_id"], _home(tenant), sent["client_assertion"])
        principal = self._state.principals[identity.principal_id]
        token = self._key.issue(principal, wanted, cloud, self._state.clock)
        return {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "refresh_in": LIFETIME // 2,
            "access_token": token,
        }

    def _document(self, host: str, request: web.BaseRequest) -> dict[str, Any] | None:
        cloud = LOGIN_HOSTS[host]
        if INSTANCE.fullmatch(request.path):
            return _instance(host)
        if match := CONFIGURATION.fullmatch(request.path):
            tenant = self._require_tenant(match["tenant"])
            return _configuration(host, tenant, self._issuer(cloud, tenant), match["version"] or "")
        if match := KEYS.fullmatch(request.path):
            tenant = self._require_tenant(match["tenant"])
            return self._key.jwks(self._issuer(cloud, tenant))
        return None

    def _require_tenant(self, tenant: str) -> str:
        if tenant in EVERY_TENANT:
            return tenant
        if tenant.casefold() not in self._state.tenants:
            raise errors.unknown_tenant(tenant)
        return tenant.casefold()

    def _issuer(self, cloud: Cloud, tenant: str) -> str:
        return f"{cloud.issuer_prefix}{_home(tenant)}/"


def _home(tenant: str) -> str:
    """The tenant that answers at a path which names every tenant."""
    return seeded.TENANT if tenant in EVERY_TENANT else tenant


def _instance(host: str) -> dict[str, Any]:
    public = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    return {
        "tenant_discovery_endpoint": f"https://{host}/{seeded.TENANT}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            _network("login.microsoftonline.com", "login.windows.net", public),
            _network(
                "login.partner.microsoftonline.cn",
                "login.partner.microsoftonline.cn",
                ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
            ),
            _network(
                "login.microsoftonline.us",
                "login.microsoftonline.us",
                ["login.microsoftonline.us", "login.usgovcloudapi.net"],
            ),
        ],
    }


def _network(network: str, cache: str, aliases: list[str]) -> dict[str, Any]:
    return {"preferred_network": network, "preferred_cache": cache, "aliases": aliases}


def _configuration(host: str, tenant: str, issuer: str, version: str) -> dict[str, Any]:
    base = f"https://{host}/{tenant}"
    return {
        "token_endpoint": f"{base}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery{version}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base}{version}" if version else issuer,
        "authorization_endpoint": f"{base}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
        "end_session_endpoint": f"{base}/oauth2{version}/logout",
        "tenant_region_scope": "EU",
        "cloud_instance_name": host.partition(".")[2],
    }
