"""Writes days of the estate to files: `python -m tests.estate --seed 1 --devices 60 --days 1 --out day.ndjson.gz`."""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from tests.estate import Estate, Intrusion


def main(arguments: list[str] | None = None) -> int:
    """Writes what the command line asks for and says what it wrote."""
    wanted = _parser().parse_args(arguments)
    start = datetime.combine(wanted.start, datetime.min.time(), tzinfo=UTC)
    estate = Estate(seed=wanted.seed, devices=wanted.devices, start=start)
    encoder, count, labels = msgspec.json.Encoder(), 0, list[Intrusion]()
    with _opened(wanted.out) as out:
        for n in range(wanted.first, wanted.first + wanted.days):
            for row in estate.day(n, intrusions=wanted.intrusions):
                out.write(encoder.encode(row) + b"\n")
                count += 1
            labels += estate.intrusions(n, wanted.intrusions)[1]
    if wanted.labels:
        wanted.labels.write_bytes(msgspec.json.format(encoder.encode(labels), indent=1) + b"\n")
    sys.stdout.write(f"{count} rows of {wanted.days} day(s) and {len(labels)} intrusion(s) are in {wanted.out}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.estate", description="A simulated estate's process telemetry."
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes (1)")
    parser.add_argument("--devices", type=int, default=60, help="how many computers, at least 10 (60)")
    parser.add_argument("--days", type=int, default=1, help="how many days (1)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first day to write (0)")
    parser.add_argument("--start", type=lambda text: datetime.fromisoformat(text).date(), default="2026-11-23")
    parser.add_argument("--intrusions", type=int, default=0, help="how many a day (0)")
    parser.add_argument("--out", type=Path, required=True, help="NDJSON; compressed when the name ends in .gz")
    parser.add_argument("--labels", type=Path, help="where to write what is true of the intrusions, as JSON")
    return parser


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file to write to. A compressed one holds no time and no name, so that its bytes repeat."""
    with ExitStack() as stack:
        raw: BinaryIO = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            raw = cast("BinaryIO", stack.enter_context(gzip.GzipFile("", "wb", 9, raw, mtime=0)))
        yield raw


if __name__ == "__main__":
    sys.exit(main())
