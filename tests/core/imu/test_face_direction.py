"""Takes without a nod: headings and the face's direction from ordinary motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.imu.face_direction import find_face_direction
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.signal import from_track
from innerface.core.imu.simulation.effects import Effects
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.imu.skin import skin_motion, skin_patches
from innerface.core.imu.spans import NoTurnError
from innerface.core.numerics import quaternion as quat
from innerface.core.performance.generate import generate

GESTURE = (-8.3, -1.4)  # nod, shake and taps of the simulated performer, s


@pytest.fixture(scope="module")
def ordinary(face, sites):
    """A take without its nod and shake, and the same with it."""
    track = generate(45.0, np.random.default_rng(5))
    track = replace(track, values=np.concatenate([track.values[:, :52], 0.0 * track.values[:, 52:]], axis=1))
    take = simulate(track, face, sites, effects=Effects(glance_deg=6.0, heading_deg=180.0), seed=4)
    signal = from_track(take.tracks["imu"])
    before, after = signal.time < GESTURE[0], signal.time > GESTURE[1]
    time = signal.time.copy()
    time[before] += GESTURE[1] - time[before][-1]
    kept = before | after
    without = replace(signal, time=time[kept], rotation=signal.rotation[kept], acceleration=signal.acceleration[kept])
    return signal, without


def test_a_take_without_a_nod_is_calibrated_nearly_as_with_one(ordinary, sites):
    signal, without = ordinary
    right, found = calibrate_take(signal, sites)[1], calibrate_take(without, sites)[1]
    rows = np.arange(5, 40, 0.5)
    a, b = (
        np.stack([np.interp(rows, m.time, m.rotation[:, k, j]) for k in range(10) for j in range(3)])
        for m in (right, found)
    )
    assert np.linalg.norm(a - b) < 0.35 * np.linalg.norm(a)


def test_it_is_said_that_there_was_no_nod_and_which_span_counts_as_relaxed(ordinary, sites):
    calibration = calibrate_take(ordinary[1], sites)[0]
    assert any("no nod and shake" in note and "--neutral" in note for note in calibration.notes)
    assert calibration.turn_span[1] - calibration.turn_span[0] > 15.0


def test_a_stream_can_still_wait_for_its_nod(ordinary, sites):
    from innerface.core.imu.calibration import calibrate
    from innerface.core.imu.convention import fix_conventions
    from innerface.core.imu.signal import frame_times, resample

    upright = fix_conventions(ordinary[1])[0]
    frames = resample(upright, frame_times(upright))
    with pytest.raises(NoTurnError):
        calibrate(frames, sites, needs_nod=True)
    assert calibrate(frames, sites).sites == sites.sites


@pytest.mark.parametrize("degrees", [-150.0, -20.0, 75.0, 180.0])
def test_the_direction_is_found_whichever_way_the_axes_look(face, sites, degrees):
    """From perfect rotations of the bundled head."""
    weights = generate(20.0, np.random.default_rng(8)).values[:, :52]
    face_sites = tuple(s for s in sites.sites if s != sites.reference)
    vectors = skin_motion(face, skin_patches(face, sites, 0.0, rng=np.random.default_rng(0)), weights)[1][:, 1:]
    turn = quat.about_axis(1, np.array(-np.radians(degrees)))
    found = find_face_direction(
        quat.rotate(turn, vectors),
        face_sites,
        sites,
        relative=np.full(vectors.shape, np.nan),
        tensor=np.full((len(vectors), 3, 3), np.nan),
        levers=np.zeros((10, 3)),
    )
    assert abs(np.angle(np.exp(1j * (found - np.radians(degrees))))) < np.radians(6.0)


def test_a_face_that_shows_no_direction_is_refused_in_one_line(sites):
    rng = np.random.default_rng(0)
    face_sites = tuple(s for s in sites.sites if s != sites.reference)
    with pytest.raises(InnerfaceError, match=r"which way the face looks; record again") as told:
        find_face_direction(
            rng.normal(0, 0.1, (600, 10, 3)),
            face_sites,
            sites,
            relative=np.full((600, 10, 3), np.nan),
            tensor=np.full((600, 3, 3), np.nan),
            levers=np.zeros((10, 3)),
        )
    assert "\n" not in str(told.value)
