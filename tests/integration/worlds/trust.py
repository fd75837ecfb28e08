"""Federated credentials that do not fit the service account's token, and what Entra does with them."""

from lab.azure import seeded

from .scene import Scene

LOGIN = "POST login.microsoftonline.com/*"


def identity_that_nobody_made(scene: Scene) -> None:
    scene.observes(name="theirs-0")


def no_credential(scene: Scene) -> None:
    theirs = scene.identity()
    scene.has_role(theirs)
    scene.observes(theirs)


def issuer_without_its_slash(scene: Scene) -> None:
    theirs = scene.identity()
    scene.has_role(theirs)
    scene.trusts(theirs, issuer=seeded.ISSUER.rstrip("/"))
    scene.observes(theirs)


def subject_of_another_account(scene: Scene) -> None:
    """The name of the webservice's Deployment, and not of its service account."""
    theirs = scene.identity()
    scene.has_role(theirs)
    scene.trusts(theirs, subject=f"{scene.subject}-webservice-default")
    scene.observes(theirs)


def another_audience(scene: Scene) -> None:
    theirs = scene.identity()
    scene.has_role(theirs)
    scene.trusts(theirs, audience="api://AzureADTokenExchangeUSGov")
    scene.observes(theirs)


def identity_that_trusts_a_stranger(scene: Scene) -> None:
    theirs = scene.identity()
    scene.trusts(theirs, "stranger", subject="system:serviceaccount:elsewhere:default")
    scene.gitlab.apply(identity={"name": theirs["name"]})


def twenty_credentials(scene: Scene) -> None:
    theirs = scene.identity()
    for number in range(20):
        scene.trusts(theirs, f"theirs-{number}", subject=f"system:serviceaccount:theirs:account-{number}")
    scene.gitlab.apply(identity={"name": theirs["name"]})


def issuer_in_the_settings(scene: Scene) -> None:
    scene.restart(issuer=seeded.ISSUER.rstrip("/"))
    scene.gitlab.apply()


def issuer_that_entra_cannot_reach(scene: Scene) -> None:
    scene.azure.break_issuer(seeded.ISSUER, 90061)
    scene.ends.callback(scene.azure.mend_issuer, seeded.ISSUER)
    scene.gitlab.apply()


def credential_that_entra_does_not_know(scene: Scene) -> None:
    scene.azure.set(credential_propagation=3600.0)
    scene.gitlab.apply()


def token_for_another_audience(scene: Scene) -> None:
    text = "No matching federated identity record found for presented assertion audience 'api://other'."
    scene.azure.add_fault(LOGIN, status=400, code="AADSTS700212", message=text, times=1000)
    scene.gitlab.apply()


def clock_that_is_wrong(scene: Scene) -> None:
    scene.gitlab.apply().ready()
    scene.azure.set(clock=7200.0)
    scene.ends.callback(scene.azure.set, clock=0.0)
    scene.gitlab.reconcile_now()
