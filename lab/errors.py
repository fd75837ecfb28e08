"""What the lab tells a person when it cannot go on."""


class LabError(Exception):
    """Something a person can act on; its text is the whole message, printed without a traceback."""
