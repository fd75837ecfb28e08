"""Entra's signing key: issues access tokens, and verifies them."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lab.azure import seeded
from lab.azure.hosts import Cloud
from lab.azure.settings import Clock
from lab.azure.state import Principal

LIFETIME = 86_399
"""Seconds that Entra reports: the 24 hours of a managed identity's token, less one second."""
REMEMBERED = 10_000


class InvalidTokenError(Exception):
    """The token was not issued by this directory, or is no token."""


@dataclass(frozen=True)
class Claims:
    principal_id: str
    client_id: str
    audience: str
    expires: int
    tenant: str = seeded.TENANT


class SigningKey:
    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key()
        digest = hashlib.sha256(
            public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        ).digest()
        self.key_id = base64.urlsafe_b64encode(digest[:20]).decode().rstrip("=")
        self._public = public
        self._genuine: dict[str, Claims] = {}

    def jwks(self, issuer: str) -> dict[str, Any]:
        key = RSAAlgorithm.to_jwk(self._public, as_dict=True)
        key.pop("key_ops", None)
        return {"keys": [{**key, "kid": self.key_id, "x5t": self.key_id, "use": "sig", "issuer": issuer}]}

    def issue(self, principal: Principal, audience: str, cloud: Cloud, clock: Clock) -> str:
        """A version 1 access token for an application, with the claims that Entra issues."""
        now = int(clock.now())
        issuer = f"{cloud.issuer_prefix}{principal.tenant}/"
        claims = {
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME + 1,
            "aio": secrets.token_urlsafe(24),
            "appid": principal.client_id,
            "appidacr": "2",
            "idp": issuer,
            "idtyp": "app",
            "oid": principal.id,
            "rh": "1.AAAA.",
            "sub": principal.id,
            "tid": principal.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def read(self, token: str) -> Claims:
        """The claims of a token whose signature is verified. Its time and its audience are not checked.

        Raises:
            InvalidTokenError: it is no token, or another key signed it.
        """
        known = self._genuine.get(token)
        if known is not None:
            return known
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._public,
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError(str(error)) from error
        read = Claims(claims["oid"], claims["appid"], claims["aud"], claims["exp"], claims["tid"])
        if len(self._genuine) >= REMEMBERED:
            self._genuine.clear()
        self._genuine[token] = read
        return read
