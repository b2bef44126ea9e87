"""The workflow's expressions: what is read, what is refused, and what they come to."""

import pytest

from tests.infra import expressions
from tests.infra.expressions import Call, Literal, Member, NotAnExpression, Text, Unevaluable
from tests.infra.functions import functions
from tests.infra.playbook import NOW

KNOWN = {**functions(NOW), "body": {"A": {"x": 1, "list": [1, 2]}}.get}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("plain", Literal("plain")),
        ("@@escaped", Literal("@escaped")),
        ("@null", Literal(None)),
        ("@f()", Call("f", ())),
        ("@f('it''s', -2, 1.5, true)", Call("f", (Literal("it's"), Literal(-2), Literal(1.5), Literal(value=True)))),
        ("@f()?['a']['b']", Member(Member(Call("f", ()), Literal("a"), safe=True), Literal("b"), safe=False)),
        ("@f().a.b", Member(Member(Call("f", ()), Literal("a"), safe=False), Literal("b"), safe=False)),
        ("@{f()}", Text((Literal(""), Call("f", ()), Literal("")))),
        ("a @{f('}')} b", Text((Literal("a "), Call("f", (Literal("}"),)), Literal(" b")))),
    ],
)
def test_a_string_is_read(text, tree):
    assert expressions.read(text) == tree


@pytest.mark.parametrize(
    "text",
    ["@", "@f(", "@f('a'", "@f(a,)", "@f('a' 'b')", "@f()['a'", "@f() g()", "@{f()", "x @{f(} y", "@f().", "@'a", "@f"],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(NotAnExpression):
        expressions.read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("@body('A')?['x']", 1),
        ("@body('B')?['x']?['y']", None),
        ("@{body('A')?['x']} and @{body('B')}", "1 and "),
        ("@coalesce(null, 'b')", "b"),
        ("@if(equals(1, 1), 'yes', 'no')", "yes"),
        ("@take(union(json('[1, 2, 1]'), json('[2, 3]')), 2)", [1, 2]),
        ("@addHours('2026-11-20T08:00:00.1234567Z', -24, 'yyyy-MM-ddTHH:mm:ssZ')", "2026-11-19T08:00:00Z"),
        ("@utcNow()", "2026-11-24T12:00:00.0000000Z"),
        ("@setProperty(json('{}'), 'a', 1)", {"a": 1}),
        ("@encodeURIComponent('a/b c')", "a%2Fb%20c"),
    ],
)
def test_an_expression_has_a_value(text, value):
    assert expressions.resolve(text, KNOWN) == value


@pytest.mark.parametrize(
    "text",
    [
        "@body('B')['x']",  # null has no members
        "@body('A')?['list']?['x']",  # nor has a list
        "@nothing()",
        "@if('true', 1, 2)",
        "@length(null)",
        "@if(true, 1, length(null))",  # every argument is evaluated
    ],
)
def test_what_would_fail_the_action_fails(text):
    with pytest.raises(Unevaluable):
        expressions.resolve(text, KNOWN)
