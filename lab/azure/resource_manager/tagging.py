"""The tags of a resource or a resource group, as a resource of their own.

Source: Microsoft Learn, REST API "Tags - Get At Scope" and "Tags - Update At Scope" (2021-04-01). `az tag update` uses them.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

from lab.azure.accounts import StorageAccount
from lab.azure.resource_manager import scopes
from lab.azure.resource_manager.errors import bad_request
from lab.azure.resource_manager.identities import tags
from lab.azure.resource_manager.operation import ArmRequest, ArmResponse
from lab.azure.state import AzureState, Identity, ResourceGroup

KIND = "Microsoft.Resources/tags"


class Tags:
    def __init__(self, state: AzureState) -> None:
        self._state = state

    def get(self, request: ArmRequest) -> ArmResponse:
        return _answer(request, self._tagged(request).tags or {})

    def patch(self, request: ArmRequest) -> ArmResponse:
        """Merge: "allows adding tags with new names and updating the values of tags with existing names". Replace: "replaces the
        entire set". Delete: "selectively deleting tags based on given names or name/value pairs". Names are compared without
        regard to case."""
        tagged, body = self._tagged(request), request.body()
        sent, have = tags(request.properties()), tagged.tags or {}
        match str(body.get("operation")).casefold():
            case "merge":
                tagged.tags = tags({"tags": {**_but(have, sent), **sent}})
            case "replace":
                tagged.tags = sent
            case "delete":
                named = {
                    name for name, value in have.items() for other in sent if _removes(other, sent[other], name, value)
                }
                tagged.tags = {name: value for name, value in have.items() if name not in named}
            case other:
                raise bad_request(f"The tags operation '{other}' is not one of Replace, Merge, Delete.")
        return _answer(request, tagged.tags)

    def _tagged(self, request: ArmRequest) -> ResourceGroup | Identity | StorageAccount:
        """The resource group, managed identity or storage account at the scope. Raises ArmError where there is none."""
        scope = request.param("scope")
        scopes.require_existing(self._state, scope)
        kinds: tuple[Iterable[ResourceGroup | Identity | StorageAccount], ...] = (
            self._state.groups.values(),
            self._state.identities.values(),
            self._state.accounts.values(),
        )
        for tagged in chain.from_iterable(kinds):
            if tagged.id.casefold() == scope.casefold():
                return tagged
        raise bad_request(f"The scope '{scope}' has no tags.")


def _but(have: Mapping[str, str], sent: Mapping[str, str]) -> dict[str, str]:
    """The tags whose names were not sent."""
    names = {name.casefold() for name in sent}
    return {name: value for name, value in have.items() if name.casefold() not in names}


def _removes(name: str, value: str, tag: str, tag_value: str) -> bool:
    return name.casefold() == tag.casefold() and value in ("", tag_value)


def _answer(request: ArmRequest, held: Mapping[str, str]) -> ArmResponse:
    scope = request.param("scope")
    body = {
        "id": f"{scope}/providers/{KIND}/default",
        "name": "default",
        "type": KIND,
        "properties": {"tags": dict(held)},
    }
    return ArmResponse(200, body)
