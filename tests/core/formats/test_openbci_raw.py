"""OpenBCI's GUI saves recordings in a layout of its own, which changed with its versions and differs by board."""

from datetime import UTC, datetime

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError

# Board's name in the header, name shown, channels, rate, how its counter runs, auxiliary columns.
BOARDS = {
    "cyton": ("BoardCytonSerial", "OpenBCI Cyton", 8, 250, np.arange(256), 13),
    "daisy": ("BoardCytonSerialDaisy", "OpenBCI Cyton with Daisy", 16, 125, np.arange(0, 256, 2), 13),
    "ganglion": ("BoardGanglionBLE", "OpenBCI Ganglion", 4, 200, np.repeat(np.arange(1, 101), 2), 8),
}
START = 1_700_000_000.0


def signal(count, rows):
    return np.round(np.random.default_rng(count).normal(0, 20, (rows, count)), 4)


def new_file(board, rows=2000, marker_rows=(), **changes):
    """Lines of the GUI since version 5."""
    code, _, count, rate, counter, aux = BOARDS[board]
    values = signal(count, rows)
    lines = [
        "%OpenBCI Raw EXG Data",
        f"%Number of channels = {count}",
        f"%Sample Rate = {changes.get('rate', rate)} Hz",
        f"%Board = OpenBCI_GUI${code}",
    ]
    names = ["Sample Index", *(f"EXG Channel {k}" for k in range(count))]
    names += [f"Accel Channel {k}" for k in range(3)] + ["Other"] * (aux - 3)
    lines.append(", ".join([*names, "Timestamp", "Marker Channel", "Timestamp (Formatted)"]))
    for k in range(rows):
        t = START + k / rate
        cells = [float(counter[k % len(counter)]), *values[k], *[0.0] * aux, f"{t:.6f}", float(k in marker_rows)]
        stamp = datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        lines.append(", ".join([*map(str, cells), stamp]))
    return lines, values


def old_file(board, rows=2000, *, milliseconds=True, count_told=True, first_second=0.0):
    """Lines of the GUI before version 5."""
    _, _, count, rate, counter, _ = BOARDS[board]
    values = signal(count, rows)
    lines = [
        "%OpenBCI Raw EEG Data",
        f"%Number of channels = {count}" if count_told else "%",
        f"%Sample Rate = {rate:.1f} Hz",
        "%First Column = SampleIndex",
        "%Last Column = Timestamp ",
        "%Other Columns = EEG data in microvolts followed by Accel Data (in G) interleaved with Aux Data",
    ]
    for k in range(rows):
        s = first_second + k / rate
        clock = f"{int(s // 3600) % 24:02d}:{int(s // 60) % 60:02d}:{s % 60:06.3f}"
        times = [clock, str(round((START + s) * 1000))] if milliseconds else [clock]
        cells = [str(counter[k % len(counter)]), *map(str, values[k]), "0.000", "0.000", "0.000", *times]
        lines.append(", ".join(cells))
    return lines, values


def read(path, lines, end="\n"):
    path.write_bytes((end.join(lines) + end).encode())
    return formats.read_take(path)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("make", [new_file, old_file])
def test_every_board_is_read_with_its_channels_and_rate(tmp_path, board, make):
    lines, values = make(board)
    take = read(tmp_path / "OpenBCI-RAW-2023.txt", lines)
    track = take.tracks["biosignal"]
    _, name, count, rate, _, _ = BOARDS[board]
    assert (track.meta["device"], track.meta["rate_hz"], track.meta["unit"]) == (name, str(rate), "uV")
    assert track.columns == tuple(f"exg{k + 1}" for k in range(count))
    np.testing.assert_array_equal(track.values, values)
    np.testing.assert_allclose(np.diff(track.time), 1 / rate, rtol=1e-3)
    assert track.time[0] == pytest.approx(START, abs=0.05)
    assert "Accel" in " ".join(take.notes)


def test_the_oldest_files_have_the_time_of_day_only_and_no_number_of_channels(tmp_path):
    lines, values = old_file("cyton", milliseconds=False, count_told=False, first_second=86_398.0)
    track = read(tmp_path / "a.txt", lines).tracks["biosignal"]
    np.testing.assert_array_equal(track.values, values)
    assert track.duration == pytest.approx(1999 / 250, abs=0.01)  # midnight is passed
    assert track.time[0] == pytest.approx(86_398, abs=0.05)


def test_markers_become_events(tmp_path):
    take = read(tmp_path / "a.txt", new_file("cyton", marker_rows=(500, 750))[0])
    marks = take.tracks["events"]
    assert marks.values[:, 0].tolist() == [1.0, 1.0]
    assert marks.time[1] - marks.time[0] == pytest.approx(1.0, abs=1e-3)


def test_lost_samples_stay_gaps(tmp_path):
    lines, _ = new_file("cyton")
    del lines[500:525]
    take = read(tmp_path / "a.txt", lines)
    assert take.tracks["biosignal"].duration == pytest.approx(1999 / 250, abs=0.01)
    assert any("25 of 2000 samples were lost" in note for note in take.notes)


@pytest.mark.parametrize("make", [new_file, old_file])
@pytest.mark.parametrize("cut", [3, 40, 90])
def test_a_last_line_that_is_cut_is_left_out_and_told(tmp_path, make, cut):
    text = "\n".join(make("cyton")[0])
    (tmp_path / "a.txt").write_text(text[:-cut])
    take = formats.read_take(tmp_path / "a.txt")
    assert len(take.tracks["biosignal"].time) in (1999, 2000)
    assert (len(take.tracks["biosignal"].time) == 2000) != any("cut off" in note for note in take.notes)
    assert take.tracks["biosignal"].duration < 8


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_and_a_header_without_percent_lines_are_read(tmp_path, end):
    lines, values = new_file("ganglion", 400)
    track = read(tmp_path / "a.txt", lines[4:], end).tracks["biosignal"]
    np.testing.assert_array_equal(track.values, values)
    assert track.meta["device"] == "OpenBCI Ganglion"


def test_a_spreadsheets_semicolons_and_decimal_commas_are_read(tmp_path):
    lines, values = new_file("cyton", 300)
    lines = [line if line.startswith("%") else line.replace(", ", ";").replace(".", ",") for line in lines]
    np.testing.assert_array_equal(read(tmp_path / "a.txt", lines).tracks["biosignal"].values, values)


def test_a_recording_without_samples_or_with_a_broken_line_is_refused_in_words(tmp_path):
    lines, _ = new_file("cyton", 30)
    with pytest.raises(InnerfaceError, match="no samples; record again"):
        read(tmp_path / "a.txt", lines[:5])
    lines[10] = lines[10][:40]
    with pytest.raises(InnerfaceError, match=r"line 11: .* columns where other lines have 25"):
        read(tmp_path / "b.txt", lines)
    lines, _ = new_file("cyton", 30)
    lines[12] = lines[12].replace(str(signal(8, 30)[7, 0]), "abc")
    with pytest.raises(InnerfaceError, match=r"line 13.*'abc' is not a number"):
        read(tmp_path / "c.txt", lines)


def test_a_header_in_a_spreadsheets_quotes_is_read(tmp_path):
    lines, values = new_file("cyton", 300)
    lines = [f'"{line}"' if line.startswith("%") else line.replace(", ", ",") for line in lines]
    np.testing.assert_array_equal(read(tmp_path / "a.txt", lines).tracks["biosignal"].values, values)


def test_brainflows_columns_that_a_program_has_counted_in_a_header_are_read(tmp_path):
    values = signal(8, 60)
    rows = [",".join(map(str, [float(k), *values[k], *[0.0] * 13, START + k / 250, 0.0])) for k in range(60)]
    track = read(tmp_path / "a.csv", [",".join(map(str, range(24))), *rows]).tracks["biosignal"]
    np.testing.assert_array_equal(track.values, values)


@pytest.mark.parametrize(
    "header",
    ["time,EMG1,EMG2", "TimeStamp,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10", "t;eog_left;eog_right", "time\tFp1\tCz"],
)
def test_electrodes_without_a_unit_are_refused_with_the_line_that_names_it(tmp_path, header):
    row = "".join(c for c in header if c in ",;\t").join(["0.5", "1.5"])
    (tmp_path / "a.csv").write_text(header + "\n" + row + "\n")
    with pytest.raises(InnerfaceError, match="# innerface-biosignal 1 unit=uV"):
        formats.read_take(tmp_path / "a.csv")
