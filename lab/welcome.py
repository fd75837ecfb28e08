"""The text that `lab up` prints once the lab is up."""

import os
from pathlib import Path

from lab.running import Lab

TEXT = """\
  source {env}

  kubectl apply -f examples/gitlab.yaml
  kubectl -n gitlab get gai -w                     # `make operator` in another terminal makes it Ready
  eval "$(python -m lab login)"; kubectl gai doctor -n gitlab
  python -m lab calls                              # every request that Azure received
  python -m lab set role-propagation=10            # how long Azure takes
  python -m lab fault add --match 'PUT */roleAssignments/*' --status 429 --retry-after 2 --times 3
  curl -H "Authorization: Bearer $(python -m lab arm-token)" \\
    "https://management.azure.com/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups?api-version=2021-04-01"

Logs: {logs}. End it: {down}"""


def welcome(lab: Lab) -> str:
    """How to use the lab."""
    default = lab.dir == Path(".lab").absolute()
    return TEXT.format(
        env=os.path.relpath(lab.places.env),
        logs=os.path.relpath(lab.places.logs),
        down="make lab-down" if default else f"python -m lab --dir {os.path.relpath(lab.dir)} down",
    )
