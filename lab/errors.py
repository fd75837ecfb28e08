"""The error whose message the lab's commands print."""


class LabError(Exception):
    """An error that a person can act on. Its text is the whole message, printed without a traceback."""
