"""Rate and time left are those of the present run; a log hears of it now and then."""

from __future__ import annotations

import re
import time
from contextlib import AbstractContextManager

import pytest

from seenat.cli.framework.progress import Moment, Show, _clock, progress


def moment(done: int, skipped: int = 0) -> Moment:
    return Moment(task="pocket-2m", done=done, total=10_000, skipped=skipped, unit="sequences", note="step 64")


def every_moment() -> AbstractContextManager[Show]:
    """Progress that shows every moment, and the time left from the first on."""
    return progress(seconds_between_lines=0.0, seconds_before_guess=0.0)


def test_what_was_done_before_and_what_is_skipped_cost_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with every_moment() as show:
        show(moment(2000, skipped=2000))
        time.sleep(0.5)
        show(moment(7000, skipped=6000))
    first, last = capsys.readouterr().err.splitlines()
    assert first == "pocket-2m: step 64, 20%, 2,000 skipped"
    found = re.fullmatch(r"pocket-2m: step 64, 70%, ([\d,]+) sequences/s, 6,000 skipped, 0:(\d\d) left", last)
    assert found is not None
    rate, left = int(found[1].replace(",", "")), int(found[2])
    assert 500 <= rate <= 2000  # 1,000 sequences in half a second or somewhat more, not 5,000 or 7,000
    assert left == pytest.approx(3000 / rate, abs=1)


def test_nothing_is_left_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with every_moment() as show:
        show(moment(0))
        show(moment(10_000))
    assert re.search(r"100%, [\d,]+ sequences/s$", capsys.readouterr().err)


def test_a_log_hears_of_work_after_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as show:
        show(moment(1))
        time.sleep(1.01)
        show(moment(2))
        show(moment(3))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_log_is_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as show:
        for done in range(1000):
            show(moment(done))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (86_400, "24:00:00")])
def test_time_left(seconds: float, words: str) -> None:
    assert _clock(seconds) == words
