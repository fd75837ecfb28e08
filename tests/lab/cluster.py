"""A cluster as Azure sees it: an issuer of service account tokens. It has a signing key and no control plane."""

import base64
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lab.azure import seeded
from lab.controls import Controls

AUDIENCE = seeded.AUDIENCE


class Cluster:
    def __init__(self, issuer: str | None = None) -> None:
        self.issuer = issuer or f"https://westeurope.oic.prod-aks.azure.com/{seeded.TENANT}/{uuid.uuid4()}/"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()

    def publish(self, controls: Controls) -> None:
        """Publish the issuer's configuration and keys, as AKS does for a cluster with the OIDC issuer enabled."""
        controls.publish_issuer(self.issuer, self.configuration, self.jwks)

    @property
    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    @property
    def jwks(self) -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "use": "sig", "alg": "RS256", "kid": self.key_id}]}

    def token(self, subject: str, *, key_id: str | None = None, **claims: Any) -> str:
        """A token as the API server issues it: its audience is a list."""
        now = int(time.time())
        payload = {
            "iss": self.issuer,
            "sub": subject,
            "aud": [AUDIENCE],
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            **claims,
        }
        return jwt.encode(payload, self._key, algorithm="RS256", headers={"kid": key_id or self.key_id})
