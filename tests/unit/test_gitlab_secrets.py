"""The three secrets: golden bytes, and the same strings for a YAML 1.1 and a YAML 1.2 reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitlab_azure_identity.domain.gitlab.secrets import (
    DRIVER_KEYS,
    Parameter,
    backup_secret,
    object_storage_secret,
    registry_secret,
)
from gitlab_azure_identity.domain.gitlab.yaml import Word, block

REALM, DOMAIN = "core.windows.net", "blob.core.windows.net"

# Valid names of accounts (the first six) or containers that some reader of YAML takes for something else.
TREACHEROUS = ["1e5", "0o17", "08912", "123456", "yes", "null", "2024-01-01", "0x1f", "017", "12e03", "no", "true"]


def both_readers(text: str) -> Any:
    """The text as YAML 1.1 (PyYAML, like Psych) and as YAML 1.2 (like Go's) read it. Both must agree."""
    old, new = yaml.safe_load(text), YAML(typ="safe", pure=True).load(text)
    assert old == new
    assert json.dumps(old) == json.dumps(new)
    return old


def test_registry_secret() -> None:
    assert registry_secret("gitlabstore", "registry", DOMAIN, {}) == (
        "azure_v2:\n"
        "  accountname: 'gitlabstore'\n"
        "  container: 'registry'\n"
        "  credentials_type: default_credentials\n"
        "  credentialstype: default_credentials\n"
        "  realm: core.windows.net\n"
    )


def test_registry_secret_with_every_parameter() -> None:
    parameters: dict[str, Parameter] = {
        "debugLogEvents": ["request", "responseError", "longRunningOperation"],
        "debugLog": True,
        "maxRetryDelay": "1m30s",
        "retryDelay": "4s",
        "retryTryTimeout": "0s",
        "maxRetries": 5,
        "trimLegacyRootPrefix": True,
        "legacyRootPrefix": False,
        "rootDirectory": "/it's: #1",
    }

    assert parameters.keys() == DRIVER_KEYS.keys()
    assert registry_secret("gitlabstore", "registry", DOMAIN, parameters) == (
        "azure_v2:\n"
        "  accountname: 'gitlabstore'\n"
        "  container: 'registry'\n"
        "  credentials_type: default_credentials\n"
        "  credentialstype: default_credentials\n"
        "  realm: core.windows.net\n"
        "  rootdirectory: '/it''s: #1'\n"
        "  legacyrootprefix: false\n"
        "  trimlegacyrootprefix: true\n"
        "  max_retries: 5\n"
        "  retry_try_timeout: '0s'\n"
        "  retry_delay: '4s'\n"
        "  max_retry_delay: '1m30s'\n"
        "  debug_log: true\n"
        "  debug_log_events: 'request,responseError,longRunningOperation'\n"
    )


def test_no_events_leaves_the_driver_its_default() -> None:
    assert registry_secret("a", "b", DOMAIN, {"debugLogEvents": []}) == registry_secret("a", "b", DOMAIN, {})


@pytest.mark.parametrize("name", ["accountkey", "rootdirectory", "serviceurl"])
def test_an_unknown_parameter_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"not a parameter of the registry's storage: {name}"):
        registry_secret("gitlabstore", "registry", DOMAIN, {name: "x"})


def test_object_storage_secret() -> None:
    assert object_storage_secret("gitlabstore", DOMAIN) == (
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\nazure_storage_domain: blob.core.windows.net\n"
    )


def test_backup_secret() -> None:
    assert backup_secret("gitlabstore", DOMAIN) == (
        "azure_storage_account_name: 'gitlabstore'\nazure_storage_domain: blob.core.windows.net\n"
    )


@pytest.mark.parametrize("name", TREACHEROUS)
def test_every_name_is_read_back_as_it_was_typed(name: str) -> None:
    registry = both_readers(registry_secret(name, name, DOMAIN, {"rootDirectory": name}))["azure_v2"]

    assert (registry["accountname"], registry["container"], registry["rootdirectory"]) == (name, name, name)
    assert both_readers(object_storage_secret(name, DOMAIN))["azure_storage_account_name"] == name
    assert both_readers(backup_secret(name, DOMAIN))["azure_storage_account_name"] == name


@settings(max_examples=25)  # texts of any character are slow to generate
@given(account=st.text(), container=st.text(), directory=st.text())
def test_a_typed_text_is_read_back_or_refused_and_the_start_script_can_edit_it(
    account: str, container: str, directory: str
) -> None:
    try:
        text = registry_secret(account, container, DOMAIN, {"rootDirectory": directory})
    except ValueError:
        assert not (account + container + directory).isprintable()
        return
    first, *lines = text.removesuffix("\n").split("\n")

    assert both_readers(text)["azure_v2"] == {
        "accountname": account,
        "container": container,
        "credentials_type": "default_credentials",
        "credentialstype": "default_credentials",
        "realm": REALM,
        "rootdirectory": directory,
    }
    # sed indents line by line, and appends `delete:` unless a line begins with it.
    assert text.endswith("\n")
    assert first == "azure_v2:"
    assert len(lines) == 6
    assert all(line.startswith("  ") and line[2].isalpha() for line in lines)


@pytest.mark.parametrize("text", ["yes", "Null", "1e5", "a b", "a:", "", ".inf", "~", "2024-01-01", "a\n", "-", "it's"])
def test_only_words_that_every_reader_takes_for_words_are_bare(text: str) -> None:
    with pytest.raises(ValueError, match="not a bare word"):
        Word(text)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\u2028b", "a\x00", "\ufeff"])
def test_a_text_that_quotes_cannot_contain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not print"):
        block({"key": text})


def test_each_entry_is_one_line_however_long_and_however_often_repeated() -> None:
    long, twice = "words and words " * 40, {"secret": "s", "key": "k"}

    assert block({"long": long, "one": twice, "other": twice, "deep": {"long": long}}) == (
        f"long: '{long}'\none:\n  secret: 's'\n  key: 'k'\nother:\n  secret: 's'\n  key: 'k'\ndeep:\n  long: '{long}'\n"
    )


def test_an_empty_mapping_gives_an_empty_text() -> None:
    """For example a resource with everything disabled, whose service accounts Helm creates: Helm reads no values from it."""
    assert block({}) == ""


def test_an_account_whose_endpoint_is_in_a_dns_zone() -> None:
    """The zone has a number, so every reader gets it quoted. The driver would put `blob.` between account and realm."""
    zone = "z01.blob.storage.azure.net"

    driver = both_readers(registry_secret("gitlabstore", "registry", zone, {}))["azure_v2"]

    assert driver["serviceurl"] == "https://gitlabstore.z01.blob.storage.azure.net"
    assert "realm" not in driver
    for text in (object_storage_secret("gitlabstore", zone), backup_secret("gitlabstore", zone)):
        assert "azure_storage_domain: 'z01.blob.storage.azure.net'\n" in text
        assert both_readers(text)["azure_storage_domain"] == zone
