"""The package: what is in it, byte for byte, and that it runs under Microsoft's worker with its requirements alone."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from textwrap import dedent

import pytest
import yaml
from pathspec import GitIgnoreSpec

from infra import package
from tests import process
from tests.infra.bicep import INFRA, read
from tests.tree import ROOT, tracked

DEPLOYED = ROOT / ".venv" / "deployed" / "bin" / "python"
WORKER = ROOT / "tests" / "fakes" / "worker.py"
LEFT_OUT = ("engine/cli/", "engine/lints/")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    place = tmp_path_factory.mktemp("dist") / "vizsla.zip"
    assert package.write(place) == len(package.files())
    return place


@pytest.fixture(scope="module")
def unpacked(archive):
    folder = archive.parent / "app"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def test_it_holds_what_runs_and_nothing_else(archive):
    ours = [path.relative_to(ROOT).as_posix() for path in tracked()]
    runs = [
        path
        for path in ours
        if path.startswith(("engine/", "hunts/")) or path in ("function_app.py", "host.json", "requirements.txt")
    ]
    expected = [
        path
        for path in runs
        if not path.startswith(LEFT_OUT) and not path.endswith(".md") and path != "hunts/hunt.schema.json"
    ]
    with zipfile.ZipFile(archive) as opened:
        assert sorted(opened.namelist()) == sorted(expected)
        assert opened.testzip() is None


@pytest.mark.parametrize(
    "path",
    [
        "hunts/discovery-burst/hunt.yaml",
        "hunts/discovery-burst/query.kql",
        "hunts/_lists/known-good.yaml",
        "engine/explain/device.kql",
        "engine/model/tables/DeviceProcessEvents.json",
        "engine/report/templates/report.css",
        "engine/report/templates/report.html.j2",
    ],
)
def test_it_holds_what_is_read_while_it_runs(unpacked, path):
    assert (unpacked / path).read_bytes() == (ROOT / path).read_bytes()


def test_the_same_files_give_the_same_bytes(archive, tmp_path):
    for path in package.files():
        copied = tmp_path / "elsewhere" / path
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes((ROOT / path).read_bytes())
    (tmp_path / "elsewhere" / ".funcignore").write_bytes((ROOT / ".funcignore").read_bytes())
    package.write(tmp_path / "again.zip", tmp_path / "elsewhere")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_it_is_small(archive, capsys):
    with capsys.disabled():
        print(f"dist/vizsla.zip: {len(package.files())} files, {archive.stat().st_size / 1024:.0f} KB")  # noqa: T201
    assert archive.stat().st_size < 1_000_000


def test_a_stray_file_beside_ours_stays_here(tmp_path):
    for name in (".funcignore", "function_app.py", "host.json", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in ("key.pem", "export.csv", "local.settings.json", "engine/a.py", "engine/cli/b.py", "hunts/.env"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("")
    taken = [str(path) for path in package.files(tmp_path)]
    assert taken == ["engine/a.py", "function_app.py", "host.json", "requirements.txt"]


def test_funcignore_is_read_as_git_reads_it():
    """And alone it leaves what package.py takes, so `func azure functionapp publish` sends the same."""
    spec = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text("utf-8").splitlines())
    kept = [path.relative_to(ROOT) for path in tracked()]
    assert sorted(str(path) for path in kept if not spec.match_file(path)) == sorted(map(str, package.files()))


@pytest.mark.parametrize("pattern", ["!engine", "docs/", "docs/*.md", "**/x"])
def test_a_pattern_that_is_not_understood_is_refused(tmp_path, pattern):
    (tmp_path / ".funcignore").write_text(f"# ours\n{pattern}\n")
    with pytest.raises(ValueError, match="begins with /"):
        package.ignored(tmp_path)


def named_modules(path):
    """The engine's modules that a file imports, at its head or later, and those that a registry names as text."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "engine":
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == "engine")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("engine."):
            yield node.value.partition(":")[0]


def test_nothing_in_it_imports_what_stays_here():
    packed = {str(path) for path in package.files()}
    wanted = {
        (str(path), module)
        for path in package.files()
        if path.suffix == ".py"
        for module in named_modules(path)
        if any(f"{module.replace('.', '/')}/".startswith(folder) for folder in LEFT_OUT)
    }
    assert wanted == set()
    assert "engine/stores/tables.py" in packed


def outside():
    """Every package from elsewhere that a packed module imports, at its head or later."""
    for path in package.files():
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.split(".")[0]
            elif isinstance(node, ast.Import):
                yield from (each.name.split(".")[0] for each in node.names)


def deployed(script, *, cwd):
    """What the script prints last, as JSON, run by the Python that has what Azure installs, and nothing of ours."""
    if not DEPLOYED.is_file():
        raise FileNotFoundError(f"{DEPLOYED}: what Azure installs is not installed. Run `make dev`.")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIZSLA_", "COV"))}
    command = [DEPLOYED, "-c", dedent(script)]
    done = subprocess.run(command, cwd=cwd, env=bare, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_requirements_bring_all_that_it_imports_but_what_is_for_a_laptop(tmp_path):
    names = sorted(set(outside()) - set(sys.stdlib_module_names) - {"engine"})
    assert "requests" in names
    script = f"""
        import importlib.util, json
        print(json.dumps([name for name in {names} if not importlib.util.find_spec(name)]))
    """
    assert deployed(script, cwd=tmp_path) == ["duckdb", "duckdb_kql", "rich"]


HEALTH = """
    import importlib.util, json, os, sys
    spec = importlib.util.spec_from_file_location("played", {worker!r})
    played = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(played)
    sys.path.insert(0, os.getcwd())
    worker = played.Worker(os.getcwd())
    due = json.loads(worker.timer("dispatch")["messages"])
    status, _, body = worker.http("health", url="http://127.0.0.1/api/health")
    import engine
    shown = {{
        "functions": sorted(worker.functions),
        "due": sorted({{json.loads(task)["hunt"] if isinstance(task, str) else task["hunt"] for task in due}}),
        "health": [status, json.loads(body)],
        "engine": engine.__file__,
        "local": [name for name in ("duckdb", "typer", "pytest") if importlib.util.find_spec(name)],
    }}
    worker.close()
    print(json.dumps(shown))
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Microsoft's worker library needs Python 3.13, as Azure has it")
def test_unpacked_it_starts_under_microsofts_worker_with_its_requirements_alone(unpacked):
    shown = deployed(HEALTH.format(worker=str(WORKER)), cwd=unpacked)
    here, _ = process.shown(
        "import json\nfrom tests.fakes.worker import Worker\nprint(json.dumps(sorted(Worker('.').functions)))"
    )
    assert shown["functions"] == here
    assert shown["due"] == sorted(path.parent.name for path in (ROOT / "hunts").glob("*/hunt.yaml"))
    assert shown["health"] in ([200, {"status": "ok"}], [503, {"status": "unhealthy"}])
    assert shown["engine"] == str(unpacked / "engine" / "__init__.py")
    assert shown["local"] == []


def test_microsofts_rules_for_flex_consumption_and_python_313_find_nothing(tmp_path):
    """The doctor looks at what stands at the root. It reads no Bicep, so it is shown what that says, as JSON."""
    for name in ("function_app.py", "host.json", "requirements.txt", ".funcignore"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    app = read(INFRA / "modules" / "function_app.bicep")
    resource = {"functionAppConfig": app.resource["app"].value["properties"]["functionAppConfig"]}
    plan = {"sku": app.resource["plan"].value["sku"]}
    (tmp_path / "infra.json").write_text(json.dumps({"resources": [resource, plan]}))
    command = [Path(sys.executable).parent / "azure-functions-doctor", "doctor", "--path", tmp_path, "--format", "json"]
    chosen = ["--profile", "deploy", "--target-python", "3.13", "--hosting-plan", "flex-consumption"]
    host = {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=00000000-0000-0000-0000-000000000000"}
    done = subprocess.run(
        [*command, *chosen], env={**os.environ, **host}, capture_output=True, text=True, timeout=60, check=False
    )
    found = json.loads(done.stdout)
    rules = {item["rule_id"]: (item["status"], item["value"]) for part in found["results"] for item in part["items"]}
    assert done.returncode == 0
    assert {rule: said for rule, said in rules.items() if said[0] not in ("pass", "skip")} == {}
    about = (
        "check_python_version",
        "check_flex_runtime_config",
        "check_flex_deployment_storage",
        "check_extension_bundle",
    )
    assert {rule: rules[rule][0] for rule in about} == dict.fromkeys(about, "pass")


def test_azd_sends_what_package_py_wrote():
    config = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
    app = config["services"]["app"]
    assert (app["project"], app["dist"], app["host"], app["language"], app["remoteBuild"]) == (
        ".",
        "dist/app",
        "function",
        "py",
        True,
    )
    tags = str(read(INFRA / "modules" / "function_app.bicep").resource["app"].value["tags"])
    assert "'azd-service-name': 'app'" in tags
    assert config["infra"] == {"provider": "bicep", "path": "infra", "module": "main"}
    hooks = [each["run"] for hook in config["hooks"].values() for each in hook.values()]
    scripts = {PurePosixPath(run.split()[1]) for run in hooks}
    assert scripts == {PurePosixPath("infra/package.py"), PurePosixPath("infra/next_steps.py")}
    assert [path for path in scripts if not (ROOT / path).is_file()] == []
    assert all(app["dist"] in run for run in hooks if "package.py" in run)


def test_packing_says_how_much_it_packed(tmp_path):
    command = [sys.executable, INFRA / "package.py", tmp_path / "app"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{tmp_path / 'app'}: {len(package.files())} files\n"
    made = sorted(path.relative_to(tmp_path / "app") for path in (tmp_path / "app").rglob("*") if path.is_file())
    assert list(map(str, made)) == sorted(map(str, package.files()))
