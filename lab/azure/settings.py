"""The delays and limits of the lab's Azure. They may be changed while it runs."""

import dataclasses
import time
from dataclasses import dataclass


@dataclass
class Settings:
    """Every field is in seconds, except `throttle` (0 or 1)."""

    principal_replication: float = 1.0
    """How long role assignments do not find a new principal in the directory."""
    credential_propagation: float = 1.5
    """How long Entra keeps using the former state of a federated identity credential."""
    role_propagation: float = 1.0
    """How long the creation or deletion of a role assignment has no effect."""
    identity_read_lag: float = 0.0
    """How long reads and lists do not show a managed identity that was created."""
    credential_read_lag: float = 0.0
    """How long reads and lists do not show a federated identity credential that was created."""
    assignment_read_lag: float = 0.0
    """How long reads and lists do not show a role assignment that was created."""
    parent_replication: float = 0.0
    """How long Resource Manager does not know a new identity as the parent of federated identity credentials."""
    graph_replication: float = 0.0
    """How long Microsoft Graph does not know a new identity, so that federated identity credentials cannot be written."""
    key_cache: float = 0.0
    """How long Entra uses the former keys of an issuer that published others."""
    provider_registration: float = 0.0
    """How long the registration of a resource provider takes."""
    arm_latency: float = 0.0
    """How long Resource Manager takes to answer."""
    clock: float = 0.0
    """By how much Azure's clock is ahead of this machine's."""
    throttle: float = 0.0
    """1: Resource Manager and Microsoft.ManagedIdentity refuse requests that exceed their published rates."""

    def change(self, values: dict[str, float]) -> None:
        """Change settings: all of them, or none.

        Raises:
            ValueError: a key is unknown, or a value is no number or negative.
        """
        for key, value in values.items():
            if key not in KEYS:
                raise ValueError(f"There is no setting {key!r}. The settings are: {', '.join(sorted(KEYS))}.")
            if isinstance(value, bool) or not isinstance(value, int | float) or (value < 0 and key != "clock"):
                raise ValueError(f"Setting {key} takes seconds, not {value!r}.")
        for key, value in values.items():
            setattr(self, key, float(value))

    def as_dict(self) -> dict[str, float]:
        return {key: getattr(self, key) for key in sorted(KEYS)}


KEYS = frozenset(field.name for field in dataclasses.fields(Settings))


class Clock:
    """Azure's clock. Delays are measured by `steady`, which setting the clock does not change."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> float:
        """Seconds since 1970, by Azure's clock."""
        return time.time() + self._settings.clock

    def steady(self) -> float:
        return time.monotonic()
