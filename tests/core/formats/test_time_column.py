"""Columns of times: their names, and units that the rows' rate shows."""

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, time_column


@pytest.mark.parametrize(
    ("name", "per_second"),
    [
        *((name, 1.0) for name in ("time", "Time (s)", "time_s", "Timestamp", "t", "seconds", "Time [sec]", "t[s]")),
        *((name, 1.0) for name in ("elapsed time", "timeStamp", "Time since start (s)", "relative_time", "unix time")),
        *((name, 1e3) for name in ("time_ms", "timestamp (ms)", "ms", "timeMs", "TimestampMs", "Time in milliseconds")),
        *((name, 1e6) for name in ("time_us", "time [µs]", "timestamp [us]", "microseconds", "time_usec")),
        *((name, 1e9) for name in ("timestamp_ns", "Time (nanoseconds)")),
        *((name, 0.0) for name in ("frame", "Frame", "frame_number", "Frame Index", "frames")),
        ("frame (30 fps)", 30.0),
        ("Frame @ 29.97 fps", 30 / 1.001),
        ("frame 30000/1001", 30 / 1.001),
    ],
)
def test_columns_of_times_are_found_by_their_names(name, per_second):
    column = time_column.find(["jawOpen", name])
    assert column is not None and column.index == 1 and column.per_second == pytest.approx(per_second)


@pytest.mark.parametrize("name", ["jawOpen", "timing quality", "s", "T_pose", "Timecode", "key frame quality", ""])
def test_other_columns_are_none_of_times(name):
    assert time_column.find([name]) is None


def test_times_are_preferred_to_numbers_of_frames():
    assert time_column.find(["frame", "timestamp"]).index == 1
    assert time_column.find(["timestamp", "time"]).index == 1


def read(tmp_path, name, times, header="time"):
    if name.endswith("bio.csv"):
        head = header if header.startswith("#") else f"# innerface-biosignal 1 unit=uV\n{header},lower"
    else:
        head = f"{header},jawOpen"
    (tmp_path / name).write_text(head + "\n" + "".join(f"{t!r},0.5\n" for t in times))
    return read_take(tmp_path / name)


@pytest.mark.parametrize("rate", [15, 24, 30, 60, 120])
@pytest.mark.parametrize(("per_second", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds")])
@pytest.mark.parametrize("start", [0.0, 1.7e9])
def test_a_faces_times_in_another_unit_are_recognised_by_their_rate(tmp_path, rate, per_second, unit, start):
    times = [round((start + k / rate) * per_second) for k in range(40)]
    take = read(tmp_path, "t.csv", times)
    np.testing.assert_allclose(take.weights().time, start + np.arange(40) / rate, atol=0.00051)
    assert any(unit in note for note in take.notes)


def test_a_unit_in_the_name_that_the_rate_contradicts_is_not_believed(tmp_path):
    take = read(tmp_path, "t.csv", [k / 30 for k in range(40)], "time_ms")
    assert take.weights().rate == pytest.approx(30) and any("seconds" in note for note in take.notes)


def test_seconds_are_not_mentioned(tmp_path):
    for rate in (1, 10, 30, 60, 240):
        notes = read(tmp_path, "t.csv", [k / rate for k in range(40)]).notes
        assert not any("time" in note for note in notes)


@pytest.mark.parametrize(("rate", "per_second"), [(250, 1e3), (250, 1e6), (1000, 1e3), (2000, 1e6)])
def test_times_of_electrodes_in_another_unit_are_recognised(tmp_path, rate, per_second):
    take = read(tmp_path, "t.bio.csv", [k / rate * per_second for k in range(100)])
    assert take.tracks["biosignal"].rate == pytest.approx(rate) and "seconds" in take.notes[0]


def test_numbers_of_samples_are_recognised_by_the_declared_rate(tmp_path):
    header = "# innerface-biosignal 1 unit=uV rate_hz=250\ntime,lower"
    take = read(tmp_path, "t.bio.csv", range(100), header)
    assert take.tracks["biosignal"].rate == pytest.approx(250) and "samples" in take.notes[0]


@pytest.mark.parametrize(
    ("first", "second", "step"),
    [
        ("2026-11-28T23:59:59.500", "2026-11-29T00:00:00.000", 0.5),
        ("2026-11-28 10:00:00.25Z", "2026-11-28 10:00:00.50Z", 0.25),
        ("2026-11-28T10:00:00+01:00", "2026-11-28T10:00:02+01:00", 2.0),
        ("10:00:00.25", "10:00:00.50", 0.25),
        ("23:59:59:59.000", "00:00:00:00.000", 1 / 60),
    ],
)
@pytest.mark.parametrize("name", ["time", "timestamp", "Timecode"])
def test_dates_and_times_of_day_are_times_under_any_name(tmp_path, first, second, step, name):
    (tmp_path / "t.csv").write_text(f"{name},jawOpen\n{first},0.5\n{second},0.5\n")
    assert np.diff(read_take(tmp_path / "t.csv").weights().time)[0] == pytest.approx(step)


def test_numbers_in_a_column_called_timecode_are_seconds(tmp_path):
    (tmp_path / "t.csv").write_text("Timecode,BlendshapeCount,jawOpen\n1.5,1,0.5\n1.75,1,0.5\n")
    assert read_take(tmp_path / "t.csv").weights().time.tolist() == [1.5, 1.75]


def test_frames_get_their_rate_from_a_column_or_the_name(tmp_path):
    (tmp_path / "a.csv").write_text("Frame,FrameRate,jawOpen\n0,29.97,0.5\n1,29.97,0.5\n")
    assert read_take(tmp_path / "a.csv").weights().time[1] == pytest.approx(1.001 / 30, rel=1e-12)
    take = read(tmp_path, "b.csv", range(10), "frame (25 fps)")
    assert take.weights().time[1] == 0.04 and any("25" in note for note in take.notes)
    with pytest.raises(InnerfaceError, match="counts frames"):
        read(tmp_path, "c.csv", range(10), "frame")
