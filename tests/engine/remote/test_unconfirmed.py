"""What Microsoft's words are taken for."""

import pytest

from engine.remote import unconfirmed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DateTime", "datetime"),
        ("String", "string"),
        ("SByte", "bool"),
        ("System.SByte", "bool"),
        ("boolean", "bool"),
        ("Int64", "long"),
        ("INT32", "long"),
        ("#Edm.Int64", "long"),
        ("Double", "real"),
        ("Object", "dynamic"),
        ("Guid", "string"),
        ("TimeSpan", "string"),
        ("Shape", None),
        ("", None),
    ],
)
def test_types_are_known_whoever_names_them(name, expected):
    assert unconfirmed.kind(name) == expected


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (400, "Query execution has exceeded the allowed result size. Optimize your query", True),
        (400, "Query result set has exceeded the internal record count limit 500000", True),
        (400, "The response is too large", True),
        (413, "", True),
        (400, "'where' operator: Failed to resolve column or scalar expression named 'X'", False),
        (500, "Query execution has exceeded the allowed result size.", False),
    ],
)
def test_a_refusal_about_size_is_told_from_others(status, reason, expected):
    assert unconfirmed.is_too_large(status, "BadRequest", reason) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("You have exceeded your CPU quota", True),
        ("The query was blocked for lack of computing resources", True),
        ("Too many requests in the last minute", False),
        ("", False),
    ],
)
def test_a_quota_of_cpu_is_told_from_one_of_calls(reason, expected):
    assert unconfirmed.is_cpu_quota(reason) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("'where' operator: Failed to resolve column or scalar expression named 'ProcessUniqueId'", "ProcessUniqueId"),
        ("Failed to resolve scalar expression named `Some Column`", "Some Column"),
        ("SEM0100: 'project' operator: Failed to resolve entity 'X'", "X"),
        ("Failed to resolve table or column expression named 'NoSuchTable'", ""),
        ("Syntax error: a column named 'X' is no operator", ""),
        ("Failed to resolve", ""),
        ("", ""),
    ],
)
def test_a_missing_column_is_named(reason, expected):
    assert unconfirmed.missing_column(reason) == expected
