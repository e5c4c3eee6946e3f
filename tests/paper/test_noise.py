import pytest

from warmstart.paper import By
from warmstart.paper.experiments import noise


def test_published_times_are_multiples_of_that_without_noise():
    points = {point.x: point for point in noise._their_times()}
    assert set(points) == {1e-2, 1e-3, 1e-4, 1e-5}
    assert points[1e-2].y == pytest.approx(165 / 13.6)
    assert points[1e-5].y == pytest.approx(14.6 / 13.6)
    assert all(point.by is By.PAPER for point in points.values())


@pytest.mark.parametrize(
    ("arm", "accuracy", "minutes"),
    [
        ("cold", "55.2", "34.0"),
        ("warm", "50.8 (sd 1.8)", "13.6"),
        (noise._noisy(1e-3).label, "53.5 (sd 1)", "38.0"),
    ],
)
def test_each_arm_stands_beside_its_row_of_the_papers_table(arm, accuracy, minutes):
    assert noise._theirs(None, arm) == {"paper %": accuracy, "paper minutes": minutes}
