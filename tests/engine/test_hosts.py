"""Hosts are the devices that they name, and no other: over recorded rows, over files, and over the fake Graph."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hosts
from engine.lints.kusto import analyse
from engine.model import tables
from engine.model.demand import Host, Resolved
from engine.model.run import Window
from engine.remote.retries import Retries
from engine.remote.session import Session
from engine.sources.graph import Graph
from engine.sources.local import Local
from engine.sources.recorded import Recorded
from tests.engine.api.house import launch
from tests.fakes.graph import Graph as Fake
from tests.fakes.identity import token

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=1), NOON)
DEVICES = {
    "0a": "ws1.contoso.com",
    "0b": "ws10.contoso.com",
    "0c": "ws1.fabrikam.com",
    "0d": "WS2",
    "0e": "ws3.contoso.com",
    "0f": "ws3.contoso.com",
    "10": "aws1.contoso.com",
    "11": "ws1-old.contoso.com",
    "12": "straße.contoso.com",
    "13": "0a.contoso.com",
}


def inventory(devices, *, hours=2):
    """Rows of DeviceInfo, a few hours old."""
    moment = f"{NOON - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    return [{"Timestamp": moment, "DeviceId": key, "DeviceName": name} for key, name in devices.items()]


def ran(devices):
    return [{**launch(key, 1, "whoami"), "DeviceName": name} for key, name in devices.items()]


@pytest.fixture(scope="module", params=["inventory", "what ran", "files", "graph", "graph without an inventory"])
def source(request, tmp_path_factory):
    rows = {"DeviceInfo": inventory(DEVICES)} if request.param in ("inventory", "graph") else {}
    rows |= {"DeviceProcessEvents": ran(DEVICES)} if not rows else {"DeviceProcessEvents": ran({"99": "other"})}
    if request.param == "files":
        folder = tmp_path_factory.mktemp("export")
        lines = "".join(json.dumps(row) + "\n" for row in rows["DeviceProcessEvents"])
        (folder / "DeviceProcessEvents.ndjson").write_text(lines, "utf-8")
        with Local(paths=[str(folder)]) as opened:
            yield opened
        return
    with Recorded(tables=rows) as recorded:
        if not request.param.startswith("graph"):
            yield recorded
            return
        with Fake(recorded) as fake:
            permitted = token(fake.audience, ["ThreatHunting.Read.All"])
            session = Session(name="Graph", url=fake.url, token=lambda **_: permitted, retries=Retries())
            with Graph(session=session, row_limit=100_000) as opened:
                yield opened
            assert fake.violations == []


@pytest.mark.parametrize(
    ("host", "ids"),
    [
        (Host(id="0a"), ["0a"]),
        (Host(id="0A"), ["0a"]),
        (Host(id="0"), []),
        (Host(id="ws1"), []),
        (Host(name="ws1"), ["0a", "0c"]),
        (Host(name="WS1"), ["0a", "0c"]),
        (Host(name="ws1.contoso.com"), ["0a"]),
        (Host(name="Ws1.Contoso.Com"), ["0a"]),
        (Host(name="ws1.contoso"), []),
        (Host(name="ws1."), []),
        (Host(name="ws"), []),
        (Host(name="ws1*"), []),
        (Host(name="contoso.com"), []),
        (Host(name="0a"), ["13"]),
        (Host(name="ws10"), ["0b"]),
        (Host(name="ws2"), ["0d"]),
        (Host(host_name="ws1"), ["0a", "0c"]),
        (Host(host_name="ws1", dns_domain="contoso.com"), ["0a"]),
        (Host(host_name="WS1", dns_domain="FABRIKAM.com"), ["0c"]),
        (Host(host_name="ws1", dns_domain="tailspin.com"), []),
        (Host(host_name="ws2", dns_domain="contoso.com"), ["0d"]),
        (Host(host_name="ws3", dns_domain="contoso.com"), ["0e", "0f"]),
        (Host(name='x" or true or "'), []),
        (Host(name="\\"), []),
    ],
)
def test_a_host_is_exactly_the_devices_that_it_names(source, host, ids):
    (resolved,) = hosts.resolve([host], source=source, window=WINDOW)
    assert resolved == Resolved(host, tuple(ids), len(ids) > 1)


def test_many_are_asked_for_at_once_and_come_back_in_their_order(source):
    asked = [Host(name="ws10"), Host(name="nobody"), Host(id="0a"), Host(name="ws10")]
    assert [each.ids for each in hosts.resolve(asked, source=source, window=WINDOW)] == [("0b",), (), ("0a",), ("0b",)]


class Told:
    """A source that counts what it is asked, and holds nothing."""

    def __init__(self):
        self.asked = []
        self.notes = ()

    def rows(self, query, window):
        self.asked.append((query, window))
        return iter(())


def test_without_hosts_nothing_is_asked():
    source = Told()
    assert hosts.resolve([], source=source, window=WINDOW) == ()
    assert source.asked == []


def test_the_inventory_is_looked_up_a_week_back_and_what_ran_in_the_window_alone():
    source = Told()
    hosts.resolve([Host(name="ws1")], source=source, window=WINDOW)
    assert [window for _, window in source.asked] == [Window(WINDOW.start - timedelta(days=7), NOON), WINDOW]


def test_what_the_inventory_lacks_is_looked_for_in_what_ran():
    rows = {"DeviceInfo": inventory({"0a": "ws1"}, hours=120), "DeviceProcessEvents": ran({"0b": "ws2", "0c": "ws1"})}
    with Recorded(tables=rows) as source:
        found = hosts.resolve([Host(name="ws1"), Host(name="ws2")], source=source, window=WINDOW)
    assert [each.ids for each in found] == [("0a",), ("0b",)]


def test_names_are_bound_and_never_written_into_the_query_as_they_are():
    source = Told()
    hosts.resolve([Host(name='ws1"]); DeviceInfo | take 1 //')], source=source, window=WINDOW)
    assert all('dynamic(["ws1\\"]); DeviceInfo | take 1 //"])' in query for query, _ in source.asked)


@given(st.text(st.sampled_from("ws10.contoso"), min_size=1, max_size=20))
def test_no_part_of_a_name_is_ever_enough(name):
    known = {key.casefold() for full in DEVICES.values() for key in (full, full.partition(".")[0])}

    class Everything(Told):
        def rows(self, query, window):  # noqa: ARG002 - as a source that does not even look
            return iter([inventory(DEVICES)])

    (found,) = hosts.resolve([Host(name=name)], source=Everything(), window=WINDOW)
    assert bool(found.ids) == (name.casefold() in known)


@pytest.mark.parametrize("name", [r"\"]); drop //", "a\\", "ws1\u2019", '")', "日本"])
def test_microsofts_parser_reads_a_hostile_name_as_one_text_of_a_sound_query(name):
    source = Told()
    hosts.resolve([Host(name=name)], source=source, window=WINDOW)
    known = {table: tables.columns(table) for table in tables.names()}
    analyses = analyse({str(number): query for number, (query, _) in enumerate(source.asked)}, known)
    assert len(analyses) == 2
    for analysis in analyses.values():
        assert analysis.diagnostics == ()
        assert [column.name for column in analysis.columns] == ["DeviceId", "DeviceName", "Newest"]
        assert sum(token.kind == "StringLiteralToken" for token in analysis.tokens) == 2
