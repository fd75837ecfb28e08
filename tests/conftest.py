"""What holds for all tests."""

from hypothesis import settings

settings.register_profile(
    "untimed", deadline=None
)  # the time that an example takes says something of the machine alone
settings.load_profile("untimed")
