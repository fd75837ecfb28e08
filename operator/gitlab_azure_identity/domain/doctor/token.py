"""The token of a service account, held against the federated credentials as Entra does: issuer, subject and audience, character
by character."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gitlab_azure_identity.domain.desired import Credential
from gitlab_azure_identity.domain.doctor.compared import difference, likeness


@dataclass(frozen=True)
class Claims:
    """What Entra compares of a token."""

    issuer: str
    subject: str
    audience: str


def trusted_by(claims: Claims, credentials: Sequence[Credential]) -> Credential | None:
    """The credential that trusts the token, or None."""
    return next((one for one in credentials if (one.issuer, one.subject, one.audience) == _triple(claims)), None)


def compared(claims: Claims, credentials: Sequence[Credential]) -> tuple[Credential, tuple[str, ...]] | None:
    """The credential that is most like a token which none trusts, and lines that show what is different. None when there is no
    credential at all."""
    if not credentials:
        return None
    near = max(credentials, key=lambda one: _alike(claims, one))
    return near, tuple(_lines(claims, near))


def _triple(claims: Claims) -> tuple[str, str, str]:
    return claims.issuer, claims.subject, claims.audience


def _alike(claims: Claims, credential: Credential) -> float:
    mine, theirs = _triple(claims), (credential.issuer, credential.subject, credential.audience)
    return sum(likeness(one, other) + (one == other) for one, other in zip(mine, theirs, strict=True))


def _lines(claims: Claims, credential: Credential) -> Iterator[str]:
    parts = (
        ("issuer", claims.issuer, credential.issuer),
        ("subject", claims.subject, credential.subject),
        ("audience", claims.audience, credential.audience),
    )
    for name, needed, found in parts:
        if apart := difference(needed, found):
            yield from apart.lines(f"{name} of the token", f"{name} of the credential")
