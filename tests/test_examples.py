"""The examples: short, and what a study promises holds for them: paired, resumed bit for bit, killed or not."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runs import ONE, TWO, interrupt, results
from warmstart.analysis import summarize
from warmstart.cli._main import run
from warmstart.store import read_study_index
from warmstart.strategies import Cold, Warm
from warmstart.streams import Growing
from warmstart.studies import Study, is_complete, read_study, run_study

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples"
# Those for schedulers have tests of their own.
FILES = sorted(file for file in FOLDER.glob("*.py") if file.stem != "airflow_dag")
NEEDED = {
    "lightning_module": ["lightning"],
    "lightning_rounds": ["lightning"],
    "huggingface_rounds": ["transformers", "accelerate"],
    "skorch_rounds": ["skorch"],
    "tracked_study": ["tensorboard"],
    "tune_shrink": ["optuna"],
    "text_classifier": ["transformers", "accelerate"],
}
# What makes learner and data; few samples, and short rounds where the example has an option for it.
MADE = {
    "lightning_module": ("MoonLearner()", "points(60)"),
    "plain_regression": ("Bikes(epochs=3)", "rides(60)"),
    "text_classifier": ("TextClassifier(epochs=1)", "reviews(24)"),
}
# What is no learner, but a program: what the last of its lines is.
PROGRAMS = {
    "half_the_budget": r"Warm with half the epochs, beside a cold start with all: (lower by|no difference) .*",
    "huggingface_rounds": r"night 3: accuracy (0\.[89]|1\.0)\d+",
    "kept_or_smaller": r"What is kept: shrink-perturb beside norm-matched: .*",
    "lightning_rounds": r"night 3: 190 steps, accuracy (0\.9|1\.0)\d+",
    "new_data_alone": r"After 6 rounds .* warm:train-on=arrival .*",
    "nightly_project": r"  accuracy of what serves now: 0\.[89]\d+",
    "retrained_estimator": r"shrink-perturb: accuracy 0\.9\d+, \d+ steps in all rounds",
    "skorch_rounds": r"night 3: accuracy 0\.9\d+",
    "steady_predictions": r"  changed, beside cold: .*",
    "tracked_study": r"4 runs in runs/tensorboard/digits",
    "tune_shrink": r".*shrink-perturb:.*",
    "warm_start_gap": r"After 2 rounds .*",
}
ARGUMENTS = {"tune_shrink": ["1"]}
pytestmark = [
    # Of Lightning: it asks PyTorch for the leaves of a tree in the way of earlier releases.
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"),
    # Of Lightning: advice on speed, to read data in further processes.
    pytest.mark.filterwarnings("ignore:The '\\w+_dataloader' does not have many workers"),
    # Of Transformers and Lightning: they pin memory on machines without a GPU, and PyTorch says that this does nothing.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but no accelerator is found"),
]


@pytest.fixture(params=MADE, ids=str)
def example(request, monkeypatch):
    """Return learner and data of an example, whose module workers find by its name."""
    for package in NEEDED.get(request.param, []):
        pytest.importorskip(package)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FOLDER), str(ROOT / "src")]))
    module = importlib.import_module(request.param)
    learner, data = (eval(code, vars(module)) for code in MADE[request.param])
    return learner, data


def study_of(example, **options):
    return Study([Cold(), Warm()], learner=example[0], **{"stream": Growing(rounds=2), "seeds": 2, **options})


def test_every_example_is_checked_here():
    assert {file.stem for file in FILES} == set(MADE) | set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_and_prints_what_came_of_it(name, tmp_path):
    for package in NEEDED.get(name, []):
        pytest.importorskip(package, reason=f"{package} is not installed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(FOLDER / f"{name}.py"), *ARGUMENTS.get(name, [])]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(PROGRAMS[name], done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_is_short_and_says_how_it_is_run(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert f"python examples/{file.name}" in "\n".join(lines[:6])


def test_the_list_of_examples_has_every_question_and_every_file():
    listed = dict(re.findall(r"^\| \[(.*?)\]\(\1\) \| (.*) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE))
    assert set(listed) == {file.name for file in FOLDER.iterdir() if file.is_file()} - {"README.md"}
    for name, question in listed.items():
        beginning = " ".join((FOLDER / name).read_text(encoding="utf-8").splitlines()[:3])
        assert question in beginning.replace("``", "`")


@pytest.mark.slow
def test_trials_are_paired_resumed_and_the_same_with_two_workers(example, tmp_path):
    study, data = study_of(example), example[1]
    whole = run_study(study, tmp_path / "whole", dataset=data, execution=ONE)
    assert len(whole.rounds) == 2 * 2 * 2
    by_trial = {(record.arm, record.seed, record.round): record for record in results(whole)}
    for seed in (0, 1):
        cold, warm = by_trial["cold", seed, 1], by_trial["warm", seed, 1]
        assert (cold.score, cold.metrics, cold.steps) == (warm.score, warm.metrics, warm.steps)
    assert all(record.steps > 0 and record.samples > 0 for record in whole.rounds)
    interrupt(study, tmp_path / "interrupted", 3, dataset=data)
    resumed = run_study(study, tmp_path / "interrupted", dataset=data, execution=ONE)
    assert results(resumed) == results(whole)
    if type(example[0]).__module__ != "text_classifier":  # whose library takes each worker seconds to import
        two = run_study(study, tmp_path / "two", dataset=data, execution=TWO)
        assert results(two) == results(whole)
    assert not is_complete(study, tmp_path / "whole"), "a learner of the user's own may be another today"
    summary = summarize(whole)
    assert whole.metric.name in summary.verdict or "is as accurate as cold" in summary.verdict


SCRIPT = """
import sys
import warnings
warnings.simplefilter("ignore")
import {module}
import warmstart as ws
from warmstart.executors import Execution
from warmstart.store import RoundRecord

def heard(event):
    if isinstance(event, RoundRecord):
        print("round", flush=True)

if __name__ == "__main__":
    learner, data = (eval(code, vars({module})) for code in {made!r})
    study = ws.Study([ws.Cold(), ws.Warm()], learner=learner, stream=ws.Growing(rounds=2), seeds=2)
    ws.run_study(study, sys.argv[1], dataset=data, execution=Execution(workers=2, device="cpu"), listener=heard)
"""


@pytest.mark.slow
@pytest.mark.parametrize("example", ["lightning_module", "plain_regression"], indirect=True)
def test_a_killed_study_is_resumed_bit_for_bit(example, tmp_path):
    module = type(example[0]).__module__
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(module=module, made=MADE[module]))
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "round":
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    study, data = study_of(example), example[1]
    assert 1 <= len(read_study(tmp_path / "killed").rounds) < 8
    resumed = run_study(study, tmp_path / "killed", dataset=data, execution=ONE)
    assert results(resumed) == results(run_study(study, tmp_path / "whole", dataset=data, execution=ONE))


def compare(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    code = "import sys; sys.path.remove(''); from warmstart.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "compare", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


BIKES = [
    "--learner",
    "plain_regression:Bikes:epochs=2",
    "--data",
    "plain_regression:rides",
    "--strategies",
    "cold,warm",
]
SHORT = ["--seeds", "2", "--rounds", "2", "--workers", "1"]


def test_the_command_of_the_example_speaks_of_its_metric(tmp_path):
    done = compare(*BIKES, *SHORT, "--out", str(tmp_path / "out"), "--json", "-", "--workers", "2", folder=FOLDER)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["metric"] == {"name": "rmse", "unit": "bikes", "higher_is_better": False}
    assert "lower rmse is better" in summary["verdict"]
    assert "accuracy" not in done.stdout + done.stderr
    assert "stopping rule" not in done.stdout + done.stderr, "the learner has none"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "rmse" in page
    again = compare("--study", str(tmp_path / "out" / "study.toml"), "--out", str(tmp_path / "out"), folder=FOLDER)
    assert again.returncode == 0, again.stderr
    assert "8 of 8 rounds are done" in again.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--lr", "0.1"], "--lr must be left out with a learner of your own, got 0.1"),
        (["--precision", "fp32"], "--precision must be left out with a learner of your own, got fp32"),
        (["--max-epochs", "3"], "--max-epochs must be left out with a learner of your own, got 3"),
        (["--model", "mlp"], "--model must be left out with a learner of your own, got mlp"),
        (["--width", "3"], "--width must be left out with a learner of your own, got 3"),
        (["--penalty", "l2:strength=1"], "--penalty must be left out with a learner of your own, got l2"),
        (["--normalization", "keep"], "--normalization must be left out with a learner of your own, got keep"),
        (
            ["--strategies", "cold,warm:batch-size=3"],
            "batch_size must be left out of strategies with a learner",
        ),
        (
            ["--measurements", "gradient-norms"],
            "--measurements must leave out GradientNorms with a learner",
        ),
        (["--stream", "active"], "pool must be TensorData for a model to read it, got a TensorDataset"),
        (["--learner", "plain_regression:Bikes:epoch=3"], "Unknown option of learner plain_regression:Bikes 'epoch'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_a_learner_of_your_own_cannot_do_is_one_sentence(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(FOLDER)
    assert run(["compare", *BIKES, *flags, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert message in said
    assert said.count("Error: ") == 1
    assert not (tmp_path / "out").exists(), "nothing is written"


OWN = """
import torch
import warmstart as ws


class Digits:
    def __init__(self, epochs: int = 1):
        self.epochs = epochs

    def build(self, data, seed):
        return torch.nn.Linear(64, data.classes)

    def train(self, model, round):
        optimizer = torch.optim.SGD(model.parameters(), lr={rate})
        for _ in range(self.epochs):
            for inputs, labels in torch.utils.data.DataLoader(round.data, batch_size=64, shuffle=True):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(inputs.flatten(1)), labels).backward()
                optimizer.step()

    def evaluate(self, model, data):
        inputs, labels = data.batch(torch.arange(len(data)))
        with torch.no_grad():
            return ws.Scores((model(inputs.flatten(1)).argmax(1) == labels).double())


def table():
    inputs = torch.randn(90, 3, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs.sum(1) > 0).long()
"""


def test_an_own_learner_takes_known_data_and_a_built_in_one_own_data(tmp_path):
    (tmp_path / "mine.py").write_text(OWN.format(rate=0.1))
    done = compare("--learner", "mine:Digits:epochs=2", "--data", "digits", *SHORT, "--out", "own", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    records = read_study(tmp_path / "own")
    assert records.metric.name == "accuracy"
    assert max(record.score for record in records.rounds) > 0.3
    small = ["--model", "logistic", "--max-epochs", "2", *SHORT]
    done = compare("--data", "mine:table", *small, "--out", "table", folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_learner_whose_module_has_changed_runs_anew(tmp_path):
    keys = []
    for rate in (0.1, 0.1, 0.5):
        (tmp_path / "mine.py").write_text(OWN.format(rate=rate))
        done = compare("--learner", "mine:Digits", "--data", "digits", *SHORT, "--out", "own", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        keys.append(read_study_index(tmp_path / "own")["keys"])
        first = next(line for line in done.stderr.splitlines() if "rounds are done" in line)
        assert first.startswith("12 of 12 rounds are done") == (len(keys) == 2), done.stderr
    assert keys[0] == keys[1]
    assert not {key for of in keys[0].values() for key in of} & {key for of in keys[2].values() for key in of}


@pytest.mark.parametrize("data", ["diabetes", "table.csv"])
def test_a_regressor_from_the_command_line(data, tmp_path, monkeypatch, capsys):
    rows = [f"{size},{size % 5},{1000 * size + 37 * (size % 7)}" for size in range(20, 80)]
    (tmp_path / "table.csv").write_text("\n".join(["size,rooms,price", *rows]) + "\n")
    label = ["--label", "price"] if data == "table.csv" else []
    short = ["--model", "mlp", "--strategies", "cold,warm", *SHORT, "--patience", "2", "--max-epochs", "30"]
    measured = ["--measurements", "evaluation-curve,shrink-curve,gradient-norms,correlation"]
    arguments = ["--learner", "regressor", "--data", data, *label, *short, *measured]
    monkeypatch.chdir(tmp_path)
    assert run(["compare", *arguments, "--workers", "1", "--out", "out", "--json", "-"]) == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert summary["metric"] == {"name": "rmse", "unit": "", "higher_is_better": False}
    assert "accuracy" not in " ".join([said.err, summary["verdict"], *summary["notes"]])
