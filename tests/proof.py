"""How many examples a property is tried on: a few in `make test`, all of them in `make prove`."""

import os


def examples(*, quick: int, full: int) -> int:
    """`full` under `make prove`, else `quick`."""
    return full if os.environ.get("PROVE") else quick
