"""`spec.secrets`: the three object storage secrets of the GitLab chart, and the parameters that may be tuned in them."""

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field

from gitlab_azure_identity.api.schema import GoDuration, Model, ObjectName, SecretKey, rule, rules


class SecretManagement(StrEnum):
    """Whether the operator writes a secret."""

    MANAGE = "Manage"
    DISABLED = "Disabled"


LogEvent = Literal["request", "response", "responseError", "retry", "longRunningOperation"]


class RegistryParameters(Model):
    """The parameters of the registry's azure_v2 driver that may be tuned. None can carry a key, another account or a URL.

    Meaning and bounds: container registry v4.39.0, registry/storage/driver/azure/v2/parser.go."""

    root_directory: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        pattern=r"^[A-Za-z0-9/._-]+$",
        description="Folder of the registry's data in the container.",
    )
    legacy_root_prefix: bool | None = Field(None, description="Use the leading slash that old registries wrote.")
    trim_legacy_root_prefix: bool | None = Field(
        None, description="Do not use the leading slash that old registries wrote."
    )
    max_retries: int | None = Field(
        None, ge=0, le=1000, description="Retries of one request. The driver's default is 3."
    )
    retry_try_timeout: GoDuration | None = Field(None, description="Time-out of one try, such as 30s. Default: none.")
    retry_delay: GoDuration | None = Field(None, description="First delay between tries, such as 4s.")
    max_retry_delay: GoDuration | None = Field(None, description="Longest delay between tries, such as 60s.")
    debug_log: bool | None = Field(None, description="Log the storage requests of the driver.")
    debug_log_events: list[LogEvent] | None = Field(
        None,
        min_length=1,
        max_length=5,
        description="Which events to log, when debugLog is on.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.legacyRootPrefix) || !has(self.trimLegacyRootPrefix) "
                "|| self.legacyRootPrefix != self.trimLegacyRootPrefix",
                "legacyRootPrefix and trimLegacyRootPrefix must not be equal, or the registry does not start: set one of them",
            )
        )
    )


# The default name of an entry's secret is the resource's name, a dash, and this suffix.
SECRET_SUFFIXES = {"registry": "registry-storage", "objectStorage": "object-storage", "backups": "azure-backup-conf"}


def _secret_name(entry: str) -> ObjectName | None:
    field: ObjectName | None = Field(None, description=f"Name of the secret. Default: <name>-{SECRET_SUFFIXES[entry]}.")
    return field


class SecretSpec(Model):
    name: ObjectName | None = None
    management: SecretManagement = Field(
        SecretManagement.MANAGE,
        description="Manage: the operator writes and repairs it. Disabled: the operator does not write it.",
    )

    @property
    def enabled(self) -> bool:
        return self.management is not SecretManagement.DISABLED


class RegistrySecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("registry")
    key: SecretKey = Field("config", description="Key in the secret: the chart's registry.storage.key.")
    parameters: RegistryParameters = Field(
        RegistryParameters(), description="Further parameters of the registry's driver."
    )


class ObjectStorageSecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("objectStorage")
    key: SecretKey = Field("connection", description="Key in the secret: the chart's object_store.connection.key.")


class BackupsSecretSpec(SecretSpec):
    name: ObjectName | None = _secret_name("backups")
    key: SecretKey = Field("config", description="Key in the secret: the chart's backups.objectStorage.config.key.")


class SecretsSpec(Model):
    registry: RegistrySecretSpec = Field(RegistrySecretSpec(), description="Storage of the container registry.")
    object_storage: ObjectStorageSecretSpec = Field(
        ObjectStorageSecretSpec(), description="Consolidated object storage of Rails, Workhorse and Sidekiq."
    )
    backups: BackupsSecretSpec = Field(BackupsSecretSpec(), description="Backups made by the toolbox.")
