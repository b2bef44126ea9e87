"""Says what is left to do once `azd` has deployed: rights in Microsoft Graph, secrets, a look at health.

azd hands over the outputs of main.bicep as variables of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping


def told(deployed: Mapping[str, str]) -> Iterator[str]:
    """The lines to show, for the outputs of a deployment. Raises KeyError for one that is missing."""
    yield f"Vizsla is deployed as {deployed['FUNCTION_APP']}. What is left:"
    yield ""
    if deployed["GRAPH_RIGHTS_GRANTED"].casefold() != "true":
        yield "- A Privileged Role Administrator grants it its rights in Defender:"
        yield f"    infra/grant-permissions.sh {deployed['IDENTITY_PRINCIPAL_ID']} {deployed['GRAPH_RIGHTS']}"
        yield "  New rights can take an hour to be seen; until then runs fail and are tried again."
    yield "- Secrets go into the vault, dashes for underscores, and their settings' names into main.bicepparam:"
    yield f"    az keyvault secret set --vault-name {deployed['KEY_VAULT']} --name VIZSLA-TEAMS-URL --value '<address>'"
    yield "- Ask how it is. It is unhealthy until every hunt has run once:"
    yield f"    curl {deployed['HEALTH_URL']}"
    yield ""
    yield "docs/deploy.md has every step."


if __name__ == "__main__":
    sys.stdout.write("\n".join(told(os.environ)) + "\n")
