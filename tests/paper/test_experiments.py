"""Every experiment from its declaration to the page, at a tiny scale; whatever is declared later is met here, too."""

import dataclasses
import json

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.models import ResNet18
from warmstart.paper import (
    Curves,
    HeatMap,
    Setting,
    Table,
    Verdict,
    chosen_experiments,
    known_experiments,
    read_chapters,
    read_results,
    run_experiments,
)
from warmstart.reports import write_paper_report
from warmstart.studies import study_digest, study_from_dict, study_to_dict

EXPERIMENTS = list(known_experiments().values())
SETTINGS = [
    *(Setting(), Setting(scale=0.12, seeds=3), Setting(scale=0.02, seeds=1), Setting(scale=0.04, data="digits")),
    *(Setting(desk=True), Setting(desk=True, data="digits", seeds=2), Setting(desk=True, model=ResNet18())),
]


def results_of(experiment, tiny):
    directory, setting = tiny
    return read_results(experiment, setting, directory / "studies")


def test_every_experiment_has_an_id_and_a_number_of_its_own():
    assert len({experiment.number for experiment in EXPERIMENTS}) == len(EXPERIMENTS)
    assert {"table-1", "active", "transfer", "gradients", "ewc", "scale-control"} <= set(known_experiments())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.words)
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_studies_can_be_declared_at_every_scale_and_read_back_from_a_file(experiment, setting):
    cases = experiment.cases(setting)
    assert cases
    assert len({tuple(case.facets.items()) for case in cases}) == len(cases)
    for case in cases:
        assert study_digest(study_from_dict(study_to_dict(case.study))) == study_digest(case.study)
        assert case.study.seeds == setting.seeds or (setting.desk and case.study.seeds == experiment.desk.seeds)


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
class TestEveryExperiment:
    def test_has_run(self, experiment, tiny):
        results = results_of(experiment, tiny)
        assert len(results.cases) == results.cases_planned
        assert all(case.complete for case in results.cases)

    def test_judges_every_claim_with_reasons(self, experiment, tiny):
        results = results_of(experiment, tiny)
        assert experiment.claims
        for claim in experiment.claims:
            judgement = claim.judge(results)
            assert judgement.verdict is not Verdict.NOT_RUN
            assert judgement.reasons
            assert all(reason.strip().endswith(".") for reason in judgement.reasons)

    def test_shows_a_table_and_a_chart_with_values(self, experiment, tiny):
        exhibits = list(experiment.exhibits(results_of(experiment, tiny)))
        assert len({exhibit.name for exhibit in exhibits}) == len(exhibits)
        assert any(isinstance(exhibit, Table) and exhibit.rows for exhibit in exhibits)
        charts = [exhibit for exhibit in exhibits if isinstance(exhibit, Curves | HeatMap)]
        assert charts
        assert any(has_values(chart) for chart in charts)

    def test_claims_without_results_are_not_run(self, experiment, tiny):
        results = results_of(experiment, tiny)
        nothing = dataclasses.replace(results, cases=())
        for claim in experiment.claims:
            assert claim.judge(nothing).verdict in (Verdict.NOT_RUN, Verdict.INCONCLUSIVE)

    def test_unfinished_studies_are_judged_and_shown(self, experiment, tiny):
        results = results_of(experiment, tiny)
        for kept in (1, 3):
            begun = dataclasses.replace(results, cases=tuple(shortened(case, kept) for case in results.cases))
            list(experiment.exhibits(begun))
            for claim in experiment.claims:
                assert claim.judge(begun).verdict in Verdict


def has_values(chart):
    if isinstance(chart, HeatMap):
        return any(cell.value is not None for cell in chart.cells)
    return any(point.y is not None for point in chart.points)


def shortened(case, kept):
    records = dataclasses.replace(case.records, rounds=case.records.rounds[:kept])
    return type(case)(case.facets, case.study, records, case.histories)


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_a_second_run_trains_nothing_and_loads_nothing(tiny):
    directory, setting = tiny
    events = []
    run_experiments(chosen_experiments(["all"]), setting, directory, execution=ONE, listener=events.append)
    assert all(isinstance(event, str) for event in events)
    assert not any("Loading" in event for event in events)


@pytest.mark.slow
@pytest.mark.xdist_group("paper")
def test_every_experiment_has_its_chapter_on_the_page(tiny, tmp_path):
    directory, setting = tiny
    chapters = read_chapters(directory)
    assert [chapter.id for chapter in chapters] == list(known_experiments())
    assert all(chapter.complete and chapter.provenance for chapter in chapters)
    files = write_paper_report(chapters[:2], tmp_path, note=setting.words)
    assert setting.words in files.markdown.read_text()
    assert json.loads(files.data.read_text())["chapters"][0]["setting"] == setting.words


def test_another_setting_in_the_same_directory_is_refused(tmp_path):
    one = Setting(scale=0.5, seeds=1, data="digits", width=2, max_epochs=1)
    chosen = chosen_experiments(["every-step"])
    run_experiments(chosen, one, tmp_path, execution=ONE)
    with pytest.raises(InputError, match=r"scale: 0\.5 there, 0\.4 requested"):
        run_experiments(chosen, dataclasses.replace(one, scale=0.4), tmp_path, execution=ONE)


def test_only_chooses_studies_by_facet(tmp_path):
    setting = Setting(scale=0.3, seeds=1, data="digits", width=2, max_epochs=1)
    (table,) = chosen_experiments(["table-1"])
    facets = {"model": ["logistic"], "optimizer": ["sgd"]}
    setting = run_experiments([table], setting, tmp_path, only=facets, execution=ONE)
    (case,) = read_results(table, setting, tmp_path / "studies").cases
    assert (case.facets["model"], case.facets["optimizer"]) == ("logistic", "sgd")
    with pytest.raises(InputError, match="Unknown model 'vgg'"):
        run_experiments([table], setting, tmp_path, only={"model": ["logistic", "vgg"]}, execution=ONE)
    with pytest.raises(InputError, match="Unknown facet 'modle': did you mean 'model'"):
        run_experiments([table], setting, tmp_path, only={"modle": ["logistic"]}, execution=ONE)


def test_an_unknown_experiment_is_refused_with_a_hint():
    with pytest.raises(InputError, match="did you mean 'table-1'"):
        chosen_experiments(["table1"])
