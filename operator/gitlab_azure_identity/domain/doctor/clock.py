"""Clocks: a token is valid between two times that the API server writes, and Entra compares them with its own clock."""

from datetime import datetime, timedelta

# Entra lets clocks differ by 5 minutes (Microsoft Learn, "Access tokens in the Microsoft identity platform": the default clock
# skew of Microsoft.IdentityModel). A date in a header has whole seconds, and is on its way for as long as a request takes.
TOLERATED = timedelta(minutes=5)


def apart(cluster: datetime, azure: datetime) -> str | None:
    """A sentence when the API server's clock is so far from Azure's that Entra refuses its tokens (AADSTS700024). The times are
    those of one moment."""
    ahead = cluster - azure
    if abs(ahead) <= TOLERATED:
        return None
    way = "ahead of" if ahead > timedelta() else "behind"
    return f"The clock of the API server is {_words(abs(ahead))} {way} Azure's."


def _words(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"  # noqa: PLR2004


APART = "clocks-apart"  # in the table of causes
