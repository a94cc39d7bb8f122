from dataclasses import replace

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.align import align, chin_taps, moving, triple
from innerface.core.errors import InnerfaceError
from innerface.core.face_model import bundled
from innerface.core.imu import linear
from innerface.core.imu.effects import PRESETS
from innerface.core.imu.head import TAPS
from innerface.core.imu.layout import layout
from innerface.core.imu.simulate import simulate
from innerface.core.performance import perform
from innerface.core.take import Take, Track


@pytest.fixture(scope="module")
def model():
    return linear.load()


def on_another_clock(take, offset, ppm):
    """The take as a clock writes it for which time in ours = (1 + ppm 1e-6) its time + offset."""
    return Take(take.name, {n: replace(t, time=(t.time - offset) / (1 + ppm * 1e-6)) for n, t in take.tracks.items()})


def weights_take(track, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return Take("w", {"weights": replace(track, values=track.values + rng.normal(0, noise, track.values.shape))})


@pytest.mark.parametrize(("offset", "ppm"), [(0.0, 0.0), (3.2171, 200.0), (-41.003, -200.0), (1000.5, 80.0)])
def test_two_weights_takes_are_placed_to_milliseconds(model, offset, ppm):
    track = perform(3).weights()
    a = moving(weights_take(track, 0.02), layout(), model)
    b = moving(on_another_clock(weights_take(track, 0.02, 1), offset, ppm), layout(), model)
    found = align(a, b)
    at = np.linspace(b.start, b.start + 20, 5)
    assert np.abs(found.a_time(at) - ((1 + ppm * 1e-6) * at + offset)).max() < 0.008
    assert found.method == "motion" and found.confidence > 0.9


@pytest.mark.parametrize("preset", ["studio", "rough"])
@pytest.mark.parametrize("name", ["alex_rom_4.csv", "S07-001.csv", "apfel.csv"])
def test_sensors_with_noise_and_200_ppm_of_drift_are_placed_within_8_ms(data, model, preset, name):
    track = formats.read_take(data / "arkit" / name).weights()
    imu = simulate(track, bundled(), layout(), PRESETS[preset], 11)
    offset = 17.25 - track.time[0]
    camera = moving(weights_take(track), layout(), model)
    for ppm in (200.0, -200.0):
        sensors = moving(on_another_clock(imu, -offset, ppm), layout(), model)
        found = align(camera, sensors)
        at = np.linspace(track.time[0], track.time[-1], 9)  # where the performance is
        error = found.a_time((at + offset) / (1 + ppm * 1e-6)) - at
        assert np.abs(error).max() < 0.008, (name, preset, ppm, np.abs(error).max())


def test_on_one_clock_that_counts_from_midnight_the_offset_is_nothing(data, model):
    track = formats.read_take(data / "arkit" / "alex_rom_4.csv").weights()
    assert track.time[0] > 10_000  # a drift of a few ppm would falsify the offset by tenths of a second
    imu = simulate(track, bundled(), layout(), PRESETS["studio"], 11)
    found = align(moving(weights_take(track), layout(), model), moving(imu, layout(), model))
    assert found.drift_ppm == 0.0 and abs(found.offset_s) < 0.008


def test_takes_of_different_performances_are_refused(data, model):
    a, b, c = (formats.read_take(data / "arkit" / n) for n in ("alex_rom_3.csv", "alex_rom_4.csv", "S07-001.csv"))
    for one, two in ((a, b), (b, a), (a, c), (c, b)):
        with pytest.raises(InnerfaceError, match="do not match"):
            align(moving(one, layout(), model), moving(two, layout(), model))


def test_sensors_of_another_performance_are_refused(data, model):
    track = formats.read_take(data / "arkit" / "S07-001.csv").weights()
    imu = moving(simulate(track, bundled(), layout(), PRESETS["studio"], 1), layout(), model)
    with pytest.raises(InnerfaceError, match="do not match"):
        align(moving(formats.read_take(data / "arkit" / "alex_rom_4.csv"), layout(), model), imu)


def test_a_part_of_a_take_finds_its_place_in_the_whole(model):
    track = perform(4).weights()
    part = Track("weights", track.time[400:900], track.columns, track.values[400:900])
    found = align(
        moving(weights_take(track), layout(), model), moving(on_another_clock(weights_take(part, 0.01), 5.0, 0.0), layout(), model)
    )
    assert found.offset_s + found.drift_ppm * 1e-6 * 5 == pytest.approx(5.0, abs=0.008)


def test_three_taps_on_the_chin_are_found_and_nothing_else_is(model):
    for preset in ("clean", "studio", "rough"):
        for seed in (1, 2, 3):
            taps = chin_taps(simulate(perform(seed).weights(), bundled(), layout(), PRESETS[preset], seed))
            assert taps is not None and np.abs(taps - TAPS).max() < 0.02, (preset, seed)
    quiet = np.zeros(600)
    assert triple(np.arange(600) / 60, quiet) is None
    two = quiet.copy()
    two[[100, 125]] = 1.0
    assert triple(np.arange(600) / 60, two) is None


def test_taps_serve_where_the_motion_does_not(model):
    """Two takes that show nothing in common but the taps."""
    a = moving(simulate(perform(1).weights(), bundled(), layout(), PRESETS["studio"], 1), layout(), model)
    b = moving(on_another_clock(simulate(perform(2).weights(), bundled(), layout(), PRESETS["studio"], 2), 2.5, 0.0), layout(), model)
    rng = np.random.default_rng(0)
    b = replace(b, values=rng.uniform(0, 0.3, b.values.shape))
    found = align(a, b)
    assert found.method == "taps" and found.offset_s == pytest.approx(2.5, abs=0.02)


@pytest.mark.parametrize("values", [np.zeros((300, 52)), np.zeros((30, 52))])
def test_still_and_short_takes_are_refused_in_one_line(model, values):
    still = Take("still", {"weights": Track("weights", np.arange(len(values)) / 60, perform(1).weights().columns[:52], values)})
    with pytest.raises(InnerfaceError) as told:
        align(moving(still, layout(), model), moving(weights_take(perform(1).weights()), layout(), model))
    assert "\n" not in str(told.value)
