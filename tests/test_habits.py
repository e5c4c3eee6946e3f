"""What contributors meet before any code: workflows, hooks, templates, bounds, pins and versions agree."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
WORKFLOWS = {path.name: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
FORMS = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]


def tool(name):
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BOUNDS = tool("bounds")


def steps(name):
    jobs = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))["jobs"]
    return [(job, step) for job in jobs.values() for step in job["steps"]]


def made(name):
    """The targets that a workflow makes, with those that a matrix stands for."""
    found = set()
    for job, step in steps(name):
        for target in re.findall(r"\bmake ([^\s$]+|\$\{\{ *matrix\.target *\}\})", step.get("run", "")):
            several = [one["target"] for one in job["strategy"]["matrix"]["include"]] if "$" in target else [target]
            found |= set(several)
    return found


def test_there_are_workflows_for_tests_docs_and_releases():
    assert set(WORKFLOWS) == {"tests.yml", "docs.yml", "release.yml"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_every_form_is_yaml(path):
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_workflows_make_what_the_makefile_has(name):
    known = TARGETS | (set() if (ROOT / "tools" / "docsite").exists() else {"docs"})
    assert made(name)
    assert made(name) <= known


def test_what_is_made_here_is_made_there():
    made_here = set(re.findall(r"^make (\w+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert made_here <= made("tests.yml")
    assert made("tests.yml") == {"test", "lint", "lowest", "newest", "coverage", "package"}


def test_every_python_of_the_classifiers_is_tested():
    listed = {line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line}
    (matrix,) = (job["strategy"]["matrix"]["python"] for job, step in steps("tests.yml") if "make test " in str(step))
    assert set(matrix) == listed
    others = {one["python"] for job, _ in steps("tests.yml") for one in job["strategy"]["matrix"].get("include", ())}
    assert others <= listed
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert min(listed, key=lambda version: int(version.split(".")[1])) == lowest


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_workflows_may_write_nothing_by_default_and_name_the_version_of_actions(name):
    workflow = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    used = [step["uses"] for _, step in steps(name) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", action) for action in used)


def test_a_release_is_published_without_a_stored_token():
    text = WORKFLOWS["release.yml"].read_text(encoding="utf-8")
    publish = yaml.safe_load(text)["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets." not in text
    assert "TAG=${{ github.ref_name }}" in text


def test_issue_templates_ask_for_what_is_needed():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form)
            assert all(part["type"] in ("textarea", "input", "checkboxes") for part in form["body"])
            ids = [part["id"] for part in form["body"]]
            assert len(ids) == len(set(ids))


def test_hooks_call_what_is_installed_here():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"].split() for hook in repository["hooks"]]
    assert all(entry[0].startswith(".venv/bin/") for entry in entries)
    assert all((ROOT / word).exists() for entry in entries for word in entry if word.startswith("tools/"))


def test_the_image_copies_what_there_is():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {f"!{name}" for name in copied} <= set(kept)


def test_the_version_is_the_same_everywhere():
    assert BOUNDS.other_versions(PROJECT["project"]["version"], f"v{PROJECT['project']['version']}") == []
    assert len(BOUNDS.other_versions("99.0", "v98.0")) == 3


def test_pins_are_there_for_every_dependency_and_within_its_bounds():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert BOUNDS.unpinned(PROJECT["project"], constraints) == []
    without = re.sub(r"^numpy==.*\n", "", constraints, flags=re.MULTILINE)
    assert BOUNDS.unpinned(PROJECT["project"], without) == ["constraints.txt must pin numpy."]
    older = re.sub(r"^numpy==.*$", "numpy==1.9.0", constraints, flags=re.MULTILINE)
    (sentence,) = BOUNDS.unpinned(PROJECT["project"], older)
    assert re.fullmatch(r"constraints.txt must pin numpy at [0-9.]+ or above, got 1.9.0.", sentence)


def test_lowest_bounds_follow_extras_and_refuse_what_has_none():
    project = {
        "dependencies": ["numpy>=1.26"],
        "optional-dependencies": {"lab": ["warmstart[data]"], "data": ["pillow>=10.1", "numpy>=1.26"], "bad": ["rich"]},
    }
    assert BOUNDS.lowest(project, ["lab"]) == {"numpy": "1.26", "pillow": "10.1"}
    with pytest.raises(ValueError, match="'rich' must be a name and a lower bound"):
        BOUNDS.lowest(project, ["bad"])
    project["optional-dependencies"]["data"].append("numpy>=2")
    with pytest.raises(ValueError, match="numpy must have one lower bound"):
        BOUNDS.lowest(project, ["data"])


def test_the_constraints_of_the_lowest_are_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bounds.py", "lab", "--torch", "2.9.1"])
    BOUNDS.main()
    lines = capsys.readouterr().out.splitlines()
    assert "torch==2.9.1" in lines
    assert [line.partition("==")[0] for line in lines] == sorted(BOUNDS.lowest(PROJECT["project"], ["lab"]))
    assert all(re.fullmatch(r"[\w-]+==[0-9.]+", line) for line in lines)


def test_links_of_the_readme_are_absolute_on_the_package_index(monkeypatch):
    # Only builds have hatchling, in an environment of their own.
    monkeypatch.setitem(sys.modules, "hatchling", ModuleType("hatchling"))
    monkeypatch.setitem(sys.modules, "hatchling.metadata", ModuleType("hatchling.metadata"))
    monkeypatch.setitem(sys.modules, "hatchling.metadata.plugin", ModuleType("hatchling.metadata.plugin"))
    interface = SimpleNamespace(MetadataHookInterface=object)
    monkeypatch.setitem(sys.modules, "hatchling.metadata.plugin.interface", interface)
    change = tool("hatch_metadata").with_absolute_links
    base = "https://example.org/blob/v1"
    assert change("[a](docs/a.md) [b](https://b) [c](#c)", base) == f"[a]({base}/docs/a.md) [b](https://b) [c](#c)"
    text = change((ROOT / "README.md").read_text(encoding="utf-8"), base)
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("https://", "#"))] == []


def test_the_address_of_the_repository_stands_in_one_file():
    home = PROJECT["project"]["urls"]["Homepage"]
    texts = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "tools").rglob("*.py"),
        *FORMS,
    ]
    assert [path.name for path in texts if home in path.read_text(encoding="utf-8")] == []
    assert all(address.startswith(home) for address in PROJECT["project"]["urls"].values())


def test_the_tests_that_jobs_run_are_there():
    folders = re.search(r"^CORE := (.*)$", MAKEFILE, re.MULTILINE)[1].split()
    assert all((ROOT / folder).is_dir() for folder in folders)


@pytest.mark.xdist_group("habits")
def test_groups_of_tests_stay_in_one_process(request):
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@habits"), "this pytest and this pytest-xdist do not go together"
