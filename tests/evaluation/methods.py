"""Which hunts are played, and how."""

from __future__ import annotations

from tests.evaluation.play import Method

BURST = Method("discovery-burst", "discovery-burst")
UNLEARNED = Method("discovery-burst, nothing learned", "discovery-burst", learned=False)
CLASSICS = tuple(
    Method(f"{hunt}, repeats {repeats}", hunt, {"repeats": repeats})
    for hunt in ("discovery-by-parent", "discovery-by-device")
    for repeats in ("each", "majority")
)
METHODS = (BURST, UNLEARNED, *CLASSICS)
