"""A storage secret that a person wrote, with an access key in it, to the same secret without the key.

What the operator has to say goes into the person's text: the registry's driver `azure` becomes `azure_v2`, and the login becomes
that of the identity. All else that the person wrote stays, but for comments. A text that is not understood is refused. So is one
that names another storage than the resource, since access was proven for the resource's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gitlab_azure_identity.domain.gitlab.yaml import Node, Plain, Unreadable, block, read
from gitlab_azure_identity.domain.redaction import redact

V1, V2 = "azure", "azure_v2"
# Sections that may stand beside the one driver (registry 4.39: configuration.go).
NO_DRIVERS: Final = frozenset({"maintenance", "cache", "delete", "redirect"})
# What the registry logs in with: an access key, or the secret of a service principal in both spellings of azure_v2 (4.39:
# azure/v1/parser.go, azure/v2/parser.go).
REGISTRY_LOGIN: Final = ("accountkey", "secret", "client_id", "clientid", "tenant_id", "tenantid")
RAILS_LOGIN: Final = ("azure_storage_access_key",)
CREDENTIALS: Final = ("accountkey", "secret", "azure_storage_access_key")
# The folders of the registry's blobs. Both drivers read these keys alike.
FOLDERS: Final = ("rootdirectory", "legacyrootprefix", "trimlegacyrootprefix")
REALM, DOMAIN = "core.windows.net", "blob.core.windows.net"  # what the readers take when none is given

_KEY = re.compile(r"[A-Za-z0-9+/]{86}==")  # an access key: 64 bytes in base64
_NAME = re.compile(r"connection_?string|access_?key|account_?key|shared_?key|sas|secret|password|token", re.IGNORECASE)


class Refused(Exception):
    """A text that the operator does not change. `why` completes a sentence that begins with the text's name. It repeats nothing
    that the text says."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Migrated:
    """The text without a login, and the names of the keys that held credentials and are not in it any more."""

    text: str
    dropped: tuple[str, ...] = ()


def migrated(theirs: str, ours: str) -> Migrated:
    """A person's text, made to say what `ours` says, which is the text that the operator would write by itself. The result,
    migrated again, stays as it is. Raises Refused."""
    try:
        text = read(theirs)
    except Unreadable as error:
        raise Refused(error.why) from error
    if not text:
        return Migrated(ours)
    wanted = read(ours)
    result, dropped = _registry(text, wanted) if V2 in wanted else _rails(text, wanted)
    if _holds_credential(result):
        raise Refused("has something else that looks like a credential")
    return Migrated(block(result), dropped)


def _registry(text: Mapping[str, Node], wanted: Mapping[str, Node]) -> tuple[dict[str, Node], tuple[str, ...]]:
    drivers = [section for section in text if section not in NO_DRIVERS]
    if len(drivers) > 1:
        raise Refused("has several storage drivers, and the registry takes one")
    driver = drivers[0] if drivers else ""
    if driver not in (V1, V2):
        raise Refused("has no storage driver azure or azure_v2")
    theirs, ours = _mapping(text[driver]), _mapping(wanted[V2])
    dropped = _credentials(theirs)
    if dropped:
        _must_agree(theirs, ours, {"accountname": "storage account", "container": "container"})
        _must_agree(theirs, ours, {key: key for key in FOLDERS if key in ours})
    at_home = _registry_host(theirs) == _registry_host(ours)
    if dropped and not at_home:
        raise Refused(f"has another endpoint than {_registry_host(ours)}")
    replaced = _laid_over(
        _without(theirs, (*REGISTRY_LOGIN, *(() if at_home else ("realm", "serviceurl")))),
        _without(ours, ("realm", "serviceurl") if at_home else ()),
    )
    sections = {V2 if name == driver else name: replaced if name == driver else value for name, value in text.items()}
    return sections, tuple(f"{driver}.{key}" for key in dropped)


def _rails(text: Mapping[str, Node], wanted: Mapping[str, Node]) -> tuple[dict[str, Node], tuple[str, ...]]:
    """The connection of Rails, or the account of the backups, which may be one text."""
    if text.get("provider", "AzureRM") != "AzureRM":
        raise Refused("has another provider than AzureRM")
    dropped = _credentials(text)
    if dropped:
        _must_agree(text, wanted, {"azure_storage_account_name": "storage account"})
    at_home = _rails_host(text) == _rails_host(wanted)
    if dropped and not at_home:
        raise Refused(f"has another endpoint than {_rails_host(wanted)}")
    ours = _without(wanted, ("azure_storage_domain",) if at_home else ())
    return _laid_over(_without(text, (*RAILS_LOGIN, *(() if at_home else ("azure_storage_endpoint",)))), ours), dropped


def _mapping(settings: Node) -> Mapping[str, Node]:
    if not isinstance(settings, Mapping):
        raise Refused("has a storage driver without settings")
    return settings


def _credentials(settings: Mapping[str, Node]) -> tuple[str, ...]:
    """The keys that hold a credential. A blank one is none: GitLab then logs in as the identity."""
    return tuple(key for key in settings if key in CREDENTIALS and settings[key] not in ("", "null", "~"))


def _must_agree(theirs: Mapping[str, Node], ours: Mapping[str, Node], keys: Mapping[str, str]) -> None:
    """Raises Refused when the text names other blobs than the resource."""
    for key, words in keys.items():
        if _comparable(theirs.get(key)) != _comparable(ours[key]):
            raise Refused(f"has another {words} than the resource, which says {ours[key]}")


def _comparable(value: Node | None) -> Node | None:
    """A scalar as the driver understands it: it trims the slashes of a folder, and takes each case of a boolean."""
    if isinstance(value, Plain) and value.lower() in ("true", "false"):
        return value.lower()
    return value.strip("/") if isinstance(value, str) else value


def _registry_host(settings: Mapping[str, Node]) -> str:
    """The host that the driver sends its requests to. A `serviceurl` counts more than a `realm`."""
    if "serviceurl" in settings:
        return urlsplit(str(settings["serviceurl"])).netloc
    return f"{settings.get('accountname')}.blob.{settings.get('realm', REALM)}"


def _rails_host(settings: Mapping[str, Node]) -> str:
    """The host that Rails sends its requests to. An `azure_storage_endpoint`, which gitlab-fog-azure-rm knows too (2.3.0,
    storage.rb), may name another one than the domain does."""
    if "azure_storage_endpoint" in settings:
        return urlsplit(str(settings["azure_storage_endpoint"])).netloc
    return f"{settings.get('azure_storage_account_name')}.{settings.get('azure_storage_domain', DOMAIN)}"


def _without(settings: Mapping[str, Node], keys: Iterable[str]) -> dict[str, Node]:
    return {key: value for key, value in settings.items() if key not in keys}


def _laid_over(theirs: Mapping[str, Node], ours: Mapping[str, Node]) -> dict[str, Node]:
    """Their settings in their order, with our values, and then those of ours that they lack."""
    return {**theirs, **ours}


def _holds_credential(node: Node) -> bool:
    """Whether a value still holds something that may let somebody in: by its name, or by how it looks."""
    if isinstance(node, Mapping):
        return any(
            _holds_credential(key) or _holds_credential(value) or (_NAME.search(key) is not None and bool(value))
            for key, value in node.items()
        )
    if isinstance(node, list):
        return any(map(_holds_credential, node))
    return _KEY.search(str(node)) is not None or redact(str(node)) != str(node)
