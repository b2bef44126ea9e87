"""The description: it is OpenAPI, what is served is what stands in docs/, and it says what the operations do."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from engine.api import OPERATIONS
from engine.api.access import LINK_LASTS
from engine.model.demand import LONGEST_WAIT, LONGEST_WINDOW, MOST_DEVICES
from tests.tree import ROOT

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


def test_what_is_served_stands_in_the_repository(built):
    assert built().ask("GET", "/api/openapi.json")[2] == DOCUMENT


def test_it_is_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def operations():
    for path, methods in DOCUMENT["paths"].items():
        for method, described in methods.items():
            yield pytest.param(method.upper(), path, described, id=described["operationId"])


OPERATION = pytest.mark.parametrize(("method", "path", "described"), list(operations()))


@OPERATION
def test_every_operation_is_described(method, path, described):
    (operation,) = (each for each in OPERATIONS if (each.method, each.path) == (method, path))
    assert described["security"] == ([] if operation.is_open else [{"key": []}, {"token": []}])
    assert described["summary"].endswith(".")
    assert set(described["responses"]) - {"401"} == {str(status) for status in operation.answers}
    for status, answer in described["responses"].items():
        kinds = set(answer.get("content", {}))
        assert status < "400" or status in ("401", "503") or kinds == {"application/problem+json"}


def test_the_page_for_authors_names_every_operation_field_and_status():
    for path in DOCUMENT["paths"]:
        assert path.partition("{")[0].rstrip("/") in PAGE, path
    schemas = DOCUMENT["components"]["schemas"]
    for field in (*schemas["Ask"]["properties"], *schemas["Result"]["properties"]):
        assert f"`{field}`" in PAGE, field
    statuses = {status for path in DOCUMENT["paths"].values() for each in path.values() for status in each["responses"]}
    assert [status for status in statuses if status not in PAGE] == []


def test_the_page_for_authors_gives_the_bounds_that_hold():
    told = (
        f"at most {MOST_DEVICES:,}",
        f"at most {LONGEST_WINDOW.days} days",
        f"at most `PT{LONGEST_WAIT.total_seconds():.0f}S`",
    )
    assert [each for each in told if each not in PAGE] == []
    assert (LINK_LASTS.total_seconds() / 3_600, "lasts twelve hours" in PAGE) == (12, True)
