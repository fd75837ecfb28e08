"""The token exchange: whether a federated identity credential of a client trusts an assertion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from lab.azure.entra import errors
from lab.azure.entra.issuers import Issuers
from lab.azure.state import AzureState, Credential, Identity

SKEW = 300
"""Seconds by which the clocks of the issuer and of Entra may differ."""


@dataclass(frozen=True)
class AssertionClaims:
    """The claims of an assertion that a federated credential is compared with."""

    issuer: str
    subject: str
    audience: str

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "AssertionClaims":
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        return cls(str(claims["iss"]), str(claims["sub"]), str(audiences[0]) if audiences else "")

    def trusted_by(self, credential: Credential) -> bool:
        return (self.issuer, self.subject) == (credential.issuer, credential.subject) and (
            self.audience in credential.audiences
        )


class Exchange:
    def __init__(self, state: AzureState, issuers: Issuers) -> None:
        self._state = state
        self._issuers = issuers

    def client(self, client_id: str, tenant: str, assertion: str) -> Identity:
        """The managed identity that the assertion gives access to. A tenant knows its own identities only.

        Raises:
            EntraError: the assertion gives no access to this client.
        """
        identity = self._state.clients.get(client_id.casefold())
        if identity is None or identity.tenant != tenant:
            raise errors.unknown_client(client_id, tenant)
        claims, key_id = self._read(assertion)
        presented = AssertionClaims.of(claims)
        self._match_issuer(identity, presented)
        self._verify(assertion, presented.issuer, key_id)
        self._check_time(claims)
        self._match_subject(identity, presented)
        return identity

    def _read(self, assertion: str) -> tuple[Mapping[str, Any], str]:
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(assertion, options={"verify_signature": False, "verify_exp": False})
        except jwt.InvalidTokenError as error:
            raise errors.malformed(str(error)) from error
        for name in ("iss", "sub", "aud", "exp"):
            if name not in claims:
                raise errors.malformed(f"The assertion has no claim '{name}'.")
        if header.get("alg") != "RS256":
            raise errors.malformed(f"The assertion is signed by {header.get('alg')}; RS256 is expected.")
        return claims, str(header.get("kid", ""))

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        now, start = self._state.clock.now(), float(claims.get("nbf", claims.get("iat", 0)))
        if not start - SKEW <= now < float(claims["exp"]) + SKEW:
            raise errors.out_of_time(now, start, float(claims["exp"]))

    def _match_issuer(self, identity: Identity, presented: "AssertionClaims") -> None:
        """Check the issuer first: Entra fetches keys only from issuers that a credential names."""
        known = self._state.effective_credentials(identity)
        pending = self._state.pending_credentials(identity)
        if not known and not pending:
            raise errors.no_credentials(identity.client_id, identity.name)
        if all(credential.issuer != presented.issuer for credential in (*known, *pending)):
            raise errors.no_match("issuer", presented.issuer)

    def _match_subject(self, identity: Identity, presented: "AssertionClaims") -> None:
        """Issuer, subject and audience are compared byte for byte; since 2024 upper and lower case count, too."""
        known = self._state.effective_credentials(identity)
        if any(presented.trusted_by(credential) for credential in known):
            return
        if any(presented.trusted_by(credential) for credential in self._state.pending_credentials(identity)):
            raise errors.not_yet_known(presented.issuer, presented.subject, presented.audience)
        subjects = {credential.subject for credential in known if credential.issuer == presented.issuer}
        if presented.subject in subjects:
            raise errors.no_match("audience", presented.audience)
        if presented.subject.casefold() in {subject.casefold() for subject in subjects}:
            raise errors.subject_case(presented.subject)
        raise errors.no_match("subject", presented.subject)

    def _verify(self, assertion: str, issuer_url: str, key_id: str) -> None:
        issuer, trouble = self._issuers.used(issuer_url), self._issuers.trouble(issuer_url)
        if trouble is not None:
            raise errors.issuer_unreachable(trouble)
        if issuer is None:
            raise errors.issuer_unreachable()
        key = issuer.key(key_id)
        if key is None:
            raise errors.unknown_key(key_id, issuer_url)
        try:
            jwt.decode(assertion, key, algorithms=["RS256"], options={"verify_exp": False, "verify_aud": False})
        except jwt.InvalidSignatureError as error:
            raise errors.bad_signature() from error
        except jwt.InvalidTokenError as error:
            raise errors.malformed(str(error)) from error
