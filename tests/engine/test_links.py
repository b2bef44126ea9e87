"""Links lead to the device and carry its query, whatever the device calls itself."""

import gzip
from base64 import urlsafe_b64decode
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import links as room
from engine import parameters
from engine.links import alert_link, links, query
from engine.lints.kusto import analyse
from engine.model import tables
from engine.model.finding import Device
from engine.model.notice import Links
from engine.sources.recorded import Recorded
from tests.engine.stores.test_contract import a_finding
from tests.proof import examples

PORTAL = "https://security.microsoft.com"
TEXT = Path(room.__file__).with_name("links.kql").read_text("utf-8")
TENANT = "0b8f4a3e-1c52-4c0e-9d1f-2f6a7c0d9e11"
HOSTILE = (
    'x"; .drop table T //',
    "x' or 1 == 1 //",
    '\\"; DeviceInfo | take 1 //',
    'x"\n| union DeviceInfo //',
    "x```\n; print 1; ```",
    'h@"x"" | take 1',
    "\u202e\u00fc\U0001f600",
)


def found(device, **changes):
    return a_finding("f", device=Device(device, "ws01.contoso.com"), **changes)


def decoded(link):
    """The query that a link carries, as the portal reads it."""
    fields = parse_qs(urlsplit(link).query, strict_parsing=True)
    assert (fields["runQuery"], fields["timeRangeId"]) == (["true"], ["month"])
    (packed,) = fields["query"]
    return gzip.decompress(urlsafe_b64decode(packed + "=" * (-len(packed) % 4))).decode("utf-16-le")


def bound(text):
    """The values of the query's lines, and all that is not in them."""
    lets = parameters.lets(text)
    kinds = {"device": "string", "since": "datetime", "until": "datetime"}
    values = {let.name: parameters.read(kinds[let.name], let.text) for let in lets}
    for let in reversed(lets):
        text = text[: let.start] + text[let.end :]
    return values, text


def test_a_finding_leads_to_its_device_and_to_a_query_for_its_time():
    told = links(found("d" * 40), portal=PORTAL)
    assert told.device == f"{PORTAL}/machines/v2/{'d' * 40}"
    assert told.hunting.startswith(f"{PORTAL}/v2/advanced-hunting?query=H4sI")
    assert bound(decoded(told.hunting)) == (
        {
            "device": "d" * 40,
            "since": datetime.fromisoformat("2026-11-24T11:30:00+00:00"),
            "until": datetime.fromisoformat("2026-11-24T12:30:09+00:00"),
        },
        bound(TEXT)[1],
    )


def test_whoever_works_for_several_tenants_is_led_into_the_right_one():
    told = links(found("d", tenant=TENANT), portal=PORTAL)
    assert told.device == f"{PORTAL}/machines/v2/d?tid={TENANT}"
    assert told.hunting.endswith(f"&tid={TENANT}")
    assert alert_link("da1_2", portal=PORTAL, tenant=TENANT) == f"{PORTAL}/alerts/da1_2?tid={TENANT}"
    assert alert_link("da1_2", portal=PORTAL, tenant="contoso") == f"{PORTAL}/alerts/da1_2"


@pytest.mark.property
@settings(max_examples=examples(quick=200, full=5_000))
@given(st.text(max_size=60) | st.sampled_from(HOSTILE))
def test_no_device_breaks_out_of_its_literal_or_of_its_address(device):
    finding = found(device)
    told = links(finding, portal=PORTAL)
    path = urlsplit(told.device)
    assert (path.path.count("/"), path.query, path.fragment) == (3, "", "")
    assert unquote(path.path.rpartition("/")[2]) == device
    try:
        parameters.write(device)
    except ValueError:
        assert told.hunting == ""
    else:
        values, rest = bound(decoded(told.hunting))
        assert (values["device"], rest) == (device, bound(TEXT)[1])


def test_microsofts_parser_and_duckdb_read_each_hostile_id_as_one_text():
    known = {table: tables.columns(table) for table in tables.names()}
    plain, *others = analyse({each: query(found(each)) for each in ("d", *HOSTILE)}, known).values()
    assert plain.diagnostics == ()
    for each in others:
        assert each.diagnostics == ()
        assert [token.kind for token in each.tokens] == [token.kind for token in plain.tokens]
    with Recorded(tables={}) as source:
        for each in HOSTILE:
            (let, *_) = parameters.lets(query(found(each)))
            ((row,),) = source.rows(f"let device = {let.text};\nprint told = device", None)
            assert row["told"] == each


def test_the_query_shows_what_ran_around_that_time_on_that_device_alone():
    stamps = ("11:29:59", "11:30:00", "12:00:00", "12:30:09", "12:30:10")
    ran = [
        {"Timestamp": f"2026-11-24T{stamp}.0000000Z", "DeviceId": device, "FileName": stamp}
        for device in ("d", "e")
        for stamp in stamps
    ]
    asked = {"Timestamp": "2026-11-24T12:00:01.0000000Z", "DeviceId": "d", "FileName": "asked"}
    events = [asked | {"ActionType": action} for action in ("PowerShellCommand", "ScreenshotTaken")]
    with Recorded(tables={"DeviceProcessEvents": ran, "DeviceEvents": events}) as source:
        shown = [row["FileName"] for batch in source.rows(query(found("d")), None) for row in batch]
    assert shown == ["11:30:00", "12:00:00", "asked", "12:30:09"]


def test_a_link_that_would_be_cut_off_is_left_out():
    assert links(found("d" * 2_000), portal=PORTAL).device == ""
    random = "".join(chr(33 + number * number % 89) + chr(0x4E00 + number * 7 % 20_000) for number in range(400))
    assert links(found(random), portal=PORTAL) == Links()
    assert alert_link("a" * 2_000, portal=PORTAL, tenant="t") == ""
