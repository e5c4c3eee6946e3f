"""Worker processes that serve one study after another."""

import subprocess
import sys
from dataclasses import replace

from runs import ONE, TWO, interrupt, results
from warmstart.executors import Workers
from warmstart.strategies import Warm
from warmstart.studies import read_study, run_study

MINE = """
from dataclasses import replace
from torch import nn
from warmstart.models import LogisticRegression, UserModel
from warmstart.strategies import Cold
from warmstart.streams import TwoPhase
from warmstart.studies import Execution, Study, Workers, run_study
from warmstart.training import StoppingRule

def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))

if __name__ == "__main__":
    print("the script runs")
    stop = StoppingRule(max_epochs=1)
    known = Study([Cold()], architecture=LogisticRegression(), stream=TwoPhase(), stop=stop, seeds=1)
    mine = replace(known, architecture=UserModel("__main__:net"))
    with Workers(Execution(workers=2, device="cpu")) as workers:
        for name, study in {"known": known, "mine": mine, "known again": known}.items():
            run_study(study, name, workers=workers)
"""


def test_workers_that_hid_the_script_find_a_model_in_it_later(tmp_path):
    (tmp_path / "run.py").write_text(MINE)
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "the script runs\n"
    known, mine, again = (results(read_study(tmp_path / name)) for name in ("known", "mine", "known again"))
    assert len(mine) == 2
    assert known == again != mine


def test_what_a_failed_study_left_under_way_does_not_reach_the_next(study, tmp_path):
    other = replace(study, arms=[Warm()], seeds=1)
    with Workers(TWO) as workers:
        interrupt(study, tmp_path / "failed", 1, workers=workers)
        found = run_study(other, tmp_path / "other", workers=workers)
    assert results(found) == results(run_study(other, tmp_path / "alone", execution=ONE))
    assert len(read_study(tmp_path / "failed").rounds) == 1
