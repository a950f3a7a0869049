import pytest

from moopt.benchmarks.acquisitions import draw_named, main
from moopt.errors import SelectionError


def test_a_draw_of_a_name_is_exact_or_has_noise_that_is_told_or_not() -> None:
    exact, noisy, known = (draw_named(f"draw_rbf_2_1_{kind}4", 0.1) for kind in EACH)

    deviation = noisy.noise
    assert not exact.noise
    assert deviation == known.noise
    assert isinstance(deviation, dict)
    assert 0.02 < deviation["f0"] < 0.5
    assert [each.known_noise for each in (exact, noisy, known)] == [False, False, True]


EACH = ("", "noisy_", "known_")


def test_a_name_that_is_no_draw_is_an_error() -> None:
    with pytest.raises(SelectionError, match="no draw 'zdt1'"):
        draw_named("zdt1")


def test_acquisitions_are_compared_on_equal_trials(capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            *("--problems", "draw_rbf_2_1_known_0", "--acquisitions", "boxes,evaluated_ei"),
            *("--seeds", "1", "--trials", "7"),
        ]
    )

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("draw_rbf_2_1_known_0, 7 trials, 1 seeds")
    assert [line.split()[0] for line in lines[3:]] == ["boxes", "evaluated_ei"]
    assert all(0 <= float(line.split()[2]) <= 1.01 for line in lines[3:])
