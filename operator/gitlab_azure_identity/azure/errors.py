"""Errors of Resource Manager, and of the operator's own login: their lines in `error_table`, filled in for a person."""

import re
import shlex
from dataclasses import dataclass, replace
from enum import Enum

from gitlab_azure_identity.azure import entra
from gitlab_azure_identity.azure.entra import Trouble
from gitlab_azure_identity.azure.error_table import (
    ISSUER_UNREACHABLE,
    KEY_UNKNOWN,
    KINDS,
    LOGIN_REFUSED,
    LOGIN_UNKNOWN,
    LOOK_UP,
    NO_CREDENTIALS_THERE,
    NOT_AZURES,
    NOT_KNOWN_YET,
    NOT_REGISTERED,
    REFUSED,
    REGISTERING,
    STATUSES,
    TABLE,
    THROTTLED,
    UNREACHABLE,
    Entry,
)
from gitlab_azure_identity.domain.findings import Failure, Outlook

TEXT_LIMIT = 2000  # characters of Azure's text in a message


class AzureError(Exception):
    """One refused or failed request. `status` is 0 when no answer came; `retry_after` is in seconds. `code` is empty when the
    answer has none. `login` says that Entra answered, and `oauth` is the error of its answer."""

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        retry_after: float | None = None,
        *,
        login: bool = False,
        oauth: str = "",
    ) -> None:
        super().__init__(f"{code or 'no code'} ({status}): {detail}")
        self.code, self.status, self.detail, self.retry_after = code, status, detail, retry_after
        self.login, self.oauth = login, oauth

    @property
    def not_found(self) -> bool:
        """Whether Azure says that the object, its parent or its scope does not exist. Without a code Azure did not say it:
        something on the way answered. Nor does a login say anything of the object."""
        return self.status == 404 and bool(self.code) and not self.login  # noqa: PLR2004

    @property
    def gone(self) -> bool:
        """Whether the answer to a deletion says that there is nothing to delete. Other codes come with 404 too, such as
        InvalidResourceType."""
        return self.not_found and self._says_not_found

    @property
    def missing(self) -> bool:
        """Whether something that a write needs is not there, as Azure says. Some such codes come with 400: PrincipalNotFound."""
        return self.status == 404 or (self.status == 400 and self._says_not_found)  # noqa: PLR2004

    @property
    def _says_not_found(self) -> bool:
        return re.search("not_?found|not_?exist", self.code, re.IGNORECASE) is not None


class Act(Enum):
    """What a request does to its object."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"


@dataclass(frozen=True)
class Operation:
    """What a request does, for the sentence `The operator may not …`, and the right that it needs."""

    doing: str
    right: str
    settled_by: str = "spec"  # the part of the resource that says where the object is
    act: Act = Act.READ
    below: str = ""  # of a write: what the object belongs to, which Azure has just shown or confirmed
    provider: str = "Microsoft.ManagedIdentity"
    region: str = ""  # where the object is, if Azure offers it in some regions only
    group: str = ""  # its resource group

    def another(self, field: str) -> str:
        """What a person does about a wrong name in a field. Those of spec.azure cannot change: an identity does not move."""
        where = f"{self.settled_by}.{field}"
        if self.settled_by == "spec.azure":
            return f"delete this resource, and create it again with another {where}, which cannot change"
        return f"correct {where}"


def entry(error: AzureError, operation: Operation) -> Entry:
    """The line for an error: by its code, by the kind of its code, else by its status."""
    if error.status == 405 and operation.region:  # noqa: PLR2004
        return NO_CREDENTIALS_THERE
    line = TABLE.get(error.code) or next((found for kind, found in KINDS if re.search(kind, error.code)), None)
    if line is NOT_REGISTERED and "'registering'" in error.detail.lower():
        return REGISTERING
    if error.missing and operation.below and (line is None or line.outlook is Outlook.STALLED):
        return replace(NOT_KNOWN_YET, overdue=line.text) if line else NOT_KNOWN_YET
    if line:
        return line
    return STATUSES.get(error.status) or (REFUSED if 300 <= error.status < 500 else UNREACHABLE)  # noqa: PLR2004


def classify(error: AzureError, operation: Operation) -> Failure:
    """What an error means for a person, and what comes next."""
    return filled(_login(error) if error.login else entry(error, operation), error, operation)


def filled(line: Entry, error: AzureError, operation: Operation) -> Failure:
    """The failure of one line, its texts filled in."""
    detail = sanitize(error.detail)
    known = f"{error.code} ({error.status})" if error.code else f"status {error.status}"
    words = {
        "doing": operation.doing,
        "right": operation.right,
        "settled_by": operation.settled_by,
        "another_group": operation.another("resourceGroup"),
        "another_subscription": operation.another("subscriptionId"),
        "below": operation.below or "the resource",
        "provider": operation.provider,
        "region": operation.region,
        "group": shlex.quote(operation.group) if operation.group else "<group>",
        "detail": detail,
        "look_up": LOOK_UP if error.code else NOT_AZURES,
        "said": f"{known}: {detail}" if error.status else detail,
    }
    message = line.text.format(**words).strip()
    if line.hint and line.hint[0] in error.detail.lower():
        message = f"{message} {line.hint[1]}"
    return Failure(
        line.reason, message, line.outlook, error.retry_after, line.limit, line.overdue.format(**words).strip()
    )


def _login(error: AzureError) -> Entry:
    """The line for a failed login of the operator itself. Entra's own trouble is nothing that a person could mend."""
    line = entra.line(error.code, error.status, error.oauth, error.detail)
    match line.trouble:
        case Trouble.UNAVAILABLE if error.status == 429:  # noqa: PLR2004
            return THROTTLED
        case Trouble.UNAVAILABLE:
            return UNREACHABLE
        case Trouble.ISSUER:
            return ISSUER_UNREACHABLE
        case Trouble.KEY:
            return KEY_UNKNOWN
        case Trouble.UNKNOWN:
            return LOGIN_UNKNOWN
    return replace(LOGIN_REFUSED, text=f"{LOGIN_REFUSED.text} {line.advice}")


_NOISE = re.compile(
    r"(\s*(Trace ID|Correlation ID|Timestamp|Request ?Id|Time):\s*\S+(\s+\d\d:\d\d:\d\d\S*)?)"  # Entra's time has a space
    r"|(\s*Current time: \S+)"
    r"|(\s*For more details please go to \S+)"
    r"|(\s*See https?://\S+\s*$)"  # one that ends a sentence; others are a part of it
    r"|(\?[A-Za-z0-9_%.-]+=[^\s'\"]+)",  # query strings
    re.IGNORECASE,
)


def sanitize(text: str) -> str:
    """Azure's text on one line, without query strings and correlation noise, ended with a full stop."""
    plain = " ".join(_NOISE.sub("", text).split())
    plain = plain[:TEXT_LIMIT]
    return plain if not plain or plain.endswith((".", "!", "?")) else f"{plain}."
