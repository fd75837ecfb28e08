"""The token issuers that Entra can reach, each with the two documents that AKS publishes under the issuer's URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Issuer:
    configuration: Mapping[str, Any]
    jwks: Mapping[str, Any]

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        for key in jwt.PyJWKSet.from_dict(dict(self.jwks)).keys:
            if key.key_id == key_id:
                return key
        return None


class Issuers:
    def __init__(self) -> None:
        self._issuers: dict[str, Issuer] = {}
        self._documents: dict[tuple[str, str], Mapping[str, Any]] = {}

    def publish(self, issuer: str, configuration: Mapping[str, Any], jwks: Mapping[str, Any]) -> None:
        """Serve an issuer's two documents at the URLs in its configuration.

        Raises:
            ValueError: the URLs are not https, or a document lacks a required field.
        """
        keys_url = configuration.get("jwks_uri")
        if not isinstance(keys_url, str) or "keys" not in jwks:
            raise ValueError("An issuer's configuration needs jwks_uri, and its JWKS needs keys.")
        for url in (issuer, keys_url):
            if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
                raise ValueError(f"An issuer is reached by https, not at {url!r}.")
        try:
            jwt.PyJWKSet.from_dict(dict(jwks))
        except jwt.PyJWTError as error:
            raise ValueError(f"The JWKS cannot be read: {error}.") from error
        self._issuers[issuer] = Issuer(configuration, jwks)
        self._documents[_place(issuer.rstrip("/") + DISCOVERY)] = configuration
        self._documents[_place(keys_url)] = jwks

    def restore(self) -> None:
        """Take back what control calls put into the world."""

    def issuer(self, url: str) -> Issuer | None:
        """An issuer by its exact URL, including a slash at the end."""
        return self._issuers.get(url)

    def knows(self, host: str) -> bool:
        return any(known == host for known, _ in self._documents)

    def document(self, host: str, path: str) -> Mapping[str, Any] | None:
        return self._documents.get((host, path))


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return (parts.hostname or "").casefold(), parts.path
