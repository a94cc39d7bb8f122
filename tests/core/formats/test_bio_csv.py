import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.formats import read_take, write_take
from innerface.core.take import Take, Track
from innerface.server.messages import BioSample
from innerface.server.recording.mcap_writer import TrackSample
from innerface.server.recording.take_recorder import TakeRecorder
from innerface.server.streams import Stream

HEAD = "# innerface-biosignal 1 unit=uV\ntime,emg,eog\n"


def made(rows=20_000, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 50, (rows, 2))
    values[7, 1], values[rows // 2] = np.nan, np.nan
    when = np.cumsum(rng.choice([1e-5, 0.004, 0.00799], rows)) - 1.0  # arrivals in batches
    return Take(
        "made",
        {
            "biosignal": Track(
                "biosignal", when, ("emg", "eog, left"), values, {"unit": "uV", "rate_hz": "250.0", "mains_hz": "60"}
            )
        },
    )


def read(tmp_path, text):
    (tmp_path / "t.bio.csv").write_text(text, newline="")
    return read_take(tmp_path / "t.bio.csv")


@pytest.mark.parametrize("suffix", [".bio.csv", ".mcap"])
def test_a_round_trip_changes_no_bit_of_any_value_or_time_and_keeps_what_is_known(tmp_path, suffix):
    take = made()
    write_take(take, tmp_path / f"a.b{suffix}")
    back, track = read_take(tmp_path / f"a.b{suffix}"), take.tracks["biosignal"]
    again = back.tracks["biosignal"]
    assert (again.time == track.time).all() and np.array_equal(again.values, track.values, equal_nan=True)
    assert (again.kind, again.columns, again.meta) == (track.kind, track.columns, track.meta) and not back.notes
    assert back.name == ("a.b" if suffix == ".bio.csv" else "made")


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1), ("µV", 1), ("mV", 1e3), ("V", 1e6)])
def test_units_become_microvolts_and_that_is_told(tmp_path, unit, scale):
    take = read(tmp_path, f"# innerface-biosignal 1 unit={unit} rate_hz=250\ntime,a\n0,1.5\n0.004,-2\n")
    track = take.tracks["biosignal"]
    assert track.values[:, 0].tolist() == [1.5 * scale, -2 * scale] and track.meta == {"unit": "uV", "rate_hz": "250"}
    assert bool(take.notes) == (scale != 1)


def test_empty_cells_and_lines_line_ends_of_windows_and_quotes_are_understood(tmp_path):
    take = read(
        tmp_path,
        '\ufeff# innerface-biosignal 1 unit=uV\r\n"time", emg ,"e,og"\r\n0,,NaN\r\n\r\n,,\r\n0.5,"1", 2 \r\n\r\n',
    )
    track = take.tracks["biosignal"]
    assert track.columns == ("emg", "e,og") and np.array_equal(track.values, [[np.nan, np.nan], [1, 2]], equal_nan=True)


def test_a_repeated_time_keeps_the_first_row_and_says_so(tmp_path):
    take = read(tmp_path, HEAD + "0,1,1\n0,2,2\n1,3,3\n")
    assert take.tracks["biosignal"].values[:, 0].tolist() == [1, 3] and "1 rows repeat" in take.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# innerface-biosignal 2 unit=uV\ntime,a\n0,1\n", ["line 1", "update Innerface"]),
        ("# innerface-biosignal 1\ntime,a\n0,1\n", ["line 1", "unit="]),
        ("# innerface-biosignal 1 unit=counts\ntime,a\n0,1\n", ["line 1", "unit=counts", "volts per count"]),
        ("# innerface-biosignal 1 unit=uV rate_hz=fast\ntime,a\n0,1\n", ["line 1", "rate_hz=fast"]),
        ("# innerface-biosignal 1 unit=uV rate_hz=-1\ntime,a\n0,1\n", ["line 1", "rate_hz=-1"]),
        ("# innerface-biosignal 1 unit=uV mains_hz=55\ntime,a\n0,1\n", ["line 1", "mains_hz=55"]),
        ("# innerface-biosignal 1 unit=uV\n", ["line 2", "header"]),
        ("# innerface-biosignal 1 unit=uV\ntime\n0\n", ["line 2", "no channel"]),
        ("# innerface-biosignal 1 unit=uV\nx,a\n0,1\n", ["line 2", "time"]),
        ("# innerface-biosignal 1 unit=uV\ntime,a,a\n0,1,1\n", ["line 2", "a appears twice"]),
        ("# innerface-biosignal 1 unit=uV\ntime,,a\n0,1,1\n", ["line 2", "column 2 has no name"]),
        (HEAD, ["no rows"]),
        (HEAD + "0,1,1\n0.1,1\n0.2,1,1\n", ["line 4", "correct or delete"]),
        (HEAD + "0,1,1\n\n0.1,1,abc\n", ["line 5", "column eog", "abc"]),
        (HEAD + "0,1,1\n0.1,,inf\n", ["line 4", "column eog", "infinite"]),
        (HEAD + "1,1,1\n0.5,1,1\n", ["line 4", "jumps back"]),
        (HEAD + "0,1,1\n,1,1\n", ["line 4", "time is missing"]),
    ],
)
def test_a_broken_file_is_told_in_one_line_with_its_place(tmp_path, text, words):
    with pytest.raises(InnerfaceError) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)
    for word in ["t.bio.csv", *words]:
        assert word in str(error.value)


def test_a_bad_cell_far_down_a_long_file_is_found_at_once(tmp_path):
    lines = [f"{k / 1000},1.25,-3.5" for k in range(60_000)]
    lines[50_000] = "50,1.25,x"
    begin = time.perf_counter()
    with pytest.raises(InnerfaceError, match="line 50003, column eog: 'x'"):
        read(tmp_path, HEAD + "\n".join(lines))
    assert time.perf_counter() - begin < 5


@given(st.text(max_size=200))
def test_any_text_after_the_mark_is_read_or_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("b", numbered=True) / "t.bio.csv"
    path.write_text("# innerface-biosignal 1 unit=uV\n" + text, newline="")
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


@given(
    st.lists(
        st.lists(
            st.sampled_from(["0", "1", "2.5", "", "nan", "-1e400", "x", "1_0", " ", '"3"']), min_size=1, max_size=4
        ),
        max_size=6,
    )
)
def test_any_cells_are_read_or_refused_in_one_line(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("c", numbered=True) / "t.bio.csv"
    path.write_text(HEAD + "\n".join(",".join(row) for row in rows))
    try:
        take = read_take(path)
        write_take(take, path.with_name("u.bio.csv"))
        again = read_take(path.with_name("u.bio.csv")).tracks["biosignal"]
        assert np.array_equal(again.values, take.tracks["biosignal"].values, equal_nan=True)
    except InnerfaceError as error:
        assert "\n" not in str(error)


def test_a_take_of_another_kind_is_refused_in_one_line_and_leaves_no_file(tmp_path):
    weights = Take("song", {"weights": Track("weights", np.arange(3.0), ARKIT, np.zeros((3, 52)))})
    with pytest.raises(InnerfaceError, match=r"^song: holds weights but no biosignals; give a take of electrodes$"):
        write_take(weights, tmp_path / "t.bio.csv")
    with pytest.raises(InnerfaceError, match="no blendshape weights"):
        write_take(made(10), tmp_path / "t.csv")
    with pytest.raises(InnerfaceError, match="no landmarks"):
        write_take(made(10), tmp_path / "t.landmarks.csv")
    with pytest.raises(InnerfaceError, match="no IMU track"):
        write_take(made(10), tmp_path / "t.imu.csv")
    assert not list(tmp_path.iterdir())


def test_of_several_tracks_the_first_is_written_and_that_is_told(tmp_path):
    take = made(10)
    take.tracks["biosignal slow"] = Track("biosignal", np.arange(3.0), ("a",), np.zeros((3, 1)))
    write_take(take, tmp_path / "t.bio.csv")
    assert (
        len(read_take(tmp_path / "t.bio.csv").tracks["biosignal"].time) == 10
        and "biosignal was written" in take.notes[0]
    )


def test_a_recording_of_batches_is_read_back_as_samples_at_the_boards_rate(tmp_path):
    recording = TakeRecorder(tmp_path / "a.mcap", 100.0)
    stream, sent = Stream("brainflow", "board 1", "biosignal"), np.random.default_rng(0).normal(0, 50, (100, 2))
    sent[40] = np.nan
    for k in range(0, 100, 5):
        recording.put_bio(stream, BioSample("board 1", ("exg1", "exg2"), sent[k : k + 5], 250.0), 101.0 + (k + 4) / 250)
    recording.put(TrackSample("events", "events", ("mark",), 101.2, np.array([1.0]), {}, {"text": "clap"}))
    recording.close()
    take = read_take(tmp_path / "a.mcap")
    track = take.tracks["biosignal"]
    assert (track.kind, track.columns, track.meta["unit"], track.meta["rate_hz"]) == (
        "biosignal",
        ("exg1", "exg2"),
        "uV",
        "250.0",
    )
    assert np.abs(track.time - (1.0 + np.arange(100) / 250)).max() < 1e-6
    assert np.allclose(track.values, sent, atol=1e-6, equal_nan=True) and take.tracks["events"].kind == "events"
