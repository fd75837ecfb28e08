"""The token issuers that Entra can reach, each with the two documents that AKS publishes under the issuer's URL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from lab.azure.entra.errors import OIDC_FAILED
from lab.azure.settings import Clock, Settings

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
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._issuers: dict[str, Issuer] = {}
        self._former: dict[str, tuple[Issuer, float]] = {}
        """What was published before, and when that ended, on the steady clock."""
        self._trouble: dict[str, int] = {}
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
        if (former := self.used(issuer)) is not None:
            self._former[issuer] = former, self._clock.steady()
        self._issuers[issuer] = Issuer(configuration, jwks)
        self._documents[_place(issuer.rstrip("/") + DISCOVERY)] = configuration
        self._documents[_place(keys_url)] = jwks

    def used(self, url: str) -> Issuer | None:
        """An issuer as Entra knows it, by its exact URL, including a slash at the end.

        Entra fetches an issuer's keys when it needs them, and keeps them for a while: a key that is new is unknown meanwhile
        (azurefile-csi-driver waits up to 20 minutes for it in its tests).
        """
        former, ended = self._former.get(url, (None, 0.0))
        cached = self._clock.steady() < ended + self._settings.key_cache
        return former if former is not None and cached else self._issuers.get(url)

    def break_off(self, url: str, number: int) -> None:
        """Entra cannot fetch the issuer's documents, and answers with this error.

        Raises:
            ValueError: no such answer of Entra is known.
        """
        if number not in OIDC_FAILED:
            raise ValueError(f"Entra answers with one of {', '.join(map(str, OIDC_FAILED))}, not with {number!r}.")
        self._trouble[url] = number

    def mend(self, url: str) -> None:
        self._trouble.pop(url, None)

    def trouble(self, url: str) -> int | None:
        """The number of the error while the issuer's documents cannot be fetched."""
        return self._trouble.get(url)

    def restore(self) -> None:
        """Take back what control calls put into the world."""
        self._trouble.clear()
        self._former.clear()

    def knows(self, host: str) -> bool:
        return any(known == host for known, _ in self._documents)

    def document(self, host: str, path: str) -> Mapping[str, Any] | None:
        return self._documents.get((host, path))


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return (parts.hostname or "").casefold(), parts.path
