"""What an error answer of Azure says: its code, its whole text, and how long to wait. Any body has a meaning, malformed ones too.

The forms: Resource Manager's errors with their details (Resource Provider Contract, "Error response content"), OAuth's errors
(RFC 6749, section 5.2), Blob Storage's XML ("Status and error codes"), and whatever a proxy on the way answers."""

import html
import json
import math
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from gitlab_azure_identity.azure.errors import AzureError
from gitlab_azure_identity.clock import SYSTEM, Clock

LONGEST_WAIT = 3600.0  # seconds; a longer Retry-After counts as this
DEPTH = 3  # of details within details
_AADSTS = re.compile(r"AADSTS\d+")
_XML = re.compile(
    r"<(?P<tag>Code|Message|AuthenticationErrorDetail|ExtendedErrorDetail)>(?P<text>.*?)</(?P=tag)>", re.DOTALL
)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
# what names an Azure Policy to a person: the definition, the initiative that it is part of, and the assignment
_POLICY = {
    "policy": ("policyDefinitionDisplayName", "policyDefinitionName", "policyDefinitionId"),
    "initiative": ("policySetDefinitionDisplayName", "policySetDefinitionName"),
    "assignment": ("policyAssignmentDisplayName", "policyAssignmentName", "policyAssignmentId"),
}


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, login: bool = False) -> AzureError:
    """The error that an answer reports. `login` says that Entra's token endpoint was asked."""
    text = decoded(body)
    answer = _json(text)
    code, said, oauth = "", "", ""
    if isinstance(answer, dict):
        code, said, oauth = _read(answer)
    elif isinstance(answer, str) and answer.strip():
        said = answer
    elif "<" in text:
        code, said = _marked_up(text)
    else:
        said = text
    code = code or str(headers.get("x-ms-error-code") or "")
    if login and (found := _AADSTS.search(said)):
        code = found.group()
    said = said.strip() or text.strip() or _phrase(status)
    return AzureError(" ".join(code.split())[:100], status, said, retry_after(headers), login=login, oauth=oauth)


def decoded(body: bytes) -> str:
    """The text of a body. Azure writes UTF-8, and some proxies UTF-16."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if body.startswith(mark):
            return body.decode(encoding, errors="replace")
    return body.decode("utf-8-sig", errors="replace")


def _json(text: str) -> Any:
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return next((each for each in answer if isinstance(each, dict)), None) if isinstance(answer, list) else answer


def _phrase(status: int) -> str:
    try:
        return f"{HTTPStatus(status).phrase}, without a text."
    except ValueError:
        return "An answer without a text."


def _read(answer: dict[str, Any]) -> tuple[str, str, str]:
    """Code, text and OAuth error of an answer in JSON."""
    keys = {key.lower(): value for key, value in answer.items()}
    error = keys.get("error") or keys.get("odata.error")
    if isinstance(error, dict):
        keys = {key.lower(): value for key, value in error.items()}
        return _plain(keys.get("code")), " ".join(_sentences(error)), ""
    if isinstance(error, str):
        return error, _plain(keys.get("error_description")) or error, error
    return _plain(keys.get("code")), " ".join(_sentences(answer)), ""


def _sentences(error: dict[str, Any], depth: int = DEPTH) -> Iterator[str]:
    """The texts of an error and of its details, each once."""
    keys = {key.lower(): value for key, value in error.items()}
    before = ""
    for text in (_plain(keys.get("message")), *_inner(keys, depth)):
        if text and text not in before:
            before += text
            yield text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."


def _inner(keys: dict[str, Any], depth: int) -> Iterator[str]:
    if depth > 0:
        for detail in _several(keys.get("details")):
            yield " ".join(_sentences(detail, depth - 1))
        for inner in _several(keys.get("innererror")):
            yield " ".join(_sentences(inner, depth - 1))
    for info in _several(keys.get("additionalinfo")):
        yield _additional(info)
    for info in _several(keys.get("policydetails")):
        yield _additional({"info": info})


def _several(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the one object."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _additional(info: dict[str, Any]) -> str:
    """What `additionalInfo` names: an Azure Policy (type PolicyViolation), else its content."""
    content = info.get("info")
    if not isinstance(content, dict):
        return _plain(content)
    named = {
        what: next((_plain(content[key]) for key in keys if content.get(key)), "") for what, keys in _POLICY.items()
    }
    if named["policy"] or named["assignment"]:
        words = ", ".join(f'{what} "{name}"' for what, name in named.items() if name)
        return f"Azure Policy: {words}."
    return json.dumps(content, ensure_ascii=False)


def _plain(value: Any) -> str:
    """A text as it is, an OData text ({lang, value}) as its value, and anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict) and isinstance(value.get("value"), str):
        return str(value["value"])
    return json.dumps(value, ensure_ascii=False)


def _marked_up(text: str) -> tuple[str, str]:
    """Code and text of an answer in XML or HTML."""
    found = {match["tag"]: html.unescape(match["text"]) for match in _XML.finditer(text)}
    if code := found.pop("Code", ""):
        return code, " ".join(found.values())
    return "", " ".join(html.unescape(_TAG.sub(" ", text)).split())


def retry_after(headers: Mapping[str, str], clock: Clock = SYSTEM) -> float | None:
    """The seconds that the Retry-After header asks for, as a number or as a date. None without a header that can be read."""
    value = headers.get("Retry-After")
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment.replace(tzinfo=moment.tzinfo or clock.now().tzinfo) - clock.now()).total_seconds()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(LONGEST_WAIT, max(0.0, seconds))


def is_token(body: bytes) -> bool:
    """Whether the body is the JSON of a token with its end (RFC 6749, section 5.1)."""
    answer = _json(decoded(body))
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
        return False
    return str(answer.get("expires_in") or answer.get("expires_on")).isdecimal()
