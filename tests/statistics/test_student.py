"""Student's t quantile beside SciPy's, and at the ends of what it takes."""

import math
import subprocess
import sys

import mpmath
import pytest
from scipy.special import stdtr, stdtrit

from warmstart.basics import InputError
from warmstart.statistics import student_quantile

CONFIDENCES = (0.01, 0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1 - 1e-6)


DEGREES = (1, 2, 3, 4, 7, 10, 23, 99, 299, 300, 301, 302, 1000)


@pytest.mark.parametrize("degrees", DEGREES)
def test_it_is_scipys(degrees):
    found = [student_quantile(degrees, confidence) for confidence in CONFIDENCES]
    # SciPy before 1.17 has nine digits.
    assert found == pytest.approx([-stdtrit(degrees, (1 - confidence) / 2) for confidence in CONFIDENCES], rel=1e-8)


@pytest.mark.parametrize("degrees", DEGREES)
def test_it_has_twelve_digits(degrees):
    with mpmath.workdps(40):
        n = mpmath.mpf(degrees)
        constant = mpmath.gamma((n + 1) / 2) / (mpmath.sqrt(n * mpmath.pi) * mpmath.gamma(n / 2))
        for confidence in CONFIDENCES:
            found = mpmath.mpf(student_quantile(degrees, confidence))
            outside = mpmath.betainc(n / 2, mpmath.mpf(1) / 2, 0, n / (n + found**2), regularized=True)
            density = constant * (1 + found**2 / n) ** (-(n + 1) / 2)
            # A last step of Newton's, in 40 digits, is how far it is from the root.
            assert abs(outside - (1 - mpmath.mpf(confidence))) / (2 * density) < 1e-12 * found


@pytest.mark.parametrize("confidence", [0.05, 0.5, 0.95, 1 - 1e-9])
def test_one_and_two_degrees_have_closed_forms(confidence):
    assert student_quantile(1, confidence) == pytest.approx(1 / math.tan(math.pi * (1 - confidence) / 2), rel=1e-12)
    exact = confidence * math.sqrt(2 / ((1 - confidence) * (1 + confidence)))
    assert student_quantile(2, confidence) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("confidence", [1e-6, 1 - 1e-12, 1 - 1e-16])
@pytest.mark.parametrize("degrees", [1, 2, 30, 301, 99_999])
def test_next_to_both_ends_it_still_inverts_the_distribution(degrees, confidence):
    found = student_quantile(degrees, confidence)
    assert 2 * stdtr(degrees, -found) == pytest.approx(1 - confidence, rel=1e-6)


def test_it_falls_with_the_degrees_to_that_of_the_normal_distribution():
    found = [student_quantile(degrees, 0.95) for degrees in range(1, 2000)]
    assert found == sorted(found, reverse=True)
    assert student_quantile(10**9, 0.95) == pytest.approx(1.959963984540054, rel=1e-8)


@pytest.mark.parametrize(("degrees", "confidence"), [(0, 0.95), (1.5, 0.95), (3, 0), (3, 1), (3, math.nan)])
def test_bad_input_is_one_sentence(degrees, confidence):
    with pytest.raises(InputError, match=r"^(degrees|confidence) must"):
        student_quantile(degrees, confidence)


def test_a_summary_needs_no_scipy():
    code = (
        "import sys; from warmstart.statistics import mean_interval; "
        "import warmstart.paper; assert mean_interval([1, 2, 3]).interval; sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
