import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, LIVE_LINK_FACE
from innerface.core.formats import live_link_face, read_take, write_take
from innerface.core.take import Take, Track

REAL = ["alex_rom_3", "alex_rom_4", "S07-001", "apfel", "MySlate_3_Jason_Millers_iPhone"]
HEADER = live_link_face.HEADER


def row(timecode, value=0.1):
    return f"{timecode},61," + ",".join([f"{value:.10f}"] * 61)


def write(path, *rows, header=HEADER, newline="\n"):
    path.write_text(newline.join([header, *rows, ""]), newline="")
    return path


@pytest.mark.parametrize("name", REAL)
def test_a_real_take_read_and_written_is_the_same_file_byte_for_byte(data, tmp_path, name):
    source = data / "arkit" / f"{name}.csv"
    write_take(read_take(source), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == source.read_bytes()


def test_rows_in_which_the_camera_lost_the_face_are_missing_and_told(data):
    take = read_take(data / "arkit" / "apfel.csv")
    assert take.weights().lost_rows().sum() == 35
    assert "35 of 1926" in take.notes[0]


def test_channels_are_read_by_name_and_not_by_position(tmp_path):
    cells = HEADER.split(",")
    a, b = cells.index("JawOpen"), cells.index("MouthLeft")
    cells[a], cells[b] = cells[b], cells[a]
    values = [f"{i / 100:.10f}" for i in range(61)]
    path = write(
        tmp_path / "t.csv",
        "00:00:01:00.000,61," + ",".join(values),
        header=",".join(cells).upper().replace("TIMECODE,BLENDSHAPECOUNT", "Timecode,BlendShapeCount"),
    )
    track = read_take(path).weights()
    assert track.column("mouthLeft")[0] == (a - 2) / 100
    assert track.column("jawOpen")[0] == (b - 2) / 100


def test_midnight_does_not_end_a_take_and_is_written_as_it_was(tmp_path):
    path = write(tmp_path / "t.csv", row("23:59:59:58.000"), row("00:00:00:00.000"), row("00:00:00:02.000"))
    take = read_take(path)
    assert np.allclose(np.diff(take.weights().time), 2 / 60)
    write_take(take, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("first", [-721, -59, -3, -1])
def test_rows_before_time_zero_keep_their_times_and_are_not_the_day_befores(tmp_path, first):
    time = np.arange(first, 90) / 60
    take = Take("t", {"weights": Track("weights", time, ("jawOpen",), np.linspace(0, 1, len(time))[:, None])})
    write_take(take, tmp_path / "t.csv")
    assert f"{-first} rows before time 0" in take.notes[0]
    assert "23:5" not in (tmp_path / "t.csv").read_text()
    track = read_take(tmp_path / "t.csv").weights()
    assert np.allclose(track.time, time, atol=1e-5) and np.allclose(
        track.column("jawOpen"), np.linspace(0, 1, len(time))
    )


def test_a_take_that_lies_before_time_zero_keeps_its_times(tmp_path):
    time = np.arange(-90, -3) / 60
    write_take(Take("t", {"weights": Track("weights", time, ("jawOpen",), np.full((87, 1), 0.5))}), tmp_path / "t.csv")
    assert np.allclose(read_take(tmp_path / "t.csv").weights().time, time, atol=1e-5)


def test_a_minus_sign_in_the_middle_is_refused_with_its_row(tmp_path):
    path = write(tmp_path / "t.csv", row("00:00:01:00.000"), row("-00:00:01:01.000"), row("00:00:01:02.000"))
    with pytest.raises(InnerfaceError, match=r"-00:00:01:01\.000"):
        read_take(path)


def test_windows_line_ends_survive(tmp_path):
    path = write(tmp_path / "t.csv", row("00:00:01:00.000"), row("00:00:01:01.000"), newline="\r\n")
    write_take(read_take(path), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_a_repeated_timecode_keeps_the_first_row_and_says_so(tmp_path):
    take = read_take(
        write(tmp_path / "t.csv", row("00:00:01:00.000", 0.1), row("00:00:01:00.000", 0.9), row("00:00:01:02.000", 0.3))
    )
    assert take.weights().column("jawOpen").tolist() == [0.1, 0.3]
    assert "1 rows repeat" in take.notes[0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("00:00:02:00.000"), row("00:00:01:00.000")], ["line 3", "jumps back"]),
        ([row("00:00:01:00.000"), "00:00:01:02.000,61,0.1,0.2", row("00:00:01:04.000")], ["line 3", "columns"]),
        ([row("00:00:01:00.000").replace("0.1000000000", "nope", 5)], ["line 2", "eyeBlinkLeft", "not a number"]),
        ([row("00:00:01:00.000").replace("0.1000000000", "inf", 1)], ["line 2", "infinite"]),
        ([row("00:00:01:00.000", 255.0)], ["line 2", "percent"]),
        (["yesterday," + row("x").split(",", 1)[1]], ["line 2", "timecode"]),
        ([], ["no rows"]),
        (["00:00:01:00.000,0", "00:00:01:02.000,0"], ["no row has a face"]),
    ],
)
def test_a_broken_file_is_told_in_one_line_with_its_place(tmp_path, rows, words):
    path = write(tmp_path / "t.csv", *rows)
    with pytest.raises(InnerfaceError) as error:
        read_take(path).weights()
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word.lower() in text.lower()


def test_nan_cells_are_missing_and_not_weights(tmp_path):
    path = write(
        tmp_path / "t.csv",
        row("00:00:01:00.000"),
        row("00:00:01:01.000").replace("0.1000000000", "NaN", 3),
        row("00:00:01:02.000"),
    )
    take = read_take(path)
    track = take.weights()
    assert "1 of 3 rows have missing values" in take.notes[0]
    assert np.isnan(track.values[1, :3]).all() and not np.isnan(track.values[1, 3:]).any()


def test_absent_eye_angles_follow_the_gaze_channels_as_the_apps_own_do(data):
    track = read_take(data / "arkit" / "alex_rom_3.csv").weights()
    derived = live_link_face.eye_angles(track)
    for name in ("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch"):
        assert np.abs(derived[name] - track.column(name)).mean() < 0.03
    bare = Take("t", {"weights": Track("weights", track.time, ARKIT, track.select(ARKIT))})
    assert set(bare.weights().columns).isdisjoint(set(LIVE_LINK_FACE) - set(ARKIT))
