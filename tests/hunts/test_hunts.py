"""What is generated from hunts is fresh, and editors are told the truth about hunt.yaml."""

import json

import jsonschema
import pytest
import yaml

from engine import loader
from tests.generated import ROOT, files

SCHEMA = json.loads((ROOT / "hunts" / "hunt.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_generated_file_is_fresh(path):
    assert path.read_text("utf-8") == files()[path], f"{path.relative_to(ROOT)} is stale: run `make generate`"


@pytest.mark.parametrize("schema", sorted(ROOT.glob("*/*.schema.json")), ids=lambda path: path.name)
def test_a_schema_is_one(schema):
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.read_text("utf-8")))


@pytest.mark.parametrize("hunt", loader.names())
def test_a_shipped_hunt_fits_the_schema_that_editors_use(hunt):
    jsonschema.validate(yaml.safe_load((loader.HUNTS / hunt / "hunt.yaml").read_text("utf-8")), SCHEMA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "Additional properties are not allowed ('titel' was unexpected)"),
        ({"severity": {"low": 1, "medium": 2}}, "'high' is a required property"),
        ({"tables": "DeviceProcessEvents"}, "'DeviceProcessEvents' is not of type 'array'"),
    ],
)
def test_the_schema_tells_an_editor_what_the_loader_would_tell(change, message):
    sound = yaml.safe_load((loader.HUNTS / loader.names()[0] / "hunt.yaml").read_text("utf-8"))
    with pytest.raises(jsonschema.ValidationError) as caught:
        jsonschema.validate({**sound, **change}, SCHEMA)
    assert caught.value.message == message
