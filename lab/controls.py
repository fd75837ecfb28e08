"""A client of the control API: reads the call log, adds faults, changes settings, issues tokens of principals.

It is synchronous and needs the standard library only, so that tests and the command line can use it anywhere.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT = 10
"""Seconds."""


class RefusedError(Exception):
    """The control API refused a request; the text says why."""


@dataclass(frozen=True)
class Call:
    """One request that Azure received."""

    time: float
    """Seconds since 1970."""
    caller: str
    """The name of the calling principal; empty where the request names none."""
    method: str
    host: str
    path: str
    query: str
    status: int
    """0: there was no answer."""
    code: str
    """Azure's error code, or empty."""
    duration: float
    """Seconds."""
    client: str
    """The user in the client's HTTPS_PROXY (http://USER@…); empty where it has none."""


class Controls:
    """A client of the control API at `url`.

    Every method raises RefusedError where the control API refuses, and OSError where it does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # The control API is on this machine, so a proxy in the environment does not apply.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @classmethod
    def of(cls, folder: Path) -> "Controls":
        """The controls of the Azure that runs with `--dir folder`.

        Raises:
            FileNotFoundError: none runs there.
        """
        about = json.loads((folder / "azure.json").read_text())
        return cls(about["control"])

    def calls(self) -> list[Call]:
        """Every request that Azure received since the start or the last clear_calls, in the order of the answers."""
        return [Call(**call) for call in self._request("GET", "/calls")]

    def clear_calls(self) -> None:
        self._request("DELETE", "/calls")

    def add_fault(
        self,
        match: str,
        *,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        retry_after: float | None = None,
        times: int = 1,
        reset: bool = False,
        hang: bool = False,
        delay: float | None = None,
        applied: bool = False,
    ) -> None:
        """Make the next `times` requests that match fail.

        `match` is "METHOD GLOB". The glob is matched against the path, and against host and path together; * as the
        method means any. With `status` the answer is that error, with `code`, `message` and Retry-After (seconds).
        `reset` resets the connection. `hang` does not answer until clear_faults. `delay` (seconds) alone makes the
        answer late. With `applied` the request is carried out before its answer is lost or replaced.
        """
        self._request(
            "POST",
            "/faults",
            {
                "match": match,
                "status": status,
                "code": code,
                "message": message,
                "retry_after": retry_after,
                "times": times,
                "reset": reset,
                "hang": hang,
                "delay": delay,
                "applied": applied,
            },
        )

    def waiting_faults(self) -> dict[str, int]:
        """By what each fault matches, how many requests it will still be applied to.

        A fault that is missing has been applied to its last request, which may be in progress.
        """
        return {fault["match"]: int(fault["times"]) for fault in self._request("GET", "/faults")}

    def clear_faults(self) -> None:
        """Remove all faults. The connections of requests that hang are reset."""
        self._request("DELETE", "/faults")

    def set(self, **values: float) -> None:
        """Change settings, in seconds: principal_replication, credential_propagation, role_propagation, identity_read_lag,
        credential_read_lag, assignment_read_lag, parent_replication, graph_replication, key_cache, provider_registration,
        arm_latency and clock (by how much Azure's is ahead); throttle, 0 or 1.
        """
        self._request("PATCH", "/settings", values)

    def settings(self) -> dict[str, float]:
        return {key: float(value) for key, value in self._request("GET", "/settings").items()}

    def publish_issuer(self, issuer: str, openid_configuration: dict[str, Any], jwks: dict[str, Any]) -> None:
        """Publish a cluster's token issuer, as AKS does. Its host name then serves both documents."""
        self._request(
            "POST", "/issuers", {"issuer": issuer, "openid_configuration": openid_configuration, "jwks": jwks}
        )

    def token(self, resource_or_scope: str, principal: str = "owner") -> str:
        """An Entra access token.

        `principal` is a name ("owner", "operator", or one given by name_principal) or a principal id.
        """
        answer = self._request("POST", "/tokens", {"resource": resource_or_scope, "principal": principal})
        return str(answer["token"])

    def name_principal(self, name: str, principal_id: str) -> None:
        """Give a principal the name that the call log shows and `token` takes."""
        self._request("POST", "/principals", {"name": name, "principal_id": principal_id})

    # The world. `restore` takes all of it back.

    def restore(self) -> None:
        """Take back what the calls below put into the world."""
        self._request("POST", "/world/restore", {})

    def change_account(
        self, name: str, *, kind: str | None = None, dns_zone: str | None = None, **properties: Any
    ) -> None:
        """Make a storage account another one, also in what Resource Manager lets nobody change.

        `kind` is StorageV2, Storage, BlobStorage, BlockBlobStorage or FileStorage. `dns_zone` such as z12 moves its
        endpoints into that Azure DNS zone. The properties are in ARM's spelling: isHnsEnabled, publicNetworkAccess,
        networkAcls, allowSharedKeyAccess.
        """
        change = {"name": name, "kind": kind, "dns_zone": dns_zone, "properties": properties}
        self._request("POST", "/world/account", change)

    def put_lock(self, scope: str, level: str = "CanNotDelete", name: str = "lock") -> str:
        """Lock a subscription, a resource group or a resource: CanNotDelete or ReadOnly. Returns the lock's id.

        Resource Manager has the same lock under that id.
        """
        return str(self._request("POST", "/world/lock", {"scope": scope, "level": level, "name": name})["id"])

    def remove_lock(self, lock: str) -> None:
        """Remove a lock, by its id."""
        self._request("POST", "/world/lock/remove", {"id": lock})

    def deny(
        self,
        scope: str,
        *,
        name: str = "System deny assignment of the lab",
        actions: Sequence[str] = (),
        not_actions: Sequence[str] = (),
        data_actions: Sequence[str] = (),
        not_data_actions: Sequence[str] = (),
        principals: Sequence[str] = (),
        excluded_principals: Sequence[str] = (),
    ) -> str:
        """Create a deny assignment, for these principals or for everybody. Returns its GUID."""
        answer = self._request(
            "POST",
            "/world/deny-assignment",
            {
                "scope": scope,
                "name": name,
                "actions": list(actions),
                "not_actions": list(not_actions),
                "data_actions": list(data_actions),
                "not_data_actions": list(not_data_actions),
                "principals": list(principals),
                "excluded_principals": list(excluded_principals),
            },
        )
        return str(answer["id"])

    def put_policy(self, scope: str, resource_type: str, name: str = "deny-by-policy") -> None:
        """Assign a policy that denies creating and changing resources of a type, as in Microsoft.Storage/storageAccounts."""
        self._request("POST", "/world/policy", {"scope": scope, "resource_type": resource_type, "name": name})

    def put_subscription(self, subscription: str, *, tenant: str | None = None, disabled: bool | None = None) -> None:
        """Make a subscription one of another tenant, or disable it. One that does not exist is created, without content."""
        change = {"id": subscription, "tenant": tenant, "disabled": disabled}
        self._request("POST", "/world/subscription", change)

    def unregister(self, provider: str) -> None:
        """Take back the registration of a resource provider, as in Microsoft.ManagedIdentity.

        `POST .../register` begins it again. It takes as long as the setting provider_registration says.
        """
        self._request("POST", "/world/unregister", {"provider": provider})

    def begin_deletion(self, group: str) -> None:
        """A resource group is being deleted, and stays so."""
        self._request("POST", "/world/group", {"name": group})

    def put_tenant(self, tenant: str) -> None:
        """Entra has another tenant, which knows none of the identities."""
        self._request("POST", "/world/tenant", {"id": tenant})

    def move_identity(self, group: str, name: str, tenant: str) -> None:
        """A managed identity is one of another tenant."""
        self._request("POST", "/world/identity", {"group": group, "name": name, "tenant": tenant})

    def break_issuer(self, issuer: str, number: int = 50166) -> None:
        """Entra cannot fetch the issuer's documents: AADSTS50166, AADSTS501661 or AADSTS90061, until mend_issuer."""
        self._request("POST", "/world/issuer/break", {"issuer": issuer, "number": number})

    def mend_issuer(self, issuer: str) -> None:
        """Entra fetches the issuer's documents again."""
        self._request("POST", "/world/issuer/mend", {"issuer": issuer})

    def _request(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the lab's own address
            self._url + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RefusedError(error.read().decode(errors="replace")) from error
