"""What is said while a study runs, by a clock that only the test moves."""

import io

import pytest
from rich.console import Console

from results_by_hand import record
from warmstart.cli._progress import Pace, about, shown
from warmstart.studies import EpochMessage, StudyProgress


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lines(clock):
    """A listener as of a log, and what it has said."""
    text = io.StringIO()
    with shown(Console(file=text, width=200), clock=clock) as listener:
        yield listener, lambda: text.getvalue().splitlines()


def finished(arm, number, *, seed=0, samples=100, seconds=10.0):
    """Return a finished round, of so many samples and seconds."""
    found = record(arm, seed, number, 0.9, samples_seen=samples)
    object.__setattr__(found, "seconds", seconds)
    return found


EPOCH = EpochMessage("cold", 0, 1, {"epoch": 1.0, "train_score": 0.5})


def test_a_line_says_what_is_done_used_and_left(lines, clock):
    listener, said = lines
    listener(StudyProgress(total=4, done=0, left={"cold": 400}))
    assert said() == ["0 of 4 rounds are done"]
    clock.now += 80
    listener(finished("cold", 1))
    assert said()[1:] == ["1 of 4 rounds are done, 1:20 used, about 4 min left"]
    clock.now += 80
    listener(finished("cold", 2))
    clock.now += 80
    listener(finished("cold", 3))
    assert said()[3] == "3 of 4 rounds are done, 4:00 used, about 80 s left"
    clock.now += 3480
    listener(finished("cold", 4))
    assert said()[4] == "4 of 4 rounds are done, 1:02:00 used"


def test_later_rounds_that_train_on_more_are_expected_to_take_longer(clock):
    pace = Pace(clock)
    pace.hear(StudyProgress(total=3, done=0, left={"cold": 100 + 200 + 300}))
    clock.now += 10
    pace.hear(finished("cold", 1, samples=100, seconds=10))
    assert pace.left == pytest.approx(50)
    clock.now += 20
    pace.hear(finished("cold", 2, samples=200, seconds=20))
    assert pace.left == pytest.approx(30)


def test_each_strategy_has_a_pace_of_its_own(clock):
    pace = Pace(clock)
    pace.hear(StudyProgress(total=6, done=0, left={"cold": 300, "warm": 300}))
    clock.now += 12
    pace.hear(finished("cold", 1, seconds=10))
    assert pace.left == pytest.approx(12 * 5)  # of warm nothing is known: as cold
    clock.now += 2.4
    pace.hear(finished("warm", 1, seconds=2))
    # 2 x 10 s and 2 x 2 s are left, of which 12 s took 14.4 on the clock.
    assert pace.left == pytest.approx(24 * 1.2)


def test_trials_side_by_side_share_the_clock(clock):
    pace = Pace(clock)
    pace.hear(StudyProgress(total=8, done=0, left={"cold": 800}))
    clock.now += 10
    for seed in range(4):
        pace.hear(finished("cold", 1, seed=seed, seconds=10))
    assert pace.left == pytest.approx(10)


def test_what_was_stored_before_says_nothing_of_the_pace(clock):
    pace = Pace(clock)
    pace.hear(StudyProgress(total=10, done=8, left={"cold": 200}))
    clock.now += 100
    assert pace.left is None
    assert pace.words == ""
    pace.hear(finished("cold", 9, seconds=50))
    assert pace.left == pytest.approx(100)


@pytest.mark.parametrize(("left", "seconds"), [({}, 10.0), ({"cold": 200}, 0.0), ({"cold": 100}, 10.0)])
def test_nothing_is_promised_that_nobody_can_know(left, seconds, clock):
    pace = Pace(clock)
    pace.hear(StudyProgress(total=2, done=0, left=left))
    clock.now += 10
    pace.hear(finished("cold", 1, seconds=seconds))
    assert pace.left is None


def test_a_long_round_is_heard_of_every_half_minute(lines, clock):
    listener, said = lines
    listener(StudyProgress(total=100, done=0, left={"cold": 10_000}))
    for _ in range(100):
        clock.now += 1
        listener(EPOCH)
    assert said()[1:] == [f"0 of 100 rounds are done, {used} used" for used in ("0:30", "1:00", "1:30")]
    listener(finished("cold", 1, seconds=100))
    assert len(said()) == 4
    clock.now += 30
    listener(EPOCH)
    assert said()[4] == "1 of 100 rounds are done, 2:10 used, about 3.6 h left"


def test_many_short_rounds_are_ten_lines(lines, clock):
    listener, said = lines
    listener(StudyProgress(total=1000, done=0, left={"cold": 100_000}))
    for number in range(1000):
        clock.now += 0.01
        listener(finished("cold", number + 1, seconds=0.01))
    assert [line.split()[0] for line in said()] == [str(100 * index) for index in range(11)]


def test_a_study_that_asks_for_more_seeds_keeps_its_clock_and_its_pace(lines, clock):
    listener, said = lines
    listener(StudyProgress(total=2, done=0, left={"cold": 200}, may_grow=True))
    clock.now += 60
    listener(finished("cold", 1, seconds=60))
    assert said()[-1] == "1 of 2 rounds are done, 1:00 used, about 60 s left if no more seeds are needed"
    clock.now += 60
    listener(finished("cold", 2, seconds=60))
    listener(StudyProgress(total=4, done=2, left={"cold": 200}, may_grow=True, under_way=True))
    assert said()[-1] == "2 of 2 rounds are done, 2:00 used"
    clock.now += 60
    listener(finished("cold", 3, seconds=60))
    assert said()[-1] == "3 of 4 rounds are done, 3:00 used, about 60 s left if no more seeds are needed"


def test_a_further_study_begins_anew(lines, clock):
    listener, said = lines
    listener(StudyProgress(total=2, done=0, left={"cold": 200}))
    clock.now += 60
    listener(finished("cold", 1, seconds=60))
    listener("2 of 3 studies: warm")
    listener(StudyProgress(total=2, done=0, left={"cold": 200}))
    assert said()[-2:] == ["2 of 3 studies: warm", "0 of 2 rounds are done"]
    clock.now += 2
    listener(finished("cold", 1, seconds=2))
    assert said()[-1] == "1 of 2 rounds are done, 0:02 used, about 2 s left"


def test_on_a_terminal_the_bar_says_how_long_it_takes_yet(clock):
    text = io.StringIO()
    console = Console(file=text, width=160, force_terminal=True)
    with shown(console, clock=clock) as listener:
        listener("Loading digits")
        listener(StudyProgress(total=4, done=0, left={"cold": 400}))
        listener(EPOCH)
        clock.now += 60
        listener(finished("cold", 1, seconds=60))
        listener.progress.refresh()
        task = listener.progress.tasks[0]
        assert (task.completed, task.total, task.fields["left"]) == (1, 4, "about 3 min left")
        assert task.description == "cold seed 0 round 1: epoch 1, train 0.500"
    assert "about 3 min left" in text.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_sentence_that_names_all_columns_is_shown_whole_and_stays(is_terminal):
    text = io.StringIO()
    sentence = f"Columns encoded: {', '.join(f'c{number} (boolean)' for number in range(500))}."
    with shown(Console(file=text, width=80, force_terminal=is_terminal)) as listener:
        listener(sentence)
        listener(StudyProgress(total=4, done=0, left={"cold": 400}))
    assert sentence in text.getvalue()


@pytest.mark.parametrize(("seconds", "words"), [
    (0.0, "about 1 s"), (89, "about 89 s"), (91, "about 2 min"), (5_399, "about 90 min"), (5_400, "about 1.5 h"),
    (100_000, "about 27.8 h"), (864_000_000, "about 10,000.0 days"),
])  # fmt: skip
def test_durations_in_words(seconds, words):
    assert about(seconds) == words


def test_a_verbose_log_has_a_line_for_each_round(clock):
    text = io.StringIO()
    with shown(Console(file=text, width=200), verbose=True, clock=clock) as listener:
        listener(StudyProgress(total=100, done=0, left={"cold": 10_000}))
        listener(finished("cold", 1))
        lost = finished("cold", 2, seed=3)
        object.__setattr__(lost, "score", None)
        listener(lost)
    assert text.getvalue().splitlines() == [
        "0 of 100 rounds are done",
        "cold seed 0 round 1: score 0.9, 10.0 s, converged",
        "cold seed 3 round 2: no score, 10.0 s, converged",
    ]


def test_a_verbose_bar_leaves_a_line_for_each_round(clock):
    text = io.StringIO()
    with shown(Console(file=text, width=200, force_terminal=True), verbose=True, clock=clock) as listener:
        listener(StudyProgress(total=2, done=0, left={"cold": 200}))
        listener(finished("cold", 1))
    assert "cold seed 0 round 1: score 0.9, 10.0 s, converged" in text.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_quiet_command_shows_nothing_of_what_it_does(is_terminal):
    text = io.StringIO()
    with shown(Console(file=text, force_terminal=is_terminal), quiet=True) as listener:
        for event in (StudyProgress(total=4, done=0, left={}), EPOCH, finished("cold", 1), "Loading digits"):
            listener(event)
    assert text.getvalue() == ""
