"""Integrations are leaves: nothing optional is imported before it is used, and an error says what to install."""

import subprocess
import sys

import pytest

from warmstart.basics import InputError
from warmstart.integrations import send_to_mlflow


def test_optional_libraries_are_not_imported_with_the_room():
    code = (
        "import sys, warmstart, warmstart.integrations as room\n"
        "assert {'RetrainingClassifier', 'RetrainedRegressor', 'send_to_mlflow', 'lightning'} <= set(dir(room))\n"
        "others = {'sklearn', 'mlflow', 'torch', 'lightning', 'transformers', 'skorch', 'wandb', 'tensorboard'}\n"
        "loaded = others & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "room.send_to_mlflow\n"
        "loaded = others & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_scikit_learn_the_error_names_the_extra():
    code = "import sys; sys.modules['sklearn.base'] = None\nfrom warmstart.integrations import RetrainingClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "An estimator of scikit-learn needs 'sklearn.base', which is not installed: pip install \"warmstart[data]\""
        in (done.stderr)
    )


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("lightning", "lightning.pytorch", "lightning"),
        ("huggingface", "transformers", "huggingface"),
        ("skorch", "skorch.callbacks", "skorch"),
    ],
    ids=str,
)
def test_without_its_library_a_callback_names_the_extra(module, needs, extra):
    code = f"import sys; sys.modules['{needs}'] = None\nfrom warmstart.integrations.{module} import NewRound"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"needs '{needs}', which is not installed: pip install \"warmstart[{extra}]\"" in done.stderr


def test_without_mlflow_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"Sending to MLflow needs 'mlflow'.*warmstart\[mlflow\]"):
        send_to_mlflow(tmp_path)
