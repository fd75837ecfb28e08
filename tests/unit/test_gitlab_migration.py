"""Secrets with access keys, as people wrote them, and what becomes of them: no key is left, and everything else is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gitlab_azure_identity.domain.gitlab.migration import Migrated, Refused, migrated
from gitlab_azure_identity.domain.gitlab.secrets import backup_secret, object_storage_secret, registry_secret
from tests.unit.test_gitlab_secrets import both_readers

DOMAIN = "blob.core.windows.net"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's, which all know
REGISTRY = registry_secret("gitlabstore", "registry", DOMAIN, {})
RAILS = object_storage_secret("gitlabstore", DOMAIN)
BACKUPS = backup_secret("gitlabstore", DOMAIN)
IDENTITY = "  credentials_type: default_credentials\n  credentialstype: default_credentials\n"


@dataclass(frozen=True)
class Case:
    """A text of somebody, the text that the operator would write, and what becomes of the first."""

    theirs: str
    ours: str
    text: str
    dropped: tuple[str, ...] = ()


CASES = {
    "the chart's example of the registry (examples/objectstorage/registry.azure.yaml)": Case(
        f"azure:\n  accountname: gitlabstore\n  accountkey: {KEY}\n  container: registry\n  realm: core.windows.net\n",
        REGISTRY,
        f"azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n  realm: core.windows.net\n{IDENTITY}",
        ("azure.accountkey",),
    ),
    "folders stay as they are, and absent where they are absent": Case(
        f"azure:\n  rootdirectory: /a/b\n  accountkey: {KEY}\n  accountname: gitlabstore\n  container: registry\n"
        "  trimlegacyrootprefix: True\n",
        REGISTRY,
        "azure_v2:\n  rootdirectory: /a/b\n  accountname: 'gitlabstore'\n  container: 'registry'\n"
        f"  trimlegacyrootprefix: True\n{IDENTITY}",
        ("azure.accountkey",),
    ),
    "a folder that is null, which the driver calls <nil>, stays null": Case(
        f"azure:\n  rootdirectory:\n  accountkey: {KEY}\n  accountname: gitlabstore\n  container: registry\n",
        REGISTRY,
        f"azure_v2:\n  rootdirectory:\n  accountname: 'gitlabstore'\n  container: 'registry'\n{IDENTITY}",
        ("azure.accountkey",),
    ),
    "what stands beside the driver stays, in its order": Case(
        "delete: {enabled: false}\n"
        f"azure: {{accountname: gitlabstore, accountkey: '{KEY}', container: registry}}\n"
        "redirect:\n  disable: true\n",
        REGISTRY,
        "delete:\n  enabled: false\n"
        f"azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n{IDENTITY}"
        "redirect:\n  disable: true\n",
        ("azure.accountkey",),
    ),
    "azure_v2 with a key": Case(
        f"azure_v2:\n  credentials_type: shared_key\n  accountname: gitlabstore\n  accountkey: {KEY}\n  container: registry\n"
        "  max_retries: 5\n",
        REGISTRY,
        "azure_v2:\n  credentials_type: default_credentials\n  accountname: 'gitlabstore'\n  container: 'registry'\n"
        "  max_retries: 5\n  credentialstype: default_credentials\n",
        ("azure_v2.accountkey",),
    ),
    "azure_v2 with a service principal": Case(
        "azure_v2:\n  credentials_type: client_secret\n  tenant_id: t\n  client_id: c\n  secret: 's3cret'\n"
        "  accountname: gitlabstore\n  container: registry\n",
        REGISTRY,
        "azure_v2:\n  credentials_type: default_credentials\n  accountname: 'gitlabstore'\n  container: 'registry'\n"
        "  credentialstype: default_credentials\n",
        ("azure_v2.secret",),
    ),
    "parameters of the resource are added": Case(
        f"azure:\n  accountname: gitlabstore\n  accountkey: {KEY}\n  container: registry\n  rootdirectory: registry/\n",
        registry_secret("gitlabstore", "registry", DOMAIN, {"rootDirectory": "/registry", "maxRetries": 5}),
        "azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n  rootdirectory: '/registry'\n"
        f"{IDENTITY}  max_retries: 5\n",
        ("azure.accountkey",),
    ),
    "the chart's example of Rails (examples/objectstorage/rails.azurerm.yaml)": Case(
        f"provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n"
        "azure_storage_domain: blob.core.windows.net\n",
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\nazure_storage_domain: blob.core.windows.net\n",
        ("azure_storage_access_key",),
    ),
    "Rails, without a domain, with settings of its own and comments": Case(
        "---\n# the blobs\nprovider: 'AzureRM'\nazure_storage_account_name: \"gitlabstore\" # ours\n"
        f"azure_storage_access_key: >-\n  {KEY}\nenvironment: AzureCloud\ndebug: yes\nazure_storage_http_pool_size: 0o17\n",
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\nenvironment: AzureCloud\ndebug: yes\n"
        "azure_storage_http_pool_size: 0o17\n",
        ("azure_storage_access_key",),
    ),
    "a blank key is no key: GitLab logs in as the identity already": Case(
        "provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: ''\n",
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n",
    ),
    "Rails with the endpoint that the account has": Case(
        f"provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n"
        "azure_storage_endpoint: https://gitlabstore.blob.core.windows.net\n",
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n"
        "azure_storage_endpoint: https://gitlabstore.blob.core.windows.net\n",
        ("azure_storage_access_key",),
    ),
    "JSON, with the line ends of Windows": Case(
        '{"provider": "AzureRM",\r\n "azure_storage_account_name": "gitlabstore",\r\n'
        f' "azure_storage_access_key": "{KEY}"}}\r\n',
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n",
        ("azure_storage_access_key",),
    ),
    "backups": Case(
        f"azure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n",
        BACKUPS,
        "azure_storage_account_name: 'gitlabstore'\n",
        ("azure_storage_access_key",),
    ),
    "backups in a text that Rails reads too": Case(
        f"provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n",
        BACKUPS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\n",
        ("azure_storage_access_key",),
    ),
    "a text of several lines and one with signs that do not print": Case(
        f'azure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\nnote: |\n  one\n  two\nx: "a\\tb"\n',
        BACKUPS,
        'azure_storage_account_name: \'gitlabstore\'\nnote: "one\\ntwo\\n"\nx: "a\\tb"\n',
        ("azure_storage_access_key",),
    ),
    "lists, and keys that a reader would take for something else": Case(
        f"azure_storage_account_name: gitlabstore\nazure_storage_access_key: {KEY}\n"
        "list: [a, 'b', {c: 1e5}, []]\n'on': true\nyes: {}\n'1': one\n",
        BACKUPS,
        "azure_storage_account_name: 'gitlabstore'\nlist:\n- a\n- 'b'\n- c: 1e5\n- []\n'on': true\nyes: {}\n'1': one\n",
        ("azure_storage_access_key",),
    ),
    "nothing": Case("# only a comment\n", RAILS, RAILS),
    "no text at all": Case("", REGISTRY, REGISTRY),
    "without a key, another account follows the resource": Case(
        "azure_v2:\n  accountname: former\n  container: former\n  credentials_type: default_credentials\n"
        "  realm: core.usgovcloudapi.net\n  max_retries: 5\n",
        REGISTRY,
        "azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n  credentials_type: default_credentials\n"
        "  max_retries: 5\n  credentialstype: default_credentials\n  realm: core.windows.net\n",
    ),
    "without a key, another endpoint follows the resource": Case(
        "provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_endpoint: https://former.example.com\n",
        RAILS,
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\nazure_storage_domain: blob.core.windows.net\n",
    ),
    "without a key, another domain follows the resource": Case(
        "provider: AzureRM\nazure_storage_account_name: gitlabstore\nazure_storage_domain: blob.core.windows.net\n",
        object_storage_secret("gitlabstore", "z12.blob.storage.azure.net"),
        "provider: AzureRM\nazure_storage_account_name: 'gitlabstore'\nazure_storage_domain: 'z12.blob.storage.azure.net'\n",
    ),
    "an endpoint in a DNS zone stays": Case(
        f"azure_v2:\n  accountname: gitlabstore\n  accountkey: {KEY}\n  container: registry\n"
        "  serviceurl: https://gitlabstore.z12.blob.storage.azure.net\n",
        registry_secret("gitlabstore", "registry", "z12.blob.storage.azure.net", {}),
        "azure_v2:\n  accountname: 'gitlabstore'\n  container: 'registry'\n"
        f"  serviceurl: https://gitlabstore.z12.blob.storage.azure.net\n{IDENTITY}",
        ("azure_v2.accountkey",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_a_text(name: str) -> None:
    case = CASES[name]

    result = migrated(case.theirs, case.ours)

    assert result == Migrated(case.text, case.dropped)


@pytest.mark.parametrize("name", CASES)
def test_a_text_that_was_migrated_stays_as_it_is(name: str) -> None:
    case = CASES[name]

    assert migrated(case.text, case.ours) == Migrated(case.text)


ACCOUNT = "  accountname: gitlabstore\n  container: registry\n"
RAILS_ACCOUNT = "provider: AzureRM\nazure_storage_account_name: gitlabstore\n"
REFUSED = {
    "no YAML": ("a: [", RAILS, "is not YAML"),
    "an s3cmd file": ("[default]\naccess_key = x\n", BACKUPS, "is not YAML"),
    "a sign that YAML does not have": ("a: \x01", RAILS, "is not YAML"),
    "bytes that are no text": ("a: \ufffd", RAILS, "is not text in UTF-8"),
    "a sentence": ("theirs", RAILS, "is not a mapping of keys to values"),
    "a list": ("- a", RAILS, "is not a mapping of keys to values"),
    "several documents": ("a: 1\n---\nb: 2\n", RAILS, "has several YAML documents"),
    "a directive": ("%YAML 1.1\n---\na: 1\n", RAILS, "begins with a directive of YAML"),
    "an anchor": (f"azure: &driver\n{ACCOUNT}", REGISTRY, "uses anchors of YAML"),
    "an alias": ("a: b\nazure: *a\n", REGISTRY, "uses anchors of YAML"),
    "a tag": (f"azure: !ruby/object:Object\n{ACCOUNT}", REGISTRY, "uses tags of YAML"),
    "a merge key": (f"azure:\n  <<: {{}}\n{ACCOUNT}", REGISTRY, "uses merge keys of YAML"),
    "a key twice": (f"azure:\n{ACCOUNT}  accountname: x\n", REGISTRY, "has a key twice"),
    "a key that is a list": ("? [a]\n: b\n", RAILS, "has a key that is no word"),
    "too deep": ("a: " + "[" * 20 + "]" * 20, RAILS, "is nested more than 8 deep"),
    "too long": ("a: " + "b" * 20_000, RAILS, "is longer than 16384 characters"),
    "no driver": ("delete:\n  enabled: true\n", REGISTRY, "has no storage driver azure or azure_v2"),
    "another driver": ("s3:\n  bucket: registry\n", REGISTRY, "has no storage driver azure or azure_v2"),
    "two drivers": (
        f"azure:\n{ACCOUNT}filesystem: {{}}\n", REGISTRY, "has several storage drivers, and the registry takes one"
    ),
    "both drivers": (
        f"azure:\n{ACCOUNT}azure_v2:\n{ACCOUNT}", REGISTRY, "has several storage drivers, and the registry takes one"
    ),
    "a driver without settings": ("azure:\n", REGISTRY, "has a storage driver without settings"),
    "another account": (
        f"azure:\n  accountkey: {KEY}\n  accountname: other\n  container: registry\n", REGISTRY,
        "has another storage account than the resource, which says gitlabstore",
    ),
    "no account": (
        f"azure:\n  accountkey: {KEY}\n  container: registry\n", REGISTRY,
        "has another storage account than the resource, which says gitlabstore",
    ),
    "another container": (
        f"azure:\n  accountkey: {KEY}\n  accountname: gitlabstore\n  container: images\n", REGISTRY,
        "has another container than the resource, which says registry",
    ),
    "another cloud": (
        f"azure:\n  accountkey: {KEY}\n{ACCOUNT}  realm: core.chinacloudapi.cn\n", REGISTRY,
        "has another endpoint than gitlabstore.blob.core.windows.net",
    ),
    "an address of its own": (
        f"azure_v2:\n  accountkey: {KEY}\n{ACCOUNT}  serviceurl: https://proxy.example.com\n", REGISTRY,
        "has another endpoint than gitlabstore.blob.core.windows.net",
    ),
    "another folder": (
        f"azure:\n  accountkey: {KEY}\n{ACCOUNT}  rootdirectory: /b\n",
        registry_secret("gitlabstore", "registry", DOMAIN, {"rootDirectory": "/a"}),
        "has another rootdirectory than the resource, which says /a",
    ),
    "no folder, and the resource has one": (
        f"azure:\n  accountkey: {KEY}\n{ACCOUNT}",
        registry_secret("gitlabstore", "registry", DOMAIN, {"trimLegacyRootPrefix": True}),
        "has another trimlegacyrootprefix than the resource, which says true",
    ),
    "another provider": (
        "provider: AWS\naws_access_key_id: x\n", RAILS, "has another provider than AzureRM"
    ),
    "another account of Rails": (
        f"provider: AzureRM\nazure_storage_account_name: other\nazure_storage_access_key: {KEY}\n", RAILS,
        "has another storage account than the resource, which says gitlabstore",
    ),
    "another domain of Rails": (
        f"{RAILS_ACCOUNT}azure_storage_access_key: {KEY}\nazure_storage_domain: blob.core.usgovcloudapi.net\n", RAILS,
        "has another endpoint than gitlabstore.blob.core.windows.net",
    ),
    "an endpoint of its own": (
        f"{RAILS_ACCOUNT}azure_storage_access_key: {KEY}\nazure_storage_endpoint: https://proxy.example.com\n", RAILS,
        "has another endpoint than gitlabstore.blob.core.windows.net",
    ),
    "a connection string": (
        f"{RAILS_ACCOUNT}azure_storage_connection_string: DefaultEndpointsProtocol=https;AccountKey={KEY}\n", RAILS,
        "has something else that looks like a credential",
    ),
    "a connection string under a name that does not say so": (
        f"{RAILS_ACCOUNT}extra:\n- DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abcdefgh\n", RAILS,
        "has something else that looks like a credential",
    ),
    "a key under a name that does not say so": (
        f"{RAILS_ACCOUNT}note: 'the key was {KEY}'\n", RAILS, "has something else that looks like a credential"
    ),
    "a shared access signature": (
        f"{RAILS_ACCOUNT}azure_storage_sas: sv=2020\n", RAILS, "has something else that looks like a credential"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name: str) -> None:
    theirs, ours, why = REFUSED[name]

    with pytest.raises(Refused) as refused:
        migrated(theirs, ours)

    assert refused.value.why == why


# Whatever people write

plain = st.from_regex(r"[A-Za-z0-9/][A-Za-z0-9./_-]{0,12}", fullmatch=True)
strings = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12) | st.just("a\nb\n")
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | plain | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)
names = plain.filter(lambda name: not name.startswith(("azure", "provider")))
extras = st.dictionaries(names, values, max_size=4)
styles = st.fixed_dictionaries({"default_flow_style": st.sampled_from([None, True, False])})


@settings(max_examples=40, derandomize=True)
@given(extras, styles, st.randoms(use_true_random=False), st.booleans())
def test_no_key_survives_and_everything_else_does(
    extra: dict[str, Any], style: dict[str, Any], random: Any, hidden: bool
) -> None:
    account = {"azure_storage_account_name": "gitlabstore", "azure_storage_access_key": KEY, "provider": "AzureRM"}
    everything = [*account.items(), *extra.items(), *([("hidden", [f"x{KEY}"])] if hidden else [])]
    random.shuffle(everything)
    text = yaml.safe_dump(dict(everything), sort_keys=False, allow_unicode=True, **style)

    try:
        result = migrated(text, RAILS)
    except Refused:
        return  # nothing is written

    assert not hidden
    assert KEY not in result.text
    left = yaml.safe_load(result.text)
    assert left == {k: v for k, v in yaml.safe_load(text).items() if k != "azure_storage_access_key"}
    assert list(left) == [k for k, _ in everything if k != "azure_storage_access_key"]
    assert migrated(result.text, RAILS) == Migrated(result.text)


@settings(max_examples=40, derandomize=True)
@given(extras, extras, styles, st.sampled_from(["azure", "azure_v2"]), st.randoms(use_true_random=False))
def test_the_registrys_settings_stay_too(
    extra: dict[str, Any], redirect: dict[str, Any], style: dict[str, Any], driver: str, random: Any
) -> None:
    driver_settings = {"accountname": "gitlabstore", "accountkey": KEY, "container": "registry", **extra}
    text = yaml.safe_dump({"redirect": redirect, driver: driver_settings}, sort_keys=False, allow_unicode=True, **style)

    try:
        result = migrated(text, REGISTRY)
    except Refused:
        return

    assert KEY not in result.text
    assert not result.text.startswith("---")
    before, left = yaml.safe_load(text), yaml.safe_load(result.text)
    identity = {"credentials_type": "default_credentials", "credentialstype": "default_credentials"}
    kept = {k: v for k, v in before[driver].items() if k != "accountkey"}
    assert left == {"redirect": before["redirect"], "azure_v2": {**kept, **identity}}
    assert migrated(result.text, REGISTRY) == Migrated(result.text)


@settings(max_examples=40, derandomize=True)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode(errors="replace")))
def test_any_text_at_all_is_migrated_or_refused(text: str) -> None:
    for ours in (REGISTRY, RAILS, BACKUPS):
        with contextlib.suppress(Refused):
            both_readers(migrated(text, ours).text)
