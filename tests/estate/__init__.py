"""A simulated estate: what Microsoft Defender would record of a company's processes in its DeviceProcessEvents.

    from datetime import UTC, datetime
    from tests.estate import Estate

    estate = Estate(seed=1, devices=1000, start=datetime(2026, 11, 24, tzinfo=UTC))
    for row in estate.day(0, intrusions=20): ...           # rows in order of Timestamp, streamed
    rows, labels = estate.intrusions(0, 20)                 # what those 20 added, and what is true of them

Rows are mappings with Defender's column names, and `_ArrivalTime`: when the row would have reached the tenant.
Everything is invented; no row comes from a real company. README.md says how to add a noise.
"""

from tests.estate.estate import Estate
from tests.estate.intrusions import Intrusion
from tests.estate.processes import Row

__all__ = ["Estate", "Intrusion", "Row"]
