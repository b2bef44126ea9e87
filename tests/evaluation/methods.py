"""Which hunts are played, and how."""

from __future__ import annotations

from tests.evaluation.play import Method

BURST = Method("discovery-burst", "discovery-burst")
UNLEARNED = Method("discovery-burst, nothing learned", "discovery-burst", knows="nothing")
UNSEEN = Method("discovery-burst, every program new", "discovery-burst", knows="empty week")
CLASSICS = tuple(
    Method(f"{hunt}, repeats {repeats}", hunt, {"repeats": repeats})
    for hunt in ("discovery-by-parent", "discovery-by-device")
    for repeats in ("each", "majority")
)
METHODS = (BURST, UNSEEN, UNLEARNED, *CLASSICS)
