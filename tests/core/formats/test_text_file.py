"""Text in any dress holds the same take: encodings, line ends, separators, decimal commas, quotes, cut ends."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.formats import read_take, write_take
from innerface.core.landmarks import points
from innerface.core.take import Take, Track

ROWS = 12
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
SEPARATORS = [",", ";", "\t", "|"]
NEWLINES = ["\n", "\r\n", "\r", "\r\r\n"]


def track(kind, columns, rate=60.0, **meta):
    rng = np.random.default_rng(len(columns))
    values = (rng.integers(0, 9999, (ROWS, len(columns))) * 10 + 5) / 1e5  # all have five decimals
    if kind == "imu":
        values.reshape(ROWS, -1, 7)[..., :4] = (1, 0, 0, 0)
    return Take("t", {kind: Track(kind, np.arange(ROWS) / rate, columns, values, meta)})


def brainflow():
    rows = np.zeros((ROWS, 24))
    rows[:, 0], rows[:, 22] = np.arange(ROWS), 1.7e9 + np.arange(ROWS) / 250
    rows[:, 1:9] = np.random.default_rng(0).normal(size=(ROWS, 8))
    return "".join("\t".join(f"{v:.6f}" for v in row) + "\n" for row in rows)


def tracker():
    header = "frame, timestamp, success, " + ", ".join(f"{axis}_{k}" for axis in "xy" for k in range(68))
    rows = [f"{n}, {n / 30:.4f}, 1, " + ", ".join(f"{n + k / 7:.3f}" for k in range(136)) for n in range(ROWS)]
    return "\n".join([header, *rows]) + "\n"


MADE = {
    "t.csv": ("llf", lambda: track("weights", OUTPUT_CHANNELS)),
    "plain.csv": ("plain", lambda: track("weights", ARKIT)),
    "t.imu.csv": ("imu", lambda: track("imu", tuple(f"aux.{c}" for c in ["qw", "qx", "qy", "qz", "ax", "ay", "az"]))),
    "t.bio.csv": ("bio", lambda: track("biosignal", ("lower", "front"), 250.0, unit="uV", rate_hz="250")),
    "t.landmarks.csv": ("landmarks", lambda: track("landmarks", points.COLUMNS, interocular_mm="63.9")),
    "t.json": ("beat", lambda: track("weights", ARKIT)),
    "brainflow.csv": (None, brainflow),
    "tracker.csv": (None, tracker),
}
TABLES = [name for name in MADE if not name.endswith("json")]


def text_of(name, folder):
    form, make = MADE[name]
    made = make()
    if form is None:
        return made
    write_take(made, folder / f"made-{name}", form)
    return (folder / f"made-{name}").read_text(encoding="utf-8")


def dressed(text, separator, *, decimal_comma=False, quoted=False):
    """A table as a spreadsheet or another program would have written it; lines of settings stay as they are."""
    own = "\t" if "\t" in text else ","
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(line + separator * 2)
            continue
        cells = [cell.strip() for cell in line.split(own)]
        if decimal_comma:
            cells = [re.sub(r"^([+-]?\d+)\.(\d+(e-?\d+)?)$", r"\1,\2", cell) for cell in cells]
        if quoted:
            cells = [f'"{cell}"' for cell in cells]
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def same(a, b):
    assert list(a.tracks) == list(b.tracks)
    for one, other in zip(a.tracks.values(), b.tracks.values()):
        assert one.columns == other.columns
        np.testing.assert_array_equal(one.time, other.time)
        np.testing.assert_array_equal(one.values, other.values)


def read(folder, name, content):
    (folder / name).write_bytes(content)
    return read_take(folder / name)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_kind_of_text_is_read_in_every_encoding_and_the_unusual_is_told(tmp_path, name, encoding):
    text = text_of(name, tmp_path)
    plain = read(tmp_path, name, text.encode())
    other = text.replace("lower", "Mundöffnung")
    take = read(tmp_path, name, other.encode(encoding))
    np.testing.assert_array_equal(next(iter(plain.tracks.values())).values, next(iter(take.tracks.values())).values)
    unusual = encoding.startswith(("utf-16", "utf-32")) or (encoding == "cp1252" and not other.isascii())
    assert any("not UTF-8" in note for note in take.notes) == unusual
    if "lower" in text:
        assert next(iter(take.tracks.values())).columns[0] == "Mundöffnung"


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("newline", NEWLINES)
def test_every_kind_of_text_is_read_with_every_line_end(tmp_path, name, newline):
    text = text_of(name, tmp_path)
    take = read(tmp_path, name, text.replace("\n", newline).encode())
    same(read(tmp_path, name, text.encode()), take)
    assert any("CR, as on old Macs" in note for note in take.notes) == (newline == "\r")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("separator", "decimal_comma", "quoted"),
    [
        (";", False, False),
        (";", True, False),
        ("\t", True, False),
        ("|", True, True),
        (",", False, True),
        (",", True, True),
        (";", True, True),
    ],
)
def test_every_table_is_read_as_a_spreadsheet_saves_it(tmp_path, name, separator, decimal_comma, quoted):
    text = text_of(name, tmp_path)
    take = read(tmp_path, name, dressed(text, separator, decimal_comma=decimal_comma, quoted=quoted).encode())
    same(read(tmp_path, name, text.encode()), take)
    told = " ".join(take.notes)
    assert ("separated by" in told) == (separator != "," and not (name == "brainflow.csv" and separator == "\t"))
    if not (name == "brainflow.csv" and separator == "\t"):
        assert ("decimal commas" in told) == decimal_comma


@given(
    st.sampled_from(TABLES),
    st.sampled_from(ENCODINGS),
    st.sampled_from(NEWLINES),
    st.sampled_from(SEPARATORS),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_take_written_and_dressed_anew_comes_back_equal(
    tmp_path_factory, name, encoding, newline, separator, decimal_comma, quoted, blank_lines
):
    folder = tmp_path_factory.mktemp("d", numbered=True)
    text = text_of(name, folder)
    decimal_comma = decimal_comma and (quoted or separator != ",")
    other = "\n" * blank_lines + dressed(text, separator, decimal_comma=decimal_comma, quoted=quoted)
    same(read(folder, name, text.encode()), read(folder, name, other.replace("\n", newline).encode(encoding)))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("after", [b"", b"\0" * 512])
def test_a_last_line_that_is_cut_off_is_left_out_and_told_in_every_kind(tmp_path, name, share, after):
    text = text_of(name, tmp_path)
    whole = read(tmp_path, name, text.encode())
    if name == "t.json":
        text = text.removesuffix("\n]}\n") + "\n"
    start = text.rstrip("\n").rindex("\n") + 1
    cut = start + 1 + int((len(text) - start - 2) * share)
    take = read(tmp_path, name, text[:cut].encode() + after)
    one, other = (next(iter(t.tracks.values())) for t in (whole, take))
    assert len(other.time) == ROWS - 1
    np.testing.assert_array_equal(one.values[: ROWS - 1], other.values)
    assert any("cut off" in note for note in take.notes)


@pytest.mark.parametrize(
    ("end", "rows"),
    [
        ("0.3000,0.5000\n", 4),
        ("0.3000,0.5000", 4),  # whole, only without a line end
        ("0.3000,0.50", 3),  # within a number that is one still
        ("0.3000,", 3),
        ("0.3000,-", 3),
        ("0.3000", 3),
        ("0.3000\n", 3),
    ],
)
def test_a_last_number_that_is_cut_off_is_told_from_a_whole_one(tmp_path, end, rows):
    text = "time,jawOpen\n0.0000,0.1000\n0.1000,0.2000\n0.2000,0.3000\n" + end
    take = read(tmp_path, "t.csv", text.encode())
    assert len(take.weights().time) == rows and any("cut off" in n for n in take.notes) == (rows < 4)


@pytest.mark.parametrize("name", ["t.csv", "plain.csv", "t.imu.csv", "t.landmarks.csv", "tracker.csv"])
def test_columns_of_anything_else_are_left_out_and_named_in_every_table(tmp_path, name):
    text = text_of(name, tmp_path)
    lines = text.splitlines()
    at = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    lines = [
        line + ("" if k < at else ",mood,Happiness level" if k == at else ",happy,0.5") for k, line in enumerate(lines)
    ]
    take = read(tmp_path, name, "\n".join(lines).encode() + b"\n")
    same(read(tmp_path, name, text.encode()), take)
    if name != "tracker.csv":  # which has hundreds of other columns
        assert any("mood" in note and "Happiness level" in note for note in take.notes)


def test_texts_beside_electrodes_are_left_out_and_named(tmp_path):
    text = "# innerface-biosignal 1 unit=uV\ntime,lower,label\n" + "".join(f"{k / 250},{k},rest\n" for k in range(20))
    take = read(tmp_path, "t.bio.csv", text.encode())
    assert take.tracks["biosignal"].columns == ("lower",) and any("label" in note for note in take.notes)


def test_channels_that_are_missing_are_named(tmp_path):
    text = text_of("plain.csv", tmp_path).replace("tongueOut", "other")
    assert any("TongueOut" in note for note in read(tmp_path, "t.csv", text.encode()).notes)


def test_excels_line_about_the_separator_and_comments_are_no_header(tmp_path):
    for before in ("sep=;\n", "# made by a program\n\n", '"# fps: 30"\n'):
        take = read(tmp_path, "t.csv", f"{before}time;jawOpen\n0,0;0,5\n0,1;0,25\n".encode())
        assert take.weights().column("jawOpen").tolist() == [0.5, 0.25]


def test_rows_without_a_face_stay_so_when_a_spreadsheet_fills_them_up(tmp_path):
    rows = ["Timecode;BlendshapeCount;JawOpen;MouthClose", "00:00:00:00.000;61;0,5;0,1", "00:00:00:02.000;0;;"]
    take = read(tmp_path, "t.csv", "\n".join([*rows, "00:00:00:04.000;0", "00:00:00:06.000;61;0,5;0,1", ""]).encode())
    assert take.weights().lost_rows().tolist() == [False, True, True, False]
    assert any("2 of 4 rows have no face" in note for note in take.notes)


def test_cells_that_spreadsheets_and_programs_leave_for_missing_are_missing(tmp_path):
    cells = ["NaN", "N/A", "#N/A", "null", "None", "", " ", "-nan(ind)", "−0.5", "25%"]
    text = "time,jawOpen\n" + "".join(f"{k / 10},{cell}\n" for k, cell in enumerate(cells))
    take = read(tmp_path, "t.csv", text.encode())
    values = take.weights().column("jawOpen")
    assert np.isnan(values[:8]).all() and values[8:].tolist() == [-0.5, 0.25]
    assert any("percent sign" in note for note in take.notes)


def test_drop_frame_semicolons_and_separating_ones_are_told_apart(tmp_path):
    rows = ["Timecode;FrameRate;JawOpen"] + [f"00:00:59;{k};29,97;0,{k}" for k in (27, 28, 29)]
    rows += ["00:01:00;02;29,97;0,5"]
    take = read(tmp_path, "t.csv", "\n".join([*rows, ""]).encode())
    np.testing.assert_allclose(take.weights().time, (59 * 30 + np.arange(27, 31)) * 1.001 / 30, rtol=1e-12)


@pytest.mark.parametrize("first", ["10:00:00:00", "10:00:00", "10:00:00:00.000", "10:00:00.000"])
def test_a_rate_behind_a_timecode_is_no_frame_of_it(tmp_path, first):
    text = f"Timecode;FrameRate;JawOpen\n{first};23,976;0,5\n{first[:7]}1{first[8:]};23,976;0,25\n"
    track = read(tmp_path, "t.csv", text.encode()).weights()
    assert track.column("jawOpen").tolist() == [0.5, 0.25] and 0.9 < track.duration < 1.1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,age,town\nA,3,B\n", ["line 1", "no column", "3", "name, age, town", "docs/formats.md"]),
        (b"\xf0\x9f\x98\x80 just words\n", ["no table"]),
        (b"time,jawOpen\n0,0,0,5\n0,1,0,5\n", ["line 2", "decimal commas"]),
        (b"time,jawOpen\n0,0.5\n\x00\x00\x00\x00,\x01\n", ["binary"]),
        (b"frame,jawOpen\n0,0.5\n1,0.5\n", ["frame (30 fps)", "FrameRate"]),
    ],
)
def test_text_of_no_known_kind_is_described_with_what_to_do(tmp_path, content, words):
    with pytest.raises(InnerfaceError) as error:
        read(tmp_path, "t.csv", content)
    for word in ["t.csv", *words]:
        assert word in str(error.value)
