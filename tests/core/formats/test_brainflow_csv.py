from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.formats import read_take, write_take

VECTOR = Path(__file__).parent / "vectors" / "brainflow_synthetic.csv"
CLOCKS = {24: 22, 15: 13, 32: 30}


def table(columns, counter, arrival, markers=()):
    """Rows as BrainFlow has them."""
    out = np.zeros((len(counter), columns))
    out[:, 0], out[:, CLOCKS[columns]] = counter, arrival
    out[:, 1] = np.arange(len(counter))
    for k, mark in markers:
        out[k, CLOCKS[columns] + 1] = mark
    return out


def read(tmp_path, rows, separator="\t"):
    np.savetxt(tmp_path / "t.csv", rows, fmt="%.6f", delimiter=separator)
    return read_take(tmp_path / "t.csv")


def arrivals(true, rng):
    """Packets arrive late, in batches of twenty milliseconds."""
    return 1.7e9 + np.ceil(true / 0.02) * 0.02 + rng.exponential(0.002, len(true))


def test_brainflows_own_file_gives_sixteen_channels_on_an_even_clock_and_its_marker():
    take = read_take(VECTOR)
    track, raw = take.tracks["biosignal"], np.loadtxt(VECTOR)
    assert (
        track.columns == tuple(f"exg{k}" for k in range(1, 17))
        and (track.values == raw[:, 1:17]).all()
        and not take.notes
    )
    assert track.meta["rate_hz"] == "250" and "synthetic" in track.meta["device"]
    steps = np.diff(track.time)
    assert np.ptp(steps) < 1e-6 and abs(steps.mean() - 0.004) < 2e-6 and np.abs(track.time - raw[:, 30]).max() < 0.005
    assert take.tracks["events"].time.tolist() == [track.time[250]] and take.tracks["events"].values.tolist() == [[7.0]]


def test_the_take_can_be_written_as_biosignal_csv_and_mcap(tmp_path):
    take = read_take(VECTOR)
    for name in ("t.bio.csv", "t.mcap"):
        write_take(take, tmp_path / name)
        back = read_take(tmp_path / name)
        assert (back.tracks["biosignal"].values == take.tracks["biosignal"].values).all()
    assert back.tracks["events"].values.tolist() == [[7.0]]


@pytest.mark.parametrize(
    ("columns", "rate", "counter", "device"),
    [
        (24, 250, lambda n: n % 256, "OpenBCI Cyton"),
        (32, 125, lambda n: 2 * n % 256, "OpenBCI Cyton with Daisy"),
        (32, 250, lambda n: n % 256, "BrainFlow's synthetic board"),
        (15, 200, lambda n: n // 2 % 100, "OpenBCI Ganglion"),  # two samples in a packet
    ],
)
@pytest.mark.parametrize("separator", ["\t", ","])
def test_lost_packets_are_gaps_in_an_even_clock_whatever_the_counter(
    tmp_path, columns, rate, counter, device, separator
):
    rng, n = np.random.default_rng(1), np.arange(6000)
    keep = np.ones(6000, dtype=bool)
    keep[1000:1004], keep[3000:4200] = False, False  # a short loss, and one of more than the counter's round
    true = n * 1.0003 / rate  # a board's own quartz
    take = read(tmp_path, table(columns, counter(n)[keep], arrivals(true, rng)[keep], [(10, 1), (20, 2.5)]), separator)
    track = take.tracks["biosignal"]
    assert track.meta["device"] == device and float(track.meta["rate_hz"]) == rate
    late = track.time - 1.7e9 - true[keep]
    assert np.ptp(late) < 0.004 and 0 <= late.mean() < 0.025
    assert any("1204 of 6000 samples were lost" in note for note in take.notes)
    assert take.tracks["events"].time.tolist() == track.time[[10, 20]].tolist() and take.tracks["events"].column(
        "mark"
    ).tolist() == [1, 2.5]


def test_a_counter_that_tells_nothing_gives_way_to_the_times_of_arrival(tmp_path):
    rng, true = np.random.default_rng(2), np.arange(3000) / 250
    true[1500:] += 3
    take = read(tmp_path, table(24, np.zeros(3000), arrivals(true, rng)))
    late = take.tracks["biosignal"].time - 1.7e9 - true
    assert np.ptp(late) < 0.1 and any("counter is irregular" in note for note in take.notes)


def test_another_rate_is_told_and_taken(tmp_path):
    take = read(tmp_path, table(24, np.arange(3000) % 256, 1.7e9 + np.arange(3000) / 500))
    assert take.tracks["biosignal"].meta["rate_hz"] == "500" and any("check the board" in note for note in take.notes)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_are_a_take_as_well(tmp_path, rows):
    assert (
        len(read(tmp_path, table(15, np.arange(rows), 1.7e9 + np.arange(rows) / 200)).tracks["biosignal"].time) == rows
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["\t".join(["1.000000"] * 20)], ["line 1", "20 columns", "24 (OpenBCI Cyton)"]),
        (["\t".join(["1.000000"] * 24)], ["line 1", "column 23", "UNIX time"]),
        (["\t".join(["1700000000.0"] * 24), "\t".join(["1700000000.0"] * 23 + ["x"])], ["line 2", "column 24", "'x'"]),
    ],
)
def test_a_broken_file_is_told_in_one_line_with_its_place(tmp_path, rows, words):
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(InnerfaceError) as error:
        read_take(tmp_path / "t.csv")
    assert "\n" not in str(error.value)
    for word in ["t.csv", *words]:
        assert word in str(error.value)


CELL = st.one_of(
    st.sampled_from(["0", "nan", "1700000000", "1700000001.5", "255", "-1", "1e300", "99999999999"]),
    st.floats(allow_infinity=False).map(repr),
)


@given(st.sampled_from([24, 15, 32]), st.lists(st.tuples(CELL, CELL, CELL, CELL), min_size=1, max_size=8))
def test_any_numbers_are_read_or_refused_in_one_line(tmp_path_factory, columns, rows):
    path, clock = tmp_path_factory.mktemp("f", numbered=True) / "t.csv", CLOCKS[columns]
    lines = []
    for counter, value, arrival, mark in rows:
        cells = [value] * columns
        cells[0], cells[clock], cells[clock + 1] = counter, arrival, mark
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines))
    try:
        read_take(path)
    except InnerfaceError as error:
        assert "\n" not in str(error)


@given(st.data())
def test_any_clock_and_counter_are_read(tmp_path_factory, data):
    count = data.draw(st.integers(1, 12))
    counter = data.draw(st.lists(st.integers(0, 255), min_size=count, max_size=count))
    arrival = data.draw(st.lists(st.floats(1.0e9, 9.9e10), min_size=count, max_size=count))
    folder = tmp_path_factory.mktemp("g", numbered=True)
    assert len(read(folder, table(24, counter, arrival)).tracks["biosignal"].time) == count


@pytest.mark.parametrize("jump", [-3600.0, -30.0, -0.5, 0.4, 30.4, 1.7e9 - 86_400.0])
def test_a_computers_clock_that_was_set_leaves_the_counters_time_as_it_is(tmp_path, jump):
    rng, true = np.random.default_rng(7), np.arange(15_000) / 250
    arrival = arrivals(true, rng)
    arrival[7_500:] += jump if jump < 1e9 else 0.0
    if jump > 1e9:  # from 1971 to today
        arrival[:7_500] -= 1.5e9
    take = read(tmp_path, table(24, np.arange(15_000) % 256, arrival))
    track = take.tracks["biosignal"]
    assert len(track.time) == 15_000 and track.rate == pytest.approx(250, abs=0.05)
    assert track.duration == pytest.approx(59.996, abs=0.02)
    assert any("clock was set" in note and "counter" in note for note in take.notes)
