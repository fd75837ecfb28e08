"""Environment variables, for a file that a shell sources and for child processes."""

import os
import shlex
from collections.abc import Iterable, Mapping

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
FOREIGN = frozenset([*PROXIES, *map(str.upper, PROXIES), *AUTHORITIES, "KUBECONFIG"])
"""Variables that, if inherited, would lead a client past the lab or make it trust another authority."""

FOREIGN_PREFIXES = ("AZURE_", "GAI_", "AZCOPY_")


def exports(variables: Mapping[str, str]) -> str:
    """`export NAME='value'` lines, quoted for any POSIX shell."""
    return "".join(f"export {name}={quoted(value)}\n" for name, value in variables.items())


def quoted(value: str) -> str:
    """The value in single quotes, also where none are needed, so that all lines look the same."""
    word = shlex.quote(value)
    return word if word.startswith("'") else f"'{word}'"


def unsets(names: Iterable[str]) -> str:
    """A line that unsets the variables."""
    return "unset " + " ".join(sorted(names)) + "\n"


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without everything that names a proxy, a certificate authority, a cluster or another Azure."""
    return {
        name: value
        for name, value in environment.items()
        if name not in FOREIGN and not name.startswith(FOREIGN_PREFIXES)
    }


def outside() -> dict[str, str]:
    """This process's environment for a program that must reach package registries, such as pip.

    In a shell that sourced a lab's env file, it is without the lab's proxy and certificate authority.
    """
    if "LAB_DIR" not in os.environ:
        return dict(os.environ)
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}
    }
