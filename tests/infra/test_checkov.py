"""checkov over the Bicep: what of it says something of Flex Consumption, each check passed by who it is about."""

import json
import os
import subprocess

import pytest

from tests.infra.bicep import INFRA
from tests.tree import ROOT

CHECKOV = ROOT / ".venv" / "checkov" / "bin"
PASSED = {
    ("CKV_AZURE_3", "account"),  # https alone
    ("CKV_AZURE_14", "app"),
    ("CKV_AZURE_15", "app"),  # TLS 1.2 or newer
    ("CKV_AZURE_34", "packages"),  # no container that anyone may read
    ("CKV_AZURE_36", "account"),  # Azure's own services reach the account past its network's rules
    ("CKV_AZURE_42", "vault"),  # what is deleted can be brought back
    ("CKV_AZURE_44", "account"),
    ("CKV_AZURE_59", "account"),  # no anonymous reading
    ("CKV_AZURE_70", "app"),
    ("CKV_AZURE_70", "appSettings"),
    ("CKV_AZURE_71", "app"),  # a managed identity
    ("CKV_AZURE_72", "app"),  # no remote debugging
    ("CKV_AZURE_78", "app"),  # no FTP
    ("CKV_AZURE_110", "vault"),
    ("CKV_AZURE_111", "vault"),
    ("CKV_AZURE_145", "app"),
}
# Its parser is older than Bicep's types and extensions. Neither file declares a resource that the checks know.
UNREAD = {"main.bicep", "graph_roles.bicep"}


@pytest.fixture(scope="module")
def answer():
    if not CHECKOV.is_dir():
        raise FileNotFoundError(f"{CHECKOV}: checkov is not installed. Run `make dev`.")
    checks = ",".join(sorted({check for check, _ in PASSED}))
    command = [CHECKOV / "python", CHECKOV / "checkov", "-d", INFRA, "--framework", "bicep", "-o", "json"]
    done = subprocess.run(
        [*command, "--compact", "--skip-download", "--check", checks],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["results"]


def test_nothing_fails(answer):
    assert [(each["check_id"], each["resource"]) for each in answer["failed_checks"]] == []


def test_each_check_was_made_of_what_it_is_about(answer):
    made = {(each["check_id"], each["resource"].rpartition(".")[2]) for each in answer["passed_checks"]}
    assert made == PASSED


def test_every_file_was_read_that_can_be(answer):
    assert {path.rpartition("/")[2] for path in answer["parsing_errors"]} == UNREAD
