"""The process of `make demo`, watched from its first line to its last; started by the part `demo`."""

import time

_FIRST_LINE = time.time()

import json  # noqa: E402 - the clock starts before anything is imported
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

PLACES = {
    "warmstart.studies.run_study": "scheduling, and all else of the study",
    "warmstart.studies._run.load": "loading data",
    "warmstart.studies._run.dry_run": "dry run",
    "warmstart.studies._run.provenance": "provenance",
    "warmstart.studies._runner.split": "splitting data",
    "warmstart.models.ResNet18.build": "building models",
    "warmstart.learners._tensor_learner.fitting": "fit, around training",
    "warmstart.learners._tensor_learner.recalibrate_": "recalibrating",
    "warmstart.learners._classifier.evaluate_samples": "evaluating",
    "warmstart.studies._runner.save_round_state": "storing checkpoints",
    "warmstart.store.TrialWriter.append": "storing records",
    "warmstart.cli._report.show_results": "report",
}
"""Spans of the command, by the place of the function that is watched."""


def main(started: float, folder: Path, arguments: list[str]) -> None:
    """Run the command, and write where its seconds went.

    Args:
        started: When the parent started this process, seconds since the epoch.
        folder: Where the study goes; the seconds are written beside it.
        arguments: Of `warmstart`.
    """
    begin = time.perf_counter()
    import warmstart.cli
    import warmstart.reports
    import warmstart.studies

    imported = time.perf_counter() - begin

    begin = time.perf_counter()
    from _spans import watched

    watching = time.perf_counter() - begin
    with watched(PLACES) as spans:
        try:
            warmstart.cli.main([*arguments, "--out", str(folder)])
        except SystemExit as exit:
            if exit.code:
                raise
    seconds = {"starting Python": _FIRST_LINE - started, "importing": imported, **spans.seconds}
    seconds["the benchmark's own imports"] = watching
    # A first round that other arms have taken over was trained once and is in several records.
    rounds = {(record.seed, record.round, record.seconds) for record in warmstart.studies.read_study(folder).rounds}
    result = {"seconds": seconds, "rounds": [spent for _, _, spent in sorted(rounds)]}
    folder.with_suffix(".json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
