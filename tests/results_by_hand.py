"""Made-up results of an experiment's first study."""

from warmstart.paper import Results
from warmstart.paper.kit.results import CaseResults
from warmstart.store import RoundRecord, StudyRecords


def record(arm, seed, number, accuracy, *, steps=10, epochs=2, stop_reason="converged", samples_seen=100):
    """Return a finished round; one that did not reach its training accuracy ended halfway."""
    reached = 0.99 if stop_reason == "converged" else 0.5
    cost = (epochs, steps, 64 * steps, None, 1e6, 0.5)
    return RoundRecord(arm, seed, number, samples_seen, samples_seen, accuracy, {}, reached, stop_reason, *cost)


def reading(name, value, *, epoch=0, steps=0):
    """Return a measurement's reading as histories store it."""
    return {"name": name, "value": value, "when": "start", "epoch": epoch, "steps": steps}


def case_by_hand(case, records, *, readings=None, rounds=2):
    """Return a study with these finished rounds, and these readings by arm, seed and round."""
    stored = StudyRecords({}, case.study.labels, rounds, case.study.seeds, tuple(records), {}, {})
    histories = {key: {"readings": found} for key, found in (readings or {}).items()}
    return CaseResults(case.facets, case.study, stored, histories)


def results_by_hand(experiment, setting, *found):
    """Return the results of an experiment with these studies."""
    return Results(experiment, setting, found, len(experiment.cases(setting)))
