"""Electrodes and a camera of one performance are aligned, of two performances refused. All data is simulated."""

import numpy as np
import pytest
from innerface.core.bio.alignment import align, invert
from innerface.core.bio.signal import BioSignal, to_uniform_rate
from innerface.core.bio.simulation.effects import PRESETS
from innerface.core.bio.simulation.simulate import BLINK_TIMES_S, simulate
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.landmarks.camera import landmarks_from_weights
from innerface.core.landmarks.points import without_eyes
from innerface.core.performance.generate import generate
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.take import Track

TARGET_S = 0.05


def performed(kind, seconds, seed):
    if kind == "posed":
        return pose_sequence(seconds, seed, take=3)
    track = generate(seconds, np.random.default_rng(seed))
    return Track("weights", track.time, ARKIT, track.select(ARKIT))


def worn(track, preset, seed=0):
    return to_uniform_rate(simulate(track, PRESETS[preset], seed).tracks["biosignal"])


def filmed(track, fps=30.0, offset=0.0, drift=0.0, seed=0, jitter=0.004):
    """The take of a phone: jittering times on another clock, missing rows, noise, and three blinks before the first
    row."""
    rng = np.random.default_rng(seed)
    at = np.arange(-5.0, track.time[-1], 1 / fps)
    values = np.stack([np.interp(at, track.time, c) for c in track.values.T], axis=1)
    lids = [ARKIT.index(f"eyeBlink{s}") for s in ("Left", "Right")]
    for blink in BLINK_TIMES_S:
        values[:, lids] = np.maximum(values[:, lids], np.exp(-(((at - blink) / 0.07) ** 2))[:, None])
    values = np.clip(values + rng.normal(0, 0.006, values.shape), 0, 1)
    time = at + np.clip(rng.normal(0, jitter, len(at)), -0.4 / fps, 0.4 / fps)
    kept = rng.uniform(size=len(at)) > 0.02
    return landmarks_from_weights(
        Track("weights", time[kept] * (1 + drift) + offset, ARKIT, values[kept]), load_bundled()
    )


@pytest.mark.parametrize("preset", ["studio", "rough", "cyton"])
@pytest.mark.parametrize(
    ("kind", "seconds", "fps", "offset"),
    [("posed", 20, 24, -30.0), ("posed", 60, 60, 200.0), ("generated", 40, 30, 3.7), ("generated", 120, 24, 0.0)],
)
def test_a_camera_is_placed_on_the_electrodes_clock_to_50_ms(preset, kind, seconds, fps, offset):
    track = performed(kind, seconds, 5)
    found = align(worn(track, preset, 5), filmed(track, fps, offset))
    assert (
        abs(found.offset_s - offset) < TARGET_S
        and found.method == "eyes"
        and found.drift_ppm == 0
        and found.confidence > 0.2
    )


def test_takes_that_cover_each_other_in_part_are_placed_as_well():
    track = performed("generated", 90, 2)
    signal, points = worn(track, "studio", 2), filmed(track, 30, 50.0)
    late = BioSignal(signal.start + 30, signal.rate, signal.channels, signal.values[30_000:], signal.missing[30_000:])
    early = Track(points.kind, points.time[:1800], points.columns, points.values[:1800], points.meta)
    assert abs(align(late, early).offset_s - 50.0) < TARGET_S


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("preset", ["studio", "rough"])
def test_takes_of_two_performances_are_refused(seed, preset):
    kinds = ("posed", "generated")
    with pytest.raises(InnerfaceError, match="do not match"):
        align(
            worn(performed(kinds[seed % 2], 60, seed), preset, seed),
            filmed(performed(kinds[seed // 2], 45, seed + 10), 30),
        )


def test_clocks_that_run_apart_are_followed_over_minutes():
    track = performed("generated", 240, 4)
    found = align(worn(track, "studio", 4), filmed(track, 30, 7.0, 150e-6))
    assert found.drift_ppm == pytest.approx(150, abs=50)
    at = np.array([0.0, 240.0])
    assert np.abs(found.a_time(at) - (at * (1 + 150e-6) + 7.0)).max() < 0.02


def test_the_other_way_round_is_the_inverse():
    track = performed("posed", 200, 6)
    found = align(worn(track, "studio", 6), filmed(track, 30, -12.0, -200e-6))
    back = invert(found)
    assert found.drift_ppm != 0 and np.allclose(
        back.a_time(found.a_time(np.array([0.0, 200.0]))), [0.0, 200.0], atol=1e-9
    )


def test_without_eyes_muscles_give_the_offset_to_a_tenth_of_a_second_with_low_confidence():
    track = performed("generated", 150, 7)
    found = align(worn(track, "studio", 7), without_eyes(filmed(track, 30, 20.0)))
    assert found.method == "muscles" and abs(found.offset_s - 20.0) < 0.15 and found.confidence <= 0.5


def test_a_few_seconds_are_refused():
    track = performed("posed", 20, 1)
    points = filmed(track)
    with pytest.raises(InnerfaceError, match="longer ones"):
        align(
            worn(track, "studio", 1),
            Track(points.kind, points.time[:200], points.columns, points.values[:200], points.meta),
        )


def test_an_electrode_that_is_flat_and_a_lost_second_do_no_harm():
    track = performed("posed", 60, 8)
    signal = worn(track, "studio", 8)
    values, missing = signal.values.copy(), signal.missing.copy()
    values[:, 1], values[20_000:21_000, 0] = 0.0, values[20_000, 0]
    missing[20_000:21_000] = True
    found = align(BioSignal(signal.start, signal.rate, signal.channels, values, missing), filmed(track, 30, 1.5))
    assert abs(found.offset_s - 1.5) < TARGET_S
