"""The cluster as an issuer of tokens: its issuer URL, and tokens of service accounts."""

from collections.abc import Mapping
from typing import Any

import jwt

from gitlab_azure_identity.kube.client import Cluster

LIFETIME = 600  # seconds; the shortest that the API server grants (422 below), and enough for one pass


class Tokens:
    """Asks for the issuer and for tokens. Every method raises ClusterError."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def issuer(self) -> str | None:
        """The issuer of the cluster's tokens to the letter, trailing slash included: Entra compares it byte for byte."""
        document = await self._cluster.find("/.well-known/openid-configuration")
        return document.get("issuer") if document else None

    async def token(self, namespace: str, service_account: str, audience: str) -> str:
        """A token of a service account, like the one that the kubelet projects into a pod."""
        answer = await self._cluster.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": [audience], "expirationSeconds": LIFETIME},
            },
        )
        return str(answer["status"]["token"])


def issuer_of(token: str) -> str | None:
    """The issuer that a token names, or None when it is no JWT. It is only compared, so the signature is not checked."""
    return claims_of(token).get("iss")


def claims_of(token: str) -> Mapping[str, Any]:
    """What a token says; nothing when it is no JWT. Neither its signature nor its times are checked."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.InvalidTokenError:
        return {}
