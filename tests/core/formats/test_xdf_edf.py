import builtins
import json
import struct
import warnings
from pathlib import Path

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, write_take

VECTORS = Path(__file__).parent / "vectors"


def texts(take):
    return json.loads(take.tracks["events"].meta["texts"])


# XDF


def chunk(tag, content):
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def header(number, name, kind, channels, rate, form, desc=""):
    about = {
        "name": name,
        "type": kind,
        "channel_count": channels,
        "nominal_srate": rate,
        "channel_format": form,
        "created_at": 0,
    }
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in about.items())
    return chunk(
        2, struct.pack("<I", number) + f'<?xml version="1.0"?><info>{inside}<desc>{desc}</desc></info>'.encode()
    )


def described(*channels):
    """A description of channels (label, type, unit)."""
    inside = ("".join(f"<{k}>{v}</{k}>" for k, v in zip(("label", "type", "unit"), c) if v) for c in channels)
    return "<channels>" + "".join(f"<channel>{c}</channel>" for c in inside) + "</channels>"


def samples(number, times, values):
    """`values`: rows of float32 numbers or of texts."""
    out = struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(times))
    for t, row in zip(times, values):
        out += b"\x08" + struct.pack("<d", t)
        for v in row:
            out += b"\x01" + bytes([len(v)]) + v.encode() if isinstance(v, str) else struct.pack("<f", v)
    return chunk(3, out)


def offset(number, at, by):
    return chunk(4, struct.pack("<Idd", number, at, by))


START = b"XDF:" + chunk(1, b"<info><version>1.0</version></info>")
TIMES = np.arange(200) / 250
WAVE = np.random.default_rng(0).normal(0, 50, (200, 2)).astype(np.float32)


def xdf(tmp_path, *chunks):
    (tmp_path / "t.xdf").write_bytes(START + b"".join(chunks))
    return read_take(tmp_path / "t.xdf")


def test_the_formats_reference_file_is_read_with_its_marks(tmp_path):
    take = read_take(VECTORS / "minimal.xdf")
    track = take.tracks["biosignal"]
    assert np.allclose(track.time, 5 + np.arange(9) / 10) and track.values[:2].tolist() == [
        [192, 255, 238],
        [12, 22, 32],
    ]
    assert track.meta == {"unit": "uV", "rate_hz": "10.0", "device": "SendDataC"} and "no unit" in take.notes[0]
    assert texts(take)[1:5] == ["Hello", "World", "from", "LSL"] and take.tracks["events"].column(
        "mark"
    ).tolist() == list(range(1, 10))
    write_take(take, tmp_path / "t.mcap")
    assert texts(read_take(tmp_path / "t.mcap")) == texts(take)


def test_only_biosignals_are_taken_in_microvolts_by_each_channels_unit_a_track_for_each_stream(tmp_path):
    take = xdf(
        tmp_path,
        header(
            1, "ear", "EMG", 2, 250, "float32", described(("left", "EMG", "millivolts"), ("right", "EMG", "microvolts"))
        ),
        header(2, "phone", "Accelerometer", 1, 250, "float32", described(("x", "", "g"))),
        header(3, "eyes", "EOG", 2, 100, "float32", described(("h", "EOG", "uV"), ("switch", "Trigger", ""))),
        samples(1, TIMES, WAVE),
        samples(2, TIMES, WAVE[:, :1]),
        samples(3, np.arange(80) / 100, WAVE[:80]),
    )
    assert list(take.tracks) == ["biosignal", "biosignal eyes"]
    ear, eyes = take.tracks.values()
    assert ear.columns == ("left", "right") and np.array_equal(ear.values, WAVE.astype(float) * [1000, 1])
    assert eyes.columns == ("h",) and eyes.meta["rate_hz"] == "100.0" and len(eyes.time) == 80


def test_clocks_of_several_computers_are_brought_together(tmp_path):
    ahead = [offset(1, t, -1000.0) for t in np.arange(0, 6, 0.5) + 1000]
    take = xdf(tmp_path, header(1, "ear", "EMG", 2, 250, "float32"), samples(1, TIMES + 1001, WAVE), *ahead)
    assert np.allclose(take.tracks["biosignal"].time, TIMES + 1, atol=1e-6)


def test_where_nothing_says_what_it_is_voltages_are_taken_else_everything_and_that_is_told(tmp_path):
    volts = header(1, "a", "", 2, 250, "float32", described(("p", "", "V"), ("q", "", "g")))
    take = xdf(tmp_path, volts, samples(1, TIMES, WAVE))
    assert take.tracks["biosignal"].columns == ("p",) and "all voltages" in take.notes[0]
    take = xdf(tmp_path, header(1, "a", "", 2, 250, "float32"), samples(1, TIMES, WAVE))
    assert take.tracks["biosignal"].columns == ("ch1", "ch2") and "all were taken" in take.notes[0]


def test_numbers_of_a_marker_stream_are_kept(tmp_path):
    marks = header(2, "m", "Markers", 1, 0, "float32")
    take = xdf(
        tmp_path,
        header(1, "a", "EEG", 2, 250, "float32"),
        marks,
        samples(1, TIMES, WAVE),
        samples(2, [0.25, 0.25, 0.5], [[4], [5], [9]]),
    )
    assert take.tracks["events"].column("mark").tolist() == [4, 5, 9]


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_is_whole(tmp_path):
    parts = (
        START
        + header(1, "a", "EMG", 2, 250, "float32")
        + b"".join(samples(1, TIMES[k : k + 20], WAVE[k : k + 20]) for k in range(0, 200, 20))
    )
    seen = []
    for cut in range(len(START), len(parts), 41):
        (tmp_path / "t.xdf").write_bytes(parts[:cut])
        try:
            take = read_take(tmp_path / "t.xdf")
        except InnerfaceError as error:
            assert "\n" not in str(error)
            continue
        seen.append(len(take.tracks["biosignal"].time))
        assert seen[-1] % 20 == 0
    assert seen == sorted(seen) and seen[-1] == 180 and "cut off" in take.notes[0]


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [header(1, "m", "Markers", 1, 0, "string"), samples(1, [1.0], [["a"]])],
        [header(1, "a", "EMG", 0, 250, "float32")],
        [
            header(1, "a", "EMG", 4_000_000_000, 250, "string"),
            chunk(3, struct.pack("<I", 1) + b"\x08" + struct.pack("<Q", 2**62)),
        ],
        [
            header(1, "a", "EMG", 1, 250, "string"),
            chunk(3, struct.pack("<I", 1) + b"\x04" + struct.pack("<I", 2**32 - 1)),
        ],
        [b"\x08" + struct.pack("<Q", 2**62) + b"\x03\x00"],
    ],
)
def test_files_without_signals_or_with_impossible_sizes_are_told_in_one_line(tmp_path, chunks):
    with pytest.raises(InnerfaceError) as error:
        xdf(tmp_path, *chunks)
    assert "\n" not in str(error.value) and "t.xdf" in str(error.value)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(4, 1949), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_damaged_xdf_is_read_or_refused_in_one_line(tmp_path_factory, damage):
    raw = bytearray((VECTORS / "minimal.xdf").read_bytes())
    for place, value in damage:
        raw[place] = value
    path = tmp_path_factory.mktemp("x", numbered=True) / "t.xdf"
    path.write_bytes(raw)
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


# EDF and BDF


def edf(path, *signals, annotations=None, **more):
    edfio.Edf(
        [edfio.EdfSignal(v, rate, label=label, physical_dimension=unit) for label, unit, rate, v in signals],
        annotations=annotations,
        **more,
    ).write(path)
    return path


@pytest.mark.parametrize(("name", "digits"), [("small.edf", 4e-3), ("small.bdf", 2e-5)])
def test_small_files_are_read_with_their_annotation(name, digits):
    take = read_take(VECTORS / name)
    track = take.tracks["biosignal"]
    assert track.columns == ("EMG L", "EOG R") and track.meta == {"unit": "uV", "rate_hz": "250.0"} and not take.notes
    assert np.abs(track.time - np.arange(500) / 250).max() < 1e-12
    turn = 2 * np.pi * track.time
    assert np.abs(track.values - np.column_stack([100 * np.sin(5 * turn), 50 * np.cos(3 * turn)])).max() < digits
    assert take.tracks["events"].time.tolist() == [0.5] and texts(take) == ["clap"]


def test_of_an_edf_only_biosignals_are_taken_a_track_for_each_rate(tmp_path):
    wave = np.sin(np.arange(1000))
    path = edf(
        tmp_path / "t.edf",
        ("EMG chin", "mV", 500, wave),
        ("Accel X", "g", 500, wave),
        ("EOG left", "uV", 100, wave[:200]),
        ("Resp", "uV", 100, wave[:200]),
        annotations=[
            edfio.EdfAnnotation(0.5, None, "b"),
            edfio.EdfAnnotation(0.5, None, "c"),
            edfio.EdfAnnotation(0.25, None, "a"),
        ],
    )
    take = read_take(path)
    fast, slow = take.tracks["biosignal"], take.tracks["biosignal 100 Hz"]
    assert fast.columns == ("EMG chin",) and np.abs(fast.values[:, 0] - 1000 * wave).max() < 0.1
    assert slow.columns == ("EOG left",) and slow.meta["rate_hz"] == "100.0" and len(slow.time) == 200
    assert texts(take) == ["a", "b", "c"] and take.tracks["events"].column("mark").tolist() == [1, 2, 3]


def test_gaps_of_an_edf_stay_gaps(tmp_path):
    path = edf(tmp_path / "t.edf", ("EMG", "uV", 100, np.arange(300.0)), annotations=[], data_record_duration=1)
    raw = path.read_bytes().replace(b"EDF+C", b"EDF+D").replace(b"+2\x14\x14", b"+9\x14\x14")
    path.write_bytes(raw)
    track = read_take(path).tracks["biosignal"]
    assert track.time[[0, 199, 200, 299]].tolist() == [0, 1.99, 9, 9.99]


@pytest.mark.parametrize("damage", ["labels twice", "cut off", "micro sign", "no unit"])
def test_real_files_quirks_are_read(tmp_path, damage):
    path = edf(
        tmp_path / "t.edf",
        ("EMG", "uV", 100, np.arange(300.0)),
        ("EOG", "uV", 100, np.arange(300.0)),
        data_record_duration=1,
    )
    raw = path.read_bytes()
    if damage == "labels twice":
        raw = raw.replace(b"EOG ", b"EMG ", 1)
    elif damage == "cut off":
        raw = raw[:-50]
    elif damage == "micro sign":
        raw = raw.replace(b"uV", b"\xb5V")
    else:
        raw = raw.replace(b"uV", b"  ")
    path.write_bytes(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        take = read_take(path)
    track = take.tracks["biosignal"]
    assert len(track.time) == (200 if damage == "cut off" else 300) and abs(track.values[150, 1] - 150) < 0.01
    assert track.columns == (("EMG", "EMG 2") if damage == "labels twice" else ("EMG", "EOG"))
    assert bool(take.notes) == (damage in ("cut off", "no unit"))


def test_an_edf_without_signals_is_told_in_one_line(tmp_path):
    (tmp_path / "t.edf").write_bytes(b"0       " + b"x" * 300)
    with pytest.raises(InnerfaceError, match=r"t\.edf: is not a readable EDF file \("):
        read_take(tmp_path / "t.edf")
    edfio.Edf([], annotations=[edfio.EdfAnnotation(0, None, "a")]).write(tmp_path / "u.edf")
    with pytest.raises(InnerfaceError, match=r"u\.edf: holds no signals"):
        read_take(tmp_path / "u.edf")


@pytest.mark.parametrize("name", ["small.edf", "small.bdf"])
@given(
    damage=st.lists(
        st.tuples(st.integers(9, 1100), st.sampled_from(b"0123456789-+. \x00\x14\x15\xffEa")), min_size=1, max_size=4
    )
)
def test_any_damaged_edf_is_read_or_refused_in_one_line(tmp_path_factory, name, damage):
    raw = bytearray((VECTORS / name).read_bytes())
    for place, value in damage:
        raw[place] = value
    path = tmp_path_factory.mktemp("e", numbered=True) / name
    path.write_bytes(raw)
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("name", "library"), [("minimal.xdf", "pyxdf"), ("small.edf", "edfio")])
def test_a_missing_library_is_told_with_the_command_that_brings_it(monkeypatch, name, library):
    real = builtins.__import__

    def without(module, *rest):
        if module == library:
            raise ImportError(module)
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InnerfaceError, match=rf"{library}, which is not installed; pip install 'innerface\[lab\]'"):
        read_take(VECTORS / name)


# Calibration


def edf_with(tmp_path, *, minimum="-3276.8", maximum="3276.7", digital=("-32768", "32767"), unit="uV", bdf=False):
    """A file of two signals; the fields are those of the first one."""
    kind = edfio.BdfSignal if bdf else edfio.EdfSignal
    limits = (-8388608, 8388607) if bdf else (-32768, 32767)
    numbers = np.arange(1000, dtype=np.int32 if bdf else np.int16)
    signals = [
        kind.from_digital(numbers, 250, label=f"EMG {k}", physical_dimension="uV", physical_range=(-3276.8, 3276.7))
        for k in range(2)
    ]
    path = tmp_path / f"t.{'bdf' if bdf else 'edf'}"
    (edfio.Bdf if bdf else edfio.Edf)(signals).write(path)
    data = bytearray(path.read_bytes())
    assert int(data[252:256]) == 2 and limits[0] == int(data[256 + 2 * 120 : 256 + 2 * 120 + 8])
    for field, text in enumerate((unit, minimum, maximum, *(digital if not bdf else ("-8388608", "8388607")))):
        place = 256 + 2 * 96 + 2 * 8 * field
        data[place : place + 8] = text.encode("latin-1").ljust(8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("fields", "gain"),
    [
        ({}, 0.1),
        ({"minimum": "-3276,8", "maximum": "3276,7"}, 0.1),
        ({"minimum": "-3276,8\0", "maximum": "+3276,7"}, 0.1),
        ({"digital": ("-32768,0", "32767.0")}, 0.1),
        ({"minimum": "-3,2768", "maximum": "3,2767", "unit": "mV"}, 0.1),
        ({"minimum": "-3276800", "maximum": "3276700", "unit": "nV"}, 0.1),
        ({"minimum": "-3.2768", "maximum": "3.2767", "unit": "V"}, 1e2),
        ({"unit": "\xb5V"}, 0.1),
        ({"unit": "\xc2\xb5V"}, 0.1),  # the micro sign in UTF-8
        ({"unit": "[UVolts]"}, 0.1),
        ({"minimum": "3276.7", "maximum": "-3276.8"}, -0.1),  # an inverting amplifier, which the format allows
    ],
)
def test_signals_are_calibrated_whatever_the_spelling_of_limits_and_unit(tmp_path, fields, gain):
    take = read_take(edf_with(tmp_path, **fields))
    values = take.tracks["biosignal"].column("EMG 0")
    np.testing.assert_allclose(np.diff(values), gain, rtol=1e-3)
    assert any("decimal commas" in note for note in take.notes) == ("," in "".join(map(str, fields.values())))


@pytest.mark.parametrize("bdf", [False, True])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minimum": "-3.276,8"}, "physical minimum '-3.276,8' is not a number"),
        ({"maximum": ""}, "has no physical maximum"),
        ({"maximum": "nan"}, "physical maximum 'nan' is not a number"),
        ({"minimum": "0", "maximum": "0"}, "physical minimum and maximum are both 0"),
        ({"unit": "counts"}, "EMG 0 skipped: counts is not a voltage"),
        ({"unit": "?V"}, "EMG 0 skipped: ?V is not a voltage"),
        ({"unit": "Boolean"}, "EMG 0 skipped: Boolean is not a voltage"),
    ],
)
def test_a_signal_without_calibration_is_left_out_and_named_and_never_called_microvolts(tmp_path, fields, words, bdf):
    take = read_take(edf_with(tmp_path, bdf=bdf, **fields))
    assert take.tracks["biosignal"].columns == ("EMG 1",)
    assert any(words in note for note in take.notes), take.notes


def test_digital_limits_in_the_wrong_order_and_limits_of_counts_are_told(tmp_path):
    take = read_take(edf_with(tmp_path, digital=("32767", "-32768")))
    assert take.tracks["biosignal"].columns == ("EMG 1",)
    assert any("not below the maximum" in note for note in take.notes)
    take = read_take(edf_with(tmp_path, minimum="-32768", maximum="32767"))
    assert any("EMG 0: the physical limits are the digital ones" in note for note in take.notes)


def test_a_file_none_of_whose_signals_has_a_calibration_is_refused_with_the_mend(tmp_path):
    path = edf_with(tmp_path, minimum="x")
    data = bytearray(path.read_bytes())
    data[256 + 2 * 104 + 8 : 256 + 2 * 104 + 16] = b"y       "
    path.write_bytes(data)
    with pytest.raises(InnerfaceError, match=r"EMG 0: its physical minimum 'x' is not a number.*correct the header"):
        read_take(path)


def test_recordings_that_were_taken_for_text_are_refused_and_not_read_as_other_numbers(tmp_path):
    path = edf_with(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\n", b"\r\n"))
    with pytest.raises(InnerfaceError, match=r"line ends were changed from LF to CRLF; copy it again"):
        read_take(path)
    path.write_bytes(data.decode("latin-1").encode())
    with pytest.raises(InnerfaceError, match=r"encoded again; copy it again"):
        read_take(path)
