"""Subscriptions: the tenant that each trusts, its state, and the resource providers that it may use."""

from dataclasses import dataclass, field

from lab.azure import seeded

ENABLED, DISABLED = "Enabled", "Disabled"
REGISTERED, REGISTERING, NOT_REGISTERED = "Registered", "Registering", "NotRegistered"


@dataclass
class Subscription:
    id: str
    tenant: str = seeded.TENANT
    state: str = ENABLED
    registrations: dict[str, float | None] = field(default_factory=dict)
    """Providers that are not registered from the start: since when they are, on the steady clock. None: nobody asked for it."""

    def registration(self, provider: str, now: float) -> str:
        """The registration of a provider, by its namespace."""
        if provider.casefold() not in self.registrations:
            return REGISTERED
        done = self.registrations[provider.casefold()]
        if done is None:
            return NOT_REGISTERED
        return REGISTERED if now >= done else REGISTERING

    def unregister(self, provider: str) -> None:
        self.registrations[provider.casefold()] = None

    def register(self, provider: str, now: float, delay: float) -> None:
        """Begin the registration of a provider. One that has begun or is done stays as it is."""
        if self.registration(provider, now) == NOT_REGISTERED:
            self.registrations[provider.casefold()] = now + delay
