"""The Python of README and documentation runs as it stands, and every command is one that exists with its flags."""

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from warmstart.cli._main import warmstart

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of other libraries, by their names: the beginnings of warnings about what is no fault of the code on the page.
WARNED = {
    # It asks PyTorch for the leaves of a tree in the way of earlier releases, and advises further processes.
    "lightning": [
        "`isinstance(treespec, LeafSpec)` is deprecated",
        "The 'train_dataloader' does not have many workers",
    ],
    # It pins memory on machines without a GPU, and PyTorch says that this does nothing.
    "transformers": ["'pin_memory' argument is set as true but no accelerator is found"],
}
# What writes to a tracker needs its library.
LISTENERS = {"TensorBoardListener": "tensorboard", "WandbListener": "wandb", "MLflowListener": "mlflow"}
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES if page.exists()}
# Run by tests/integrations/test_other_libraries.py, which looks at the weights, too.
del TEXTS["other-libraries.md"]


def blocks(language):
    """The blocks of code in a language, each with the name of its page and its number there."""
    form = rf"```{language}\n(.*?)```"
    found = {name: re.findall(form, text, flags=re.DOTALL) for name, text in TEXTS.items()}
    return [pytest.param(block, id=f"{name}-{i}") for name, several in found.items() for i, block in enumerate(several)]


def commands():
    """The commands in indented blocks, with lines joined that a backslash continues."""
    found = []
    for name, text in TEXTS.items():
        joined = re.sub(r"\\\n\s+", "", text)
        for line in re.findall(r"^    (?:.*&& )?warmstart (.*)$", joined, flags=re.MULTILINE):
            # Alternatives such as keep|reset stand for several commands.
            found.append(pytest.param(re.sub(r"(\w+)(\|\w+)+", r"\1", line), id=f"{name}: {line.strip()[:60]}"))
    return found


@pytest.mark.parametrize("block", blocks("python"))
def test_the_code_runs(block, tmp_path):
    imported = re.findall(r"^(?:import|from) (\w+)", block, flags=re.MULTILINE)
    listeners = [library for name, library in LISTENERS.items() if name in block]
    for module in {*imported, *listeners}:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    (tmp_path / "readme.py").write_text(block)
    ignored = [f"-Wignore:{text}" for module, texts in WARNED.items() for text in texts if module in block]
    done = subprocess.run(
        [sys.executable, "-W", "error", *ignored, "readme.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"))
def test_tables_are_valid(block):
    assert tomllib.loads(block)


@pytest.mark.parametrize("line", commands())
def test_commands_exist_with_their_flags(line):
    name, *arguments = shlex.split(line, comments=True)
    command, parent = warmstart.commands[name], None
    if hasattr(command, "commands"):
        parent = command.make_context(name, arguments[:1])
        name, *arguments = arguments
        command = command.commands[name]
    # Parsed, not run: an unknown flag or a missing argument raises.
    if "--help" not in arguments:
        command.make_context(name, arguments, parent=parent)


def test_pages_have_code_and_commands():
    assert len(blocks("python")) >= 5
    assert len(commands()) > 10
