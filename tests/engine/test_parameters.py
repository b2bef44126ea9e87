"""Parameters: typed values to KQL literals, and nothing else of the query changed."""

import string
from datetime import UTC, datetime, timedelta

import duckdb_kql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import parameters
from engine.errors import ParameterError
from engine.lints import kusto
from engine.model.hunt import Parameter
from tests.proof import examples

QUERY = """// let hidden = 1;
let window = 10m; // a comment; with let fake = 2;
let names = dynamic(["a;b", "let x = 3;"]);
let p = "let q = 4;";
let f = (n: long) { let inner = n; inner };
T | where A == "let z = 5;" and B == p
"""


def parameter(kind, **bounds):
    return Parameter(type=kind, description="", **bounds)


def test_only_top_level_lets_are_seen():
    assert [(let.name, let.text) for let in parameters.lets(QUERY)] == [
        ("window", "10m"),
        ("names", 'dynamic(["a;b", "let x = 3;"])'),
        ("p", '"let q = 4;"'),
        ("f", "(n: long) { let inner = n; inner }"),
    ]


def test_binding_changes_the_literal_and_no_other_byte():
    bound = parameters.bind(QUERY, {"window": timedelta(seconds=90), "p": 'a"b\\c\n'})
    assert bound == QUERY.replace("= 10m", "= 90s").replace('"let q = 4;"', r'"a\"b\\c\n"')


@pytest.mark.parametrize(
    ("kind", "literal", "value"),
    [
        ("int", "5", 5),
        ("timespan", "10m", timedelta(minutes=10)),
        ("timespan", "1.5d", timedelta(hours=36)),
        ("bool", "true", True),
        ("string", r'"a\"b\\c\td"', 'a"b\\c\td'),
        ("string list", 'dynamic(["a", "b"])', ("a", "b")),
        ("string list", "dynamic([])", ()),
        ("datetime", "datetime(2026-11-24)", datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_defaults_are_read(kind, literal, value):
    assert parameters.read(kind, literal) == value


@pytest.mark.parametrize(
    ("kind", "literal"),
    [("int", "5m"), ("bool", "1"), ("timespan", "5"), ("string", "'a'"), ("string list", '["a"]'), ("string", "a + b")],
)
def test_what_is_no_literal_of_the_type_is_refused(kind, literal):
    with pytest.raises(ValueError, match=r"."):
        parameters.read(kind, literal)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (5, "5"),
        (-5, "long(-5)"),
        (True, "true"),
        (timedelta(days=2), "2d"),
        (timedelta(minutes=90), "90m"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(0), "0ms"),
        ("x", '"x"'),
        (("a", 'b"'), r'dynamic(["a", "b\""])'),
        (datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC), "datetime(2026-11-24T01:02:03.000004Z)"),
    ],
)
def test_values_are_written(value, literal):
    assert parameters.write(value) == literal


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31m", "\u2028", "\ud800", "\x85", "\x7f"])
def test_what_cannot_be_written_safely_is_refused_by_its_code_point(text):
    with pytest.raises(ParameterError, match=r"name: the character U\+[0-9A-F]{4} cannot be written into a query"):
        parameters.coerce("name", parameter("string"), text)


@pytest.mark.parametrize(
    ("kind", "bounds", "value", "message"),
    [
        ("int", {"minimum": 2, "maximum": 20}, "1", "minimum: out of bounds. It takes an int from 2 to 20."),
        ("int", {}, "one", "minimum: 'one' is no int. It takes an int."),
        ("int", {}, True, "minimum: True is no int. It takes an int."),
        ("timespan", {"maximum": "1h"}, "2h", "minimum: out of bounds. It takes a timespan to 1h."),
        ("timespan", {}, "5", "minimum: 5 is no timespan like 10m, 24h or 7d. It takes a timespan."),
        ("string", {"choices": ("a", "b")}, "c", "minimum: 'c' is none of its choices. It takes a string of a | b."),
        ("string", {"pattern": "[a-z]+"}, "A", "minimum: 'A' does not match. It takes a string matching [a-z]+."),
        ("string list", {"max_items": 1}, ["a", "b"], "minimum: 2 items, at most 1. It takes a string list."),
        ("string list", {}, [1], "minimum: 1 is no string. It takes a string list."),
        ("bool", {}, "yes", "minimum: 'yes' is no bool. It takes a bool."),
    ],
)
def test_a_wrong_value_is_told_with_what_it_takes(kind, bounds, value, message):
    with pytest.raises(ParameterError) as caught:
        parameters.coerce("minimum", parameter(kind, **bounds), value)
    assert str(caught.value) == message


SAFE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), include_characters="\t\r\n")
HOSTILE = st.text(
    st.one_of(SAFE, st.sampled_from("\"'\\;|`@()[]{}/*\n\t\r"), st.sampled_from(string.ascii_letters)), max_size=60
)


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1000))
@given(HOSTILE)
def test_a_bound_string_is_the_callers_value_when_the_query_runs(value):
    bound = parameters.bind('let p = "default";\nprint p', {"p": value})
    assert duckdb_kql.query(duckdb_kql.connect(), bound).fetchall() == [(value,)]


@pytest.mark.property
def test_microsofts_parser_sees_the_same_tokens_but_for_the_literal():
    """One call of the parser for all the strings, since each starts Node anew."""
    values: list[str] = []

    @settings(max_examples=examples(quick=100, full=1000), database=None)
    @given(HOSTILE)
    def collect(value):
        values.append(value)

    collect()
    texts = {str(index): parameters.bind(QUERY, {"p": value}) for index, value in enumerate(values)}
    analyses = kusto.analyse({"default": QUERY, **texts}, {"T": {"A": "string", "B": "string"}})
    literal = '"let q = 4;"'
    default = [token.text for token in analyses["default"].tokens]
    assert default.count(literal) == 1
    for index, value in enumerate(values):
        tokens = [token.text for token in analyses[str(index)].tokens]
        assert tokens == [parameters.write(value) if token == literal else token for token in default]
