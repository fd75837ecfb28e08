"""One redaction for every text that leaves the operator. Statuses, events and logs repeat messages of libraries, of Azure and of
the API server word for word."""

import re

REDACTED = "[redacted]"

# Between a name and its secret: plainly, in JSON, in JSON inside a JSON string, and URL-encoded.
_IS = r"(?:\s*(?:=|\\+u003d)\s*|%(?:25)*3D)"
_QUOTE = r"(?:\\*[\"']|%(?:25)*22)"
_COLON = rf"{_QUOTE}(?:\s*:\s*|%(?:25)*3A)"
_OPENED = r"(?P<quote>\\*[\"'])?"
_AFTER = r"(?:\s+|%(?:25)*20|\+)"  # a scheme of HTTP's Authorization header

# The secret: after a quote, everything to the next quote, or to the end of a text that was cut.
_QUOTED = r"(?:(?!(?P=quote))\\?.)+"
_KEY = r"(?:[\w+/=%~-]|\\+u00[0-9a-f]{2})+"
_WORD = r"[^\s\"'\\;&,<>]+"
_QUERY = r"[^\s\"'\\;,<>]+"
_OPAQUE = (
    r"(?:[\w.~+/%-]{20,}|(?=[\w.~+/%-]*\d)[\w.~+/%-]{8,})=*(?![\"=])"  # no ordinary word, such as "authentication"
)
_BASE64 = r"(?=[\w+/-]*(?:\d|=|[a-z][A-Z][\w+/-]*[a-z][A-Z]))[\w+/-]{8,}=*"  # nor a name, such as "LoadBalancer"
_JWT = r"eyJ[\w-]{6,}(?:\.+[\w-]+)*"


def _form(kept: str, secret: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Secrets of one form. The kept part shows a person what was there."""
    return re.compile(rf"(?P<kept>{kept})(?!\[redacted\])(?:{secret})", flags | re.ASCII | re.DOTALL)


def _named(names: str, secret: str, *, colon: bool = True) -> re.Pattern[str]:
    """A secret after its name. A colon counts only after a quoted name: "password: must be longer" is a sentence."""
    between = rf"(?:{_IS}|{_COLON})" if colon else _IS
    return _form(rf"(?:{names}){between}{_OPENED}", rf"(?(quote){_QUOTED}|{secret})")


FORMS = {
    "JSON Web Token": _form(
        "", rf"(?<![A-Za-z0-9]){_JWT}|(?<=%[0-9A-F]{{2}}){_JWT}|(?<=\\[nrt]){_JWT}|eyJ[\w-]+\.{_JWT}", re.NOFLAG
    ),
    "shared access signature": _named("SharedAccessSignature", _QUERY),
    "account key": _named("AccountKey|SharedAccessKey", _KEY),
    "signature of a query": _named("sig", _KEY, colon=False),
    "OAuth secret": _named("client_secret|client_assertion|access_token|refresh_token|id_token|password", _WORD),
    "Authorization header": _form(
        rf"Authorization{_QUOTE}?(?:\s*[:=]\s*|%(?:25)*3[AD]){_QUOTE}?(?:Bearer|Basic|SharedKey|SharedKeyLite){_AFTER}",
        _WORD,
    ),
    "bearer token": _form(rf"Bearer{_AFTER}", _OPAQUE),
    "user and password": _form(rf"Basic{_AFTER}", _BASE64, re.NOFLAG),
    "shared key": _form(rf"SharedKey(?:Lite)?{_AFTER}[a-z0-9-]+(?::|%(?:25)*3A)", _KEY),
}


def redact(text: str) -> str:
    """The text without its secrets. A text that was redacted before stays as it is."""
    for form in FORMS.values():
        text = form.sub(rf"\g<kept>{REDACTED}", text)
    return text
