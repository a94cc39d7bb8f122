import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.formats import read_take, write_take
from innerface.core.take import Take, Track


def made(rows=50, columns=OUTPUT_CHANNELS, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (rows, len(columns)))
    values[rows // 2] = np.nan
    return Take("made", {"weights": Track("weights", np.cumsum(rng.uniform(0.01, 0.05, rows)) - 1.0, columns, values)})


@pytest.mark.parametrize(("suffix", "form"), [(".mcap", None), (".csv", "plain"), (".json", None)])
def test_a_round_trip_changes_no_bit_of_any_value(tmp_path, suffix, form):
    take = made()
    write_take(take, tmp_path / f"t{suffix}", form)
    back = read_take(tmp_path / f"t{suffix}").weights()
    assert back.columns == OUTPUT_CHANNELS
    assert (back.time == take.weights().time).all()
    assert np.array_equal(back.values, take.weights().values, equal_nan=True)


@pytest.mark.parametrize("name", ["dao.converted.csv", "FaceCapture_2020-19-7-17-03-23.converted.csv"])
def test_real_plain_csvs_are_read(data, name):
    track = read_take(data / "arkit" / name).weights()
    assert set(track.columns) >= set(ARKIT)
    assert track.time[0] == 0.0 and track.duration > 3


def test_an_mcap_take_keeps_what_live_link_face_needs(data, tmp_path):
    source = data / "arkit" / "apfel.csv"
    write_take(read_take(source), tmp_path / "t.mcap")
    write_take(read_take(tmp_path / "t.mcap"), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == source.read_bytes()


def test_an_mcap_take_opens_in_the_formats_own_reader(tmp_path):
    from mcap.reader import make_reader

    write_take(made(), tmp_path / "t.mcap")
    with open(tmp_path / "t.mcap", "rb") as source:
        messages = list(make_reader(source).iter_messages())
    schema, channel, message = messages[0]
    assert (schema.encoding, channel.message_encoding, channel.topic) == ("jsonschema", "json", "/weights")
    assert json.loads(message.data)["jawOpen"] is not None
    assert message.log_time == 0 and messages[-1][2].log_time > 0


def test_an_mcap_take_cut_off_anywhere_is_read_as_far_as_it_is_whole_or_refused(tmp_path):
    take = made(rows=4000)
    write_take(take, tmp_path / "t.mcap")
    whole = (tmp_path / "t.mcap").read_bytes()
    seen = []
    for cut in range(1, 40):
        (tmp_path / "c.mcap").write_bytes(whole[: len(whole) * cut // 40])
        try:
            part = read_take(tmp_path / "c.mcap")
        except InnerfaceError as error:
            assert "\n" not in str(error)
            continue
        rows = len(part.tracks["weights"].time)
        assert (part.tracks["weights"].time == take.weights().time[:rows]).all()
        if rows < 4000:
            assert "cut off" in part.notes[0]
        seen.append(rows)
    assert seen == sorted(seen) and seen[0] < 4000 and seen[-1] > 3000


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_mcap_byte_never_escapes_as_another_error(tmp_path_factory, position, value):
    folder = tmp_path_factory.mktemp("m", numbered=True)
    write_take(made(rows=40), folder / "t.mcap")
    raw = bytearray((folder / "t.mcap").read_bytes())
    raw[8 + position % (len(raw) - 8)] = value
    (folder / "t.mcap").write_bytes(raw)
    try:
        read_take(folder / "t.mcap")
    except InnerfaceError as error:
        assert "\n" not in str(error)


def test_underscore_names_and_milliseconds_are_understood(tmp_path):
    (tmp_path / "t.csv").write_text("time_ms,eyeBlink_L,JawOpen,score\n0,0.5,,9\n20,0.6,0.25,9\n")
    take = read_take(tmp_path / "t.csv")
    track = take.weights()
    assert track.columns == ("eyeBlinkLeft", "jawOpen")
    assert track.time.tolist() == [0.0, 0.02]
    assert np.isnan(track.values[0, 1])
    assert any("score" in note for note in take.notes)


def test_a_long_number_keeps_its_exponent(tmp_path):
    (tmp_path / "t.csv").write_text("time,jawOpen\n0,0.500000000000000000000000000000000000000000e-5\n")
    assert read_take(tmp_path / "t.csv").weights().values[0, 0] == 0.5e-5


def test_unreals_own_csv_counts_frames_at_its_rate(tmp_path):
    (tmp_path / "t.csv").write_text("Timecode, FrameRate, JawOpen\r\n00:00:01:00, 24, 0.1\r\n00:00:01:12, 24, 0.2\r\n")
    assert read_take(tmp_path / "t.csv").weights().time.tolist() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,jawOpen\n0,0.1\n0.1,0.2,0.3\n", ["line 3", "3 columns"]),
        ("time,jawOpen\n0,0.1\n0.1,0.2,0.3\n0.2,0.1\n", ["line 3", "3 columns"]),
        ("time,jawOpen\n0,abc\n", ["line 2", "jawOpen", "abc"]),
        ("time,jawOpen\n1,0.1\n0.5,0.2\n", ["line 3", "jumps back"]),
        ("jawOpen\n0.1\n", ["no time column"]),
        ("time,a,b\n0,1,2\n", ["no column"]),
        ("time,jawOpen,JawOpen\n0,1,2\n", ["twice"]),
        ("time,jawOpen\n,0.5\n", ["line 2", "time is missing"]),
        ("time,jawOpen\n", ["no rows"]),
        ('{"names": ["jawOpen"], "frames": [{"weights": [1, 2], "time": 0}]}', ["frame 0", "2 weights"]),
        ('{"names": ["jawOpen"], "frames": [{"weights": ["x"], "time": 0}]}', ["frame 0", "jawOpen"]),
        ('{"names": ["jawOpen"], "frames": []}', ["empty"]),
        ('{"names": ["jawOpen"], "frames": [{"weights": [1' + "0" * 400 + '], "time": 0}]}', ["frame 0", "jawOpen"]),
        ("Timecode,FrameRate,jawOpen\n00:00:01:00,inf,0.5\n", ["line 2", "column FrameRate", "frame rate"]),
        ("time,jawOpen\n0,0.1000000000000000000000000000000000000000abc\n", ["line 2", "jawOpen"]),
        ('{"names": ["jawOpen"], "frames": [{"weights": [1], "time"', ["cut off"]),
        ('{"hello": 1}', ["names"]),
    ],
)
def test_bad_text_is_told_in_one_line_with_its_place(tmp_path, text, words):
    (tmp_path / "take.csv").write_text(text)
    with pytest.raises(InnerfaceError) as error:
        read_take(tmp_path / "take.csv")
    assert "\n" not in str(error.value) and "take.csv" in str(error.value)
    for word in words:
        assert word in str(error.value)


@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("b", numbered=True) / "t.bin"
    path.write_bytes(raw)
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


def test_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(
        InnerfaceError, match=r"\.bio\.csv, \.csv, \.flame\.npz, \.imu\.csv, \.json, \.landmarks\.csv, \.mcap"
    ):
        write_take(made(), tmp_path / "t.xyz")
    assert not list(tmp_path.iterdir())


def test_tracks_of_all_kinds_come_back_from_one_mcap(tmp_path):
    rng, kinds = np.random.default_rng(0), {"biosignal": 2, "landmarks": 106, "flame": 62, "events": 1}
    tracks = {
        k: Track(
            k, np.arange(20) / 7, tuple(f"c{i}" for i in range(n)), rng.normal(size=(20, n)), {"of": k, "unit": "uV"}
        )
        for k, n in kinds.items()
    }
    tracks["biosignal"].values[3] = np.nan
    write_take(Take("all", tracks), tmp_path / "t.mcap")
    back = read_take(tmp_path / "t.mcap").tracks
    for name, track in tracks.items():
        again = back[name]
        assert (again.kind, again.columns, again.meta) == (track.kind, track.columns, track.meta) and (
            again.time == track.time
        ).all()
        assert np.array_equal(again.values, track.values, equal_nan=True)
