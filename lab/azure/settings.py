"""The delays and limits of the lab, changed while it runs."""

import dataclasses
import time
from dataclasses import dataclass


@dataclass
class Settings:
    """Every field is in seconds, but for `throttle` (0 or 1)."""

    principal_replication: float = 1.0
    """How long a new principal stays unknown to the directory that role assignments look it up in."""
    credential_propagation: float = 1.5
    """How long Entra goes on with the old state of a federated identity credential."""
    role_propagation: float = 1.0
    """How long a role assignment that was made, or deleted, has no effect."""
    arm_latency: float = 0.0
    """How long every answer of Resource Manager takes."""
    clock: float = 0.0
    """How far Azure's clock is ahead of this machine's."""
    throttle: float = 0.0
    """1: Resource Manager and Microsoft.ManagedIdentity refuse what exceeds their published rates."""

    def change(self, values: dict[str, float]) -> None:
        """Take new values, all or none.

        Raises:
            ValueError: a key is unknown, or a value is no number or negative.
        """
        for key, value in values.items():
            if key not in KEYS:
                raise ValueError(f"unknown setting {key!r}; there are {', '.join(sorted(KEYS))}")
            if isinstance(value, bool) or not isinstance(value, int | float) or (value < 0 and key != "clock"):
                raise ValueError(f"setting {key} takes seconds, not {value!r}")
        for key, value in values.items():
            setattr(self, key, float(value))

    def as_dict(self) -> dict[str, float]:
        return {key: getattr(self, key) for key in sorted(KEYS)}


KEYS = frozenset(field.name for field in dataclasses.fields(Settings))


class Clock:
    """Azure's clock. Delays are measured by `steady`, which moving the clock does not disturb."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def now(self) -> float:
        """Seconds since 1970, as Azure has it."""
        return time.time() + self._settings.clock

    def steady(self) -> float:
        return time.monotonic()
