import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.take import timecode


@given(st.integers(0, timecode.TICKS_PER_DAY - 1))
def test_text_and_parse_are_inverse_for_every_thousandth_of_a_frame(ticks):
    assert timecode.parse(timecode.to_text(ticks / timecode.TICKS_PER_SECOND)) == ticks


def test_minutes_count_sixty_seconds_and_ff_counts_sixtieths():
    assert timecode.parse("01:02:03:30.500") / timecode.TICKS_PER_SECOND == pytest.approx(3723 + 30.5 / 60)


def test_midnight_adds_a_day_and_no_other_step_back_does():
    late, early = timecode.parse("23:59:59:59.000"), timecode.parse("00:00:00:01.000")
    assert np.diff(timecode.unwrap(np.array([late, early])))[0] == 2000
    assert timecode.unwrap(np.array([1000, 500]))[1] == 500


@pytest.mark.parametrize(
    "bad", ["", "1:2:3", "aa:bb:cc:dd", "25:00:00:00.000", "12:60:00:00.000", "12:00:00:60.000", "12:00:00:00.0001"]
)
def test_what_is_no_timecode_is_refused(bad):
    with pytest.raises(ValueError):
        timecode.parse(bad)


def test_unreal_frames_at_their_own_rate_become_the_same_seconds():
    assert timecode.parse("00:00:01:12.000", base=24) == timecode.parse("00:00:01:30.000")
