from dataclasses import replace

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.face_model import load_bundled
from innerface.core.imu import linear_model
from innerface.core.imu.layout import load_layout
from innerface.core.imu.motion_signal import find_chin_taps, motion_signal
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.head_motion import TAPS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance import demo_performance
from innerface.core.take import Take, Track
from innerface.core.take.alignment import align, find_triple_tap


@pytest.fixture(scope="module")
def model():
    return linear_model.load()


def on_another_clock(take, offset, ppm):
    """The take as a clock writes it for which time in ours = (1 + ppm 1e-6) its time + offset."""
    return Take(take.name, {n: replace(t, time=(t.time - offset) / (1 + ppm * 1e-6)) for n, t in take.tracks.items()})


def weights_take(track, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return Take("w", {"weights": replace(track, values=track.values + rng.normal(0, noise, track.values.shape))})


@pytest.mark.parametrize(("offset", "ppm"), [(0.0, 0.0), (3.2171, 200.0), (-41.003, -200.0), (1000.5, 80.0)])
def test_two_weights_takes_are_placed_to_milliseconds(model, offset, ppm):
    track = demo_performance(3).weights()
    a = motion_signal(weights_take(track, 0.02), load_layout(), model)
    b = motion_signal(on_another_clock(weights_take(track, 0.02, 1), offset, ppm), load_layout(), model)
    found = align(a, b)
    at = np.linspace(b.start_s, b.start_s + 20, 5)
    assert np.abs(found.a_time(at) - ((1 + ppm * 1e-6) * at + offset)).max() < 0.008
    assert found.method == "motion" and found.confidence > 0.9


@pytest.mark.parametrize(("preset", "limit"), [("studio", 0.008), ("rough", 1 / 60)])
@pytest.mark.parametrize("name", ["alex_rom_4.csv", "S07-001.csv", "apfel.csv"])
def test_sensors_with_200_ppm_of_drift_are_placed_within_8_ms_and_rough_ones_within_a_frame(
    data, model, preset, limit, name
):
    track = formats.read_take(data / "arkit" / name).weights()
    imu = simulate(track, load_bundled(), load_layout(), effects=PRESETS[preset], seed=11)
    offset = 17.25 - track.time[0]
    camera = motion_signal(weights_take(track), load_layout(), model)
    for ppm in (200.0, -200.0):
        sensors = motion_signal(on_another_clock(imu, -offset, ppm), load_layout(), model)
        found = align(camera, sensors)
        at = np.linspace(track.time[0], track.time[-1], 9)  # where the performance is
        error = found.a_time((at + offset) / (1 + ppm * 1e-6)) - at
        assert np.abs(error).max() < limit, (name, preset, ppm, np.abs(error).max())


def test_on_one_clock_that_counts_from_midnight_the_offset_is_nothing(data, model):
    track = formats.read_take(data / "arkit" / "alex_rom_4.csv").weights()
    assert track.time[0] > 10_000  # a drift of a few ppm would falsify the offset by tenths of a second
    imu = simulate(track, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=11)
    found = align(motion_signal(weights_take(track), load_layout(), model), motion_signal(imu, load_layout(), model))
    assert found.drift_ppm == 0.0 and abs(found.offset_s) < 0.008


def test_takes_of_different_performances_are_refused(data, model):
    a, b, c = (formats.read_take(data / "arkit" / n) for n in ("alex_rom_3.csv", "alex_rom_4.csv", "S07-001.csv"))
    for one, two in ((a, b), (b, a), (a, c), (c, b)):
        with pytest.raises(InnerfaceError, match="do not match"):
            align(motion_signal(one, load_layout(), model), motion_signal(two, load_layout(), model))


def test_sensors_of_another_performance_are_refused(data, model):
    track = formats.read_take(data / "arkit" / "S07-001.csv").weights()
    imu = motion_signal(
        simulate(track, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=1), load_layout(), model
    )
    with pytest.raises(InnerfaceError, match="do not match"):
        align(motion_signal(formats.read_take(data / "arkit" / "alex_rom_4.csv"), load_layout(), model), imu)


def test_a_part_of_a_take_finds_its_place_in_the_whole(model):
    track = demo_performance(4).weights()
    part = Track("weights", track.time[400:900], track.columns, track.values[400:900])
    found = align(
        motion_signal(weights_take(track), load_layout(), model),
        motion_signal(on_another_clock(weights_take(part, 0.01), 5.0, 0.0), load_layout(), model),
    )
    assert found.offset_s + found.drift_ppm * 1e-6 * 5 == pytest.approx(5.0, abs=0.008)


def test_three_taps_on_the_chin_are_found_and_nothing_else_is(model):
    for preset in ("clean", "studio", "rough"):
        for seed in (1, 2, 3):
            taps = find_chin_taps(
                simulate(
                    demo_performance(seed).weights(), load_bundled(), load_layout(), effects=PRESETS[preset], seed=seed
                )
            )
            assert taps is not None and np.abs(taps - TAPS).max() < 0.02, (preset, seed)
    quiet = np.zeros(600)
    assert find_triple_tap(np.arange(600) / 60, quiet) is None
    two = quiet.copy()
    two[[100, 125]] = 1.0
    assert find_triple_tap(np.arange(600) / 60, two) is None


def test_taps_serve_where_the_motion_does_not(model):
    """Two takes that show nothing in common but the taps."""
    a = motion_signal(
        simulate(demo_performance(1).weights(), load_bundled(), load_layout(), effects=PRESETS["studio"], seed=1),
        load_layout(),
        model,
    )
    b = motion_signal(
        on_another_clock(
            simulate(demo_performance(2).weights(), load_bundled(), load_layout(), effects=PRESETS["studio"], seed=2),
            2.5,
            0.0,
        ),
        load_layout(),
        model,
    )
    rng = np.random.default_rng(0)
    b = replace(b, values=rng.uniform(0, 0.3, b.values.shape))
    found = align(a, b)
    assert found.method == "taps" and found.offset_s == pytest.approx(2.5, abs=0.02)


@pytest.mark.parametrize("values", [np.zeros((300, 52)), np.zeros((30, 52))])
def test_still_and_short_takes_are_refused_in_one_line(model, values):
    still = Take(
        "still",
        {"weights": Track("weights", np.arange(len(values)) / 60, demo_performance(1).weights().columns[:52], values)},
    )
    with pytest.raises(InnerfaceError) as told:
        align(
            motion_signal(still, load_layout(), model),
            motion_signal(weights_take(demo_performance(1).weights()), load_layout(), model),
        )
    assert "\n" not in str(told.value)
