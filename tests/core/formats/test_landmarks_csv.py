import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, write_take
from innerface.core.landmarks.points import COLUMNS, LEFT_PUPIL, POINT_COUNT, RIGHT_PUPIL, landmark_track, points_of
from innerface.core.take import Take

MARK = "# innerface-landmarks 1 interocular_mm=63.9\n"
HEAD = MARK + "time," + ",".join(COLUMNS) + "\n"


def made(rows=40, **meta):
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.5, (rows, POINT_COUNT, 2))
    points[3], points[5, 7] = np.nan, np.nan
    return Take(
        "made",
        {
            "landmarks": landmark_track(
                np.cumsum(rng.uniform(0.01, 0.05, rows)) - 1, points, interocular_mm=61.25, meta=meta
            )
        },
    )


def row(t, value=0.5):
    return f"{t}," + ",".join([f"{value}"] * len(COLUMNS)) + "\n"


def read(tmp_path, text, name="t.landmarks.csv"):
    (tmp_path / name).write_text(text, newline="")
    return read_take(tmp_path / name)


@pytest.mark.parametrize("suffix", [".landmarks.csv", ".mcap"])
@pytest.mark.parametrize("meta", [{}, {"space": "image"}])
def test_a_round_trip_changes_no_bit_of_any_value(tmp_path, suffix, meta):
    take = made(**meta)
    write_take(take, tmp_path / f"t{suffix}")
    track, back = take.tracks["landmarks"], read_take(tmp_path / f"t{suffix}").tracks["landmarks"]
    assert (back.time == track.time).all() and np.array_equal(back.values, track.values, equal_nan=True)
    assert (back.kind, back.columns, back.meta) == ("landmarks", COLUMNS, track.meta)


def test_columns_are_read_by_name_in_any_order_and_others_are_told(tmp_path):
    order = ["score", *reversed(COLUMNS), "time"]
    cells = [COLUMNS.index(c) / 10 if c in COLUMNS else 9 for c in order]
    take = read(tmp_path, MARK + ",".join(order) + "\n" + ",".join(map(str, cells)) + "\n")
    assert take.tracks["landmarks"].values[0].tolist() == [k / 10 for k in range(len(COLUMNS))]
    assert take.tracks["landmarks"].time.tolist() == [9] and "score" in take.notes[0]


def test_a_file_without_pupils_is_read_and_that_is_told(tmp_path):
    take = read(tmp_path, MARK + "time," + ",".join(COLUMNS[:102]) + "\n0," + ",".join(["1"] * 102) + "\n")
    points = points_of(take.tracks["landmarks"])
    assert np.isnan(points[0, 51:]).all() and (points[0, :51] == 1).all() and "pupils" in take.notes[0]


def test_rows_without_a_face_are_told(tmp_path):
    take = read(tmp_path, HEAD + row(0) + "1" + "," * len(COLUMNS) + "\n" + row(2))
    assert take.tracks["landmarks"].lost_rows().tolist() == [False, True, False] and "1 of 3 rows" in take.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("-landmarks 1", "-landmarks 2"), ["line 1", "update Innerface"]),
        (HEAD.replace("63.9", "wide"), ["line 1", "interocular_mm=wide"]),
        (HEAD.replace("63.9", "0"), ["line 1", "interocular_mm=0"]),
        (HEAD.replace("63.9", "63.9 space=moon"), ["line 1", "space=moon"]),
        (MARK, ["line 2", "header"]),
        (HEAD.replace("time,", "x,"), ["line 2", "column time"]),
        (HEAD.replace(",y17", ""), ["line 2", "column y17"]),
        (HEAD.replace(",y52", ""), ["line 2", "column y52"]),
        (HEAD.replace(",y17", ",x17"), ["line 2", "x17 appears twice"]),
        (HEAD, ["no rows"]),
        (HEAD + row(0) + row(1, "far"), ["line 4", "column x0", "far"]),
        (HEAD + row(1) + row(0), ["line 4", "jumps back"]),
        (HEAD + row(""), ["line 3", "time is missing"]),
    ],
)
def test_a_broken_file_is_told_in_one_line_with_its_place(tmp_path, text, words):
    with pytest.raises(InnerfaceError) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)
    for word in ["t.landmarks.csv", *words]:
        assert word in str(error.value)


@given(
    st.text(max_size=200),
    st.sampled_from([MARK, HEAD, "time,x0,y0,x52,y52,", "time,x67,y67\n", "frame, timestamp, x_67, y_67, "]),
)
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, text, begin):
    path = tmp_path_factory.mktemp("l", numbered=True) / "t.csv"
    path.write_text(begin + text, newline="")
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


# Trackers


def openface(rows, eyes=True, face=True):
    """A file laid out as OpenFace 2 writes it. `rows`: (time, success, face, what is added to every x)."""
    names = ["frame", *(["face_id"] if face else []), "timestamp", "confidence", "success", "gaze_0_x"]
    names += [f"eye_lmk_{axis}_{k}" for axis in "xyXYZ" for k in range(56)] * eyes
    names += ["pose_Tx"] + [f"{axis}_{k}" for axis in "xyXYZ" for k in range(68)] + ["p_rx", "AU01_r"]
    lines = [", ".join(names)]
    for n, (time, success, who, add) in enumerate(rows):
        cells = {"frame": n + 1, "face_id": who, "timestamp": time, "success": success}
        cells |= {f"x_{k}": k * 10 + add for k in range(68)} | {f"y_{k}": k for k in range(68)}
        cells |= {f"eye_lmk_x_{k}": (100 if k < 28 else 200) + (k % 28 < 8) * (k % 28 - 3.5) for k in range(56)} | {
            f"eye_lmk_y_{k}": 50 for k in range(56)
        }
        lines.append(", ".join(f"{cells.get(name, -7)}" for name in names))
    return "\n".join(lines) + "\n"


def test_openfaces_points_stand_in_image_space_with_y_up_and_the_pupils_between_the_irises(tmp_path):
    track = read(tmp_path, openface([(0.0, 1, 0, 0), (0.033, 0, 0, 5), (0.067, 1, 0, 0.5)]), "t.csv").tracks[
        "landmarks"
    ]
    points = points_of(track)
    assert track.meta == {"space": "image"} and track.columns == COLUMNS and track.time.tolist() == [0.0, 0.033, 0.067]
    assert points[0, :51].tolist() == [[k * 10, -k] for k in range(17, 68)] and points[2, 0, 0] == 170.5
    assert np.isnan(points[1]).all()  # success 0
    assert points[0, RIGHT_PUPIL].tolist() == [100, -50] and points[0, LEFT_PUPIL].tolist() == [200, -50]


def test_openface_without_eyes_has_no_pupils_and_of_several_faces_the_longest_is_taken(tmp_path):
    take = read(
        tmp_path,
        openface([(0.0, 1, 3, 0), (0.0, 1, 4, 7), (0.1, 1, 4, 7), (0.1, 1, 3, 0), (0.2, 1, 4, 7)], eyes=False),
        "t.csv",
    )
    points = points_of(take.tracks["landmarks"])
    assert points[:, 0, 0].tolist() == [177, 177, 177] and np.isnan(points[:, 51:]).all()
    assert "face_id 4, 3 of 5" in take.notes[0] and "pupils" in take.notes[1]
    assert (
        len(read(tmp_path, openface([(0.0, 1, 0, 0), (1.0, 1, 0, 0)], face=False), "t.csv").tracks["landmarks"].time)
        == 2
    )


@pytest.mark.parametrize(("first", "form"), [(0, "x{k},y{k}"), (17, "x{k},y{k}"), (17, "x_{k},y_{k}")])
def test_a_plain_table_of_68_points_is_read_in_milliseconds_too(tmp_path, first, form):
    header = "time_ms," + ",".join(form.format(k=k) for k in range(first, 68))
    text = (
        header + "\n" + "\n".join(f"{t}," + ",".join(f"{k},{2 * k}" for k in range(first, 68)) for t in (0, 40)) + "\n"
    )
    track = read(tmp_path, text, "t.csv").tracks["landmarks"]
    assert track.time.tolist() == [0, 0.04] and points_of(track)[1, :51].tolist() == [
        [k, -2 * k] for k in range(17, 68)
    ]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("time," + ",".join(COLUMNS), ["line 1", "# innerface-landmarks 1"]),
        ("time," + ",".join(f"x{k},y{k}" for k in range(20, 68)), ["line 1", "x_17"]),
        (",".join(f"x{k},y{k}" for k in range(68)), ["line 1", "time"]),
    ],
)
def test_a_trackers_file_that_lacks_something_is_told(tmp_path, header, words):
    with pytest.raises(InnerfaceError) as error:
        read(tmp_path, header + "\n" + ",".join(["0"] * (header.count(",") + 1)) + "\n", "t.csv")
    for word in ["t.csv", *words]:
        assert word in str(error.value)
