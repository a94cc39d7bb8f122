"""Sensors that are pushed aside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from innerface.core.imu.drift import BLOCK_FRAMES, block_means
from innerface.core.imu.layout import load_layout
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.pushed import PushDetector, pushed_zeros
from innerface.core.imu.quality import action_signatures, report
from innerface.core.numerics import quaternion as quat
from innerface.core.performance import demo_performance
from innerface.core.rates import FRAME_RATE

SITE = "zygomaticus_left"
PUSH = np.radians(25) * np.array([0.6, 0.0, 0.8])


def pushed_signal(signal, when, site=SITE, turn=PUSH):
    q, k = signal.rotation.copy(), signal.sites.index(site)
    late = signal.time > when
    q[late, k] = quat.multiply(q[late, k], quat.from_rotvec(turn))
    return replace(signal, rotation=q)


def difference_deg(a, b, frames):
    k = a.sites.index(SITE)
    turn = quat.multiply(
        quat.conjugate(quat.from_rotvec(a.rotation[frames, k])), quat.from_rotvec(b.rotation[frames, k])
    )
    return np.degrees(np.nanmedian(np.linalg.norm(quat.to_rotvec(turn), axis=-1)))


@pytest.mark.parametrize("causal", [False, True])
def test_a_pushed_sensor_is_right_again_within_ten_seconds(made, sites, causal):
    signal, when = made("studio", 5), 5.0
    right = calibrate_take(signal, sites, causal=causal)[1]
    pushed = calibrate_take(pushed_signal(signal, when), sites, causal=causal)[1]
    later = right.time > when + 6.0
    assert later.sum() > 2 * FRAME_RATE
    assert difference_deg(right, pushed, later) < 5.0


def test_offline_a_pushed_sensor_is_right_at_once(made, sites):
    signal, when = made("studio", 5), 5.0
    right, pushed = (calibrate_take(s, sites)[1] for s in (signal, pushed_signal(signal, when)))
    assert difference_deg(right, pushed, (right.time > when) & (right.time < when + 3.0)) < 5.0


def test_a_push_is_told_with_its_time_and_of_no_other_site(made, sites):
    signal = pushed_signal(made("studio", 5), 5.0)
    calibration, motion = calibrate_take(signal, sites)
    words = {q.site: q for q in report(signal, calibration, motion) if q.words}
    assert list(words) == [SITE] and "pushed aside" in words[SITE].words
    loose = words[SITE].loose_s
    assert loose is not None and abs(loose + signal.time[0] - 5.0) < 1.0


def test_no_sensor_of_an_ordinary_take_counts_as_pushed(made, sites):
    for preset, seed in (("clean", 1), ("studio", 2), ("studio", 3), ("rough", 4)):
        motion = calibrate_take(made(preset, seed), sites)[1]
        vectors = quat.to_rotvec(quat.multiply(quat.from_rotvec(motion.rotation), quat.from_rotvec(motion.zero)))
        zeros = pushed_zeros(vectors, motion.sites)
        assert np.allclose(zeros[..., 0], 1.0)


def test_a_smile_of_one_side_that_is_held_is_no_push(face):
    layout = load_layout()
    sites = tuple(s for s in layout.sites if s != layout.reference)
    smile = action_signatures(face, layout, sites)["smile"]
    left_only = np.where(np.array([s.endswith("_left") for s in sites])[:, None], smile, 0.0)
    detector = PushDetector(sites)
    found = [push for k in range(60) for push in detector.append(left_only * float(k >= 20))]
    assert found == []


def test_a_sensor_that_comes_back_was_not_pushed():
    detector = PushDetector((SITE, "frontalis_left"))
    turned = np.array([PUSH, [0.0, 0.0, 0.0]])
    assert [p for k in range(40) for p in detector.append(turned * float(10 <= k < 14))] == []


def test_a_second_push_is_found_from_where_the_first_one_left_the_sensor():
    detector = PushDetector((SITE, "frontalis_left"))
    zero, other = np.zeros((2, 3)), np.zeros((2, 3))
    other[0] = -PUSH
    found = []
    for k in range(60):
        found += detector.append(zero if k < 10 or k >= 30 else np.array([PUSH, [0.0, 0.0, 0.0]]))
    assert [p.site for p in found] == [0, 0]
    assert np.allclose(found[0].turn, PUSH) and np.allclose(found[1].turn, -PUSH)
    assert np.allclose(np.abs(detector.zero[:, 0]), 1.0)


def test_a_site_that_no_face_model_knows_is_left_alone():
    detector = PushDetector(("tip_of_the_nose", "frontalis_left"))
    assert [p for k in range(40) for p in detector.append(np.array([PUSH * (k >= 10), [0, 0, 0]]))] == []


def test_a_block_with_few_samples_has_no_mean():
    block = np.full((BLOCK_FRAMES, 2, 3), np.nan)
    block[:20, 0] = 0.1
    block[:10, 1] = 0.1
    mean = block_means(block[None])[0]
    assert np.allclose(mean[0], 0.1) and np.isnan(mean[1]).all()


def test_the_demo_is_long_enough_for_these_tests():
    assert demo_performance(5).weights().duration > 12.0


def test_a_stream_names_a_pushed_sensor_once(made, sites):
    from innerface.core.imu.calibration import calibrate
    from innerface.core.imu.convention import fix_conventions
    from innerface.core.imu.motion import Calibrator
    from innerface.core.imu.signal import LOOKAHEAD, frame_times, resample

    upright = fix_conventions(pushed_signal(made("studio", 5), 5.0))[0]
    frames = resample(upright, frame_times(upright))
    calibrator = Calibrator(calibrate(frames, sites))
    acceleration = np.concatenate([np.full((LOOKAHEAD, 11, 3), np.nan), frames.acceleration])[: len(frames.time)]
    for k in range(0, len(frames.time), 7):
        calibrator.push(frames.rotation[k : k + 7], acceleration[k : k + 7])
    assert calibrator.pushed_sites == [SITE]
