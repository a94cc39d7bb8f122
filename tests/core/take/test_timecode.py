import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.take import timecode
from innerface.core.take.timecode import FrameRate, TimecodeError, parse_rate

NTSC = [("23.976", 24), ("24000/1001", 24), ("29.97", 30), ("30000/1001", 30), ("59.94", 60), ("60000/1001", 60)]
COUNTS = [12, 15, 24, 25, 30, 48, 50, 90, 100, 120, 240]


def seconds(*texts, rate=None):
    return timecode.read(texts, parse_rate(rate) if rate else None).time


def labels(numbers, count, form="{:02d}:{:02d}:{:02d}:{:02d}.000"):
    """Timecodes of frames by their numbers, with `count` frames a second."""
    return [form.format(n // count // 3600, n // count // 60 % 60, n // count % 60, n % count) for n in numbers]


def drop_labels(numbers, count):
    """SMPTE 12M drop-frame timecodes of frames by their numbers, made by skipping labels one after the other."""
    out, label = {}, -1
    for number in range(max(numbers) + 1):
        label += 1
        if label % (60 * count) == 0 and label // (60 * count) % 10:
            label += count // 15
        out[number] = label
    return labels([out[n] for n in numbers], count, "{:02d}:{:02d}:{:02d};{:02d}")


@given(st.integers(0, timecode.TICKS_PER_DAY - 1))
def test_text_and_time_are_inverse_for_every_thousandth_of_a_frame(ticks):
    text = timecode.to_text(ticks / timecode.TICKS_PER_SECOND)
    assert seconds(text)[0] == ticks / timecode.TICKS_PER_SECOND


def test_minutes_count_sixty_seconds_and_ff_counts_sixtieths():
    assert seconds("01:02:03:30.500")[0] == 3723 + 30.5 / 60


def test_midnight_adds_a_day_and_no_other_step_back_does():
    assert np.diff(seconds("23:59:59:59.000", "00:00:00:01.000"))[0] == pytest.approx(2 / 60)
    assert timecode.unwrap(np.array([1000, 500]))[1] == 500


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "not a timecode"),
        ("aa:bb:cc:dd", "not a timecode"),
        ("25:00:00:00.000", "25 hours"),
        ("12:61:00:00.000", "61 minutes"),
        ("12:00:61:00.000", "61 seconds"),
        ("12:00:00:60.500", "60 of a second that has 60"),
    ],
)
def test_what_is_no_timecode_is_refused_with_the_rule_that_it_breaks(bad, words):
    good = ["12:00:00:00.000", "12:00:00:30.000", "12:00:01:00.000", "12:00:01:30.000"]
    with pytest.raises(TimecodeError, match=words) as error:
        timecode.read([*good, bad])
    assert error.value.row == 4


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("00:00:00:60.000", "00:00:01:00.000"),
        ("00:00:00:59.1000", "00:00:01:00.000"),
        ("00:00:60:00.000", "00:01:00:00.000"),
        ("00:60:00:00.000", "01:00:00:00.000"),
        ("23:59:59:60.000", "24:00:00:00.000"),
    ],
)
def test_the_end_of_a_field_is_the_next_ones_begin(text, same):
    assert seconds(text) == seconds(same)


@pytest.mark.parametrize(("rate", "count"), NTSC)
def test_frames_at_ntsc_rates_are_exact_after_an_hour(rate, count):
    numbers = np.array([0, 1, count * 600 + 7, count * 3600 + 1])
    time = seconds(*labels(numbers, count, "{:02d}:{:02d}:{:02d}:{:02d}"), rate=rate)
    np.testing.assert_allclose(time, numbers * 1001 / (count * 1000), rtol=1e-15)


@pytest.mark.parametrize("count", [30, 60])
@pytest.mark.parametrize("rate", [None, "29.97"])
def test_drop_frame_timecodes_leave_out_numbers_and_no_frames(count, rate):
    if rate and count == 60:
        rate = "59.94"
    numbers = np.arange(0, 21 * 60 * count)
    times = timecode.read(drop_labels(numbers.tolist(), count), parse_rate(rate) if rate else None)
    np.testing.assert_allclose(times.time, numbers * 1001 / (count * 1000), rtol=1e-12)
    assert any("drop-frame" in note for note in times.notes)


def test_drop_frame_timecodes_are_recognised_by_the_numbers_that_they_leave_out():
    numbers = np.arange(1700, 20 * 60 * 30)
    texts = [text.replace(";", ":") for text in drop_labels(numbers.tolist(), 30)]
    np.testing.assert_allclose(timecode.read(texts, parse_rate("29.97")).time, numbers * 1.001 / 30, rtol=1e-12)


def test_semicolons_before_numbers_that_drop_frame_leaves_out_are_only_told():
    numbers = np.arange(59 * 30, 62 * 30)
    times = timecode.read(labels(numbers, 30, "{:02d}:{:02d}:{:02d};{:02d}"), parse_rate("29.97"))
    np.testing.assert_allclose(np.diff(times.time), 1001 / 30000, rtol=1e-9)
    assert "leave out no numbers" in times.notes[0]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("start", [0, 7, 36000 * 24 + 5])
@pytest.mark.parametrize("skip", [1, 2])
def test_ff_that_counts_other_frames_than_sixtieths_is_found_by_where_it_begins_anew(count, start, skip):
    numbers = np.arange(start, start + 3 * count, skip)
    times = timecode.read(labels(numbers, count))
    np.testing.assert_allclose(times.time, numbers / count, rtol=1e-12)
    assert f"count {count} frames" in times.notes[0]


@pytest.mark.parametrize("count", COUNTS)
def test_a_frame_that_is_missing_now_and_then_does_not_hide_what_ff_counts(count):
    numbers = np.arange(10 * count)
    numbers = numbers[np.random.default_rng(count).uniform(size=len(numbers)) > 0.05]
    np.testing.assert_allclose(timecode.read(labels(numbers, count)).time, numbers / count, rtol=1e-12)


@pytest.mark.parametrize("rate", [10, 12, 15, 24, 25, 29.97, 30, 48, 50, 59.94, 60])
@pytest.mark.parametrize("decimals", [0, 3])
def test_the_apps_sixtieths_are_kept_at_any_rate_of_rows(rate, decimals):
    rng = np.random.default_rng(0)
    true = 3661.3 + np.arange(300) / rate + rng.uniform(0, 0.002, 300)
    true = true[rng.uniform(size=300) > 0.02]
    texts = [timecode.to_text(round(t * 60, decimals) / 60) for t in true]
    times = timecode.read(texts)
    assert np.abs(times.time - true).max() < 1 / 60 and times.notes == []


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60, 120])
@pytest.mark.parametrize("rounding", [np.floor, np.round])
def test_milliseconds_in_the_last_field_are_told_and_give_even_steps(rate, rounding):
    n = np.arange(3 * rate)
    ms = rounding(n % rate * 1000 / rate).astype(int)
    texts = [f"00:00:{k // rate:02d}:{m * rate // 1000:02d}.{m:03d}" for k, m in zip(n, ms)]
    times = timecode.read(texts)
    np.testing.assert_allclose(times.time, n / rate, atol=1e-9)
    assert "milliseconds" in times.notes[0]


@pytest.mark.parametrize("count", [24, 25, 30, 48, 50, 60, 120])
def test_a_last_field_that_numbers_the_rows_is_no_fraction(count):
    """As a public program writes it, whose seconds are cut: frame 24 at 24 a second is still in second 0."""
    numbers = np.arange(1, 1500)
    cut = [int(int(n * (1000 / count)) / 1000) for n in numbers.tolist()]
    texts = [f"00:{s // 60:02d}:{s % 60:02d}:{n % count:02d}.{n % 1000:03d}" for n, s in zip(numbers.tolist(), cut)]
    times = timecode.read(texts)
    np.testing.assert_allclose(np.diff(times.time), 1 / count, rtol=1e-9)
    assert "number" in times.notes[0]


def test_timecodes_without_frames_are_times_of_day():
    assert seconds("00:00:01.500", "00:00:01,75", "00:01:00").tolist() == [1.5, 1.75, 60.0]
    with pytest.raises(TimecodeError, match="some have none"):
        timecode.read(["00:00:01:00", "00:00:01"])


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", FrameRate(24)),
        ("29.97", FrameRate(30, True)),
        ("30000/1001", FrameRate(30, True)),
        ("23,976 fps", FrameRate(24, True)),
        ("29.97 DF", FrameRate(30, True, True)),
        ("29.97 non-drop", FrameRate(30, True, False)),
    ],
)
def test_rates_as_programs_write_them(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "inf", "nan", "0", "30/0", "1e9", "-5"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError):
        parse_rate(text)


def test_a_rate_that_the_timecodes_contradict_is_told():
    times = timecode.read(labels(np.arange(180), 60), parse_rate("30"))
    np.testing.assert_allclose(np.diff(times.time), 1 / 60)
    assert "60 frames a second" in times.notes[0] and "30" in times.notes[0]
