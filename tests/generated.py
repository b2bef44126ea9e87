"""Files that are made from the code and stand in the repository for readers: `python -m tests.generated` writes them.

A test compares each with what it would be now.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

from engine import loader, parameters
from engine.api import OPERATIONS
from engine.api.openapi import description
from engine.doctor import CHECKS
from engine.model import hunt
from engine.ondemand import SET_BY_RUNS
from engine.report import document
from engine.settings import SETTINGS

ROOT = Path(__file__).parent.parent
_INTRO = """# Hunts

Each folder is a hunt; [writing a hunt](../docs/writing-a-hunt.md) explains its files.
This table is made by `make generate`. Parameters stand there with their defaults; what a run sets itself is left out.

| hunt | what it finds | ATT&CK | parameters |
|---|---|---|---|
"""


_SETTINGS = """# Settings

What Vizsla reads from the environment; each has the prefix `VIZSLA_`, and one that is misspelt is refused by name.
This table is made by `make generate`.

| setting | what it is for |
|---|---|
"""


_DOCTOR = """# The doctor

`vizsla doctor` looks at all that is set up, from Python to the freshness of the tenant's data, and says beside each
failure what to do. On a laptop it signs in as you do (`az login`), so that it sees your rights. The app is asked for
its own with `GET /api/doctor` and a function key; it answers even where the settings are so wrong that nothing else
does, unless `VIZSLA_REQUIRE_APP_ROLE` is set: then only a sound app can tell who may ask.

```sh
vizsla doctor --from samples
```

- It exits with 1 where something `failed`; a `warning` alone is none. `--format json` and the app give the same
  answer, with `healthy`.
- Nothing is delivered, and no finding or run is recorded. In the store a claim is written for a moment and taken away;
  a store that is not there is made. Each question costs one hunting call of the tenant's quota: one, and one for each
  query of the hunts.
- One check that fails hides no other. What cannot be looked at for it is `skipped`, and says which check to see.
- No value of a setting is told: in its place stands its name, as in `[VIZSLA_STORE]`.
- It cannot see whether Teams shows a card, whether the role on a data collection rule is assigned, and how many calls
  are left: no token and no service says so without a delivery or a call.

This table is made by `make generate`.

| check | what is asked | what to do where the answer is no |
|---|---|---|
"""


def files() -> dict[Path, str]:
    """Path -> text of every generated file."""
    return {
        ROOT / "hunts" / "hunt.schema.json": _pretty(hunt.schema()),
        ROOT / "hunts" / "README.md": _INTRO + "".join(_row(each) for each in loader.load_all().hunts.values()),
        ROOT / "docs" / "settings.md": _SETTINGS
        + "".join(f"| `{name}` | {said} |\n" for name, said in SETTINGS.items()),
        ROOT / "docs" / "doctor.md": _DOCTOR
        + "".join(f"| `{each.name}` | {each.asks} | {each.cure} |\n" for each in CHECKS),
        ROOT / "docs" / "answer.schema.json": _pretty(document.schema()),
        ROOT / "docs" / "openapi.json": _pretty(description(OPERATIONS)),
    }


def _pretty(schema: Mapping[str, object]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _row(each: hunt.Hunt) -> str:
    written = {name: shorten(parameters.write(value), 60, placeholder=" ...") for name, value in each.defaults.items()}
    cells = (
        f"[{each.id}]({each.id}/hunt.yaml)",
        each.title,
        " ".join((each.definition.attack.tactic, *each.definition.attack.techniques)),
        "<br>".join(
            f"`{name} = {default}`" for name, default in written.items() if name not in {*SET_BY_RUNS, "since"}
        ),
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
