from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu.kinematics import face_rotation
from innerface.core.imu.layout import Layout
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.signal import frame_times, from_track, resample, select_sites, to_track
from innerface.core.imu.simulation.effects import Effects
from innerface.core.imu.simulation.head_motion import NOD, RELAX, SHAKE
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.imu.spans import find_turn
from innerface.core.numerics import quaternion as quat

STILL = Effects(sway_deg=0.0, sway_mm=0.0)


def degrees(rotation):
    return np.degrees(np.linalg.norm(rotation, axis=-1))


def ramp(rows, at, length=60):
    x = np.clip((np.arange(rows) - at) / length, 0, 1)
    return x * x * (3 - 2 * x)


def after(motion, seconds=0.0):
    return motion.time > seconds


@pytest.fixture(scope="module")
def turned(made):
    """A face at rest on a head that turns by 30 degrees: random mountings, headings all over the place, perfect
    sensors."""
    head = np.zeros((300, 3))
    head[:, 0] = np.radians(30) * ramp(300, 60)
    return made(replace(STILL, heading_deg=180.0), 5, np.zeros((300, 52)), head)


def test_a_head_turn_of_30_degrees_leaves_nothing_on_the_face(turned, sites):
    motion = calibrate_take(turned, sites)[1]
    assert degrees(motion.rotation[after(motion)]).max() < 0.1
    assert np.degrees(motion.head[-1]) == pytest.approx([30, 0, 0], abs=0.1)


def test_the_equations_as_printed_would_leave_tens_of_degrees(turned):
    """eq 2 left-multiplied, eq 3 with its indices: the mounting leaks in and the head does not cancel."""
    q = turned.rotation
    star = quat.multiply(quat.conjugate(q[200:201]), q)
    relative = quat.multiply(quat.conjugate(star[:, :1]), star[:, 1:])
    assert degrees(quat.to_rotvec(relative[-1])).mean() > 15


def test_what_is_computed_is_the_designs_formula(turned, sites):
    """A Q Qn^-1 A^-1 with Q = R_ref^-1 B equals H^T (*R_aux)^T Y *R Y^T H."""
    found, _ = calibrate_take(turned, sites)
    heading = quat.about_axis(1, found.heading)
    row, rest = -1, slice(60, 200)
    mended = quat.multiply(heading, turned.rotation)
    neutral = quat.mean(mended[rest])
    star = quat.multiply(mended[row], quat.conjugate(neutral))
    H = quat.multiply(found.at_rest, quat.conjugate(found.axes))
    printed = quat.multiply(quat.conjugate(H), quat.multiply(quat.multiply(quat.conjugate(star[:1]), star), H))
    ours = face_rotation(found, mended[row][None], mended[row, :1])
    assert np.allclose(quat.to_rotvec(printed)[found.face_indices], ours[0], atol=2e-3)


def test_an_expression_is_the_same_whatever_the_head_and_the_mountings_do(made, sites):
    weights = np.zeros((420, 52))
    weights[:, ARKIT.index("jawOpen")] = 0.8 * ramp(420, 60)
    weights[:, ARKIT.index("mouthSmileLeft")] = 0.7 * ramp(420, 60)
    head = np.radians([25, -15, 10]) * ramp(420, 240)[:, None]
    a = calibrate_take(made(STILL, 1, weights), sites)[1]
    b = calibrate_take(made(replace(STILL, heading_deg=180.0), 2, weights, head), sites)[1]
    assert degrees(a.rotation[-1]).max() > 8
    assert degrees(a.rotation[-1] - b.rotation[-1]).max() < 0.3


def test_the_spans_of_the_preamble_are_found(made, sites):
    for preset in ("clean", "studio", "rough"):
        for seed in (1, 2, 3):
            found, _ = calibrate_take(made(preset, seed), sites)
            a, b = (s + RELAX[0] for s in found.neutral_span)
            assert RELAX[0] <= a < b < RELAX[1] + 0.2 and b - a > 0.5, (preset, seed)
            c, d = (s + RELAX[0] for s in found.turn_span)
            assert abs(c - NOD[0]) < 0.8 and SHAKE[1] - 1.0 < d < SHAKE[1] + 1.5, (preset, seed)


def test_heading_offsets_and_head_axes_come_from_the_nod_and_shake(made, sites):
    signal = made(replace(STILL, heading_deg=180.0), 7, np.zeros((120, 52)))
    found, motion = calibrate_take(signal, sites)
    mended = quat.multiply(quat.about_axis(1, found.heading), signal.rotation)
    relative = quat.multiply(quat.conjugate(mended[:, :1]), mended)
    drift = quat.to_rotvec(quat.multiply(relative, quat.conjugate(relative[:1])))
    assert degrees(drift).max() < 0.1  # a relaxed face turns as one
    t = motion.time
    assert np.degrees(motion.head[(t > NOD[0]) & (t < NOD[0] + 0.9), 1]).max() > 15  # chin down is positive pitch
    assert np.degrees(motion.head[(t > SHAKE[0]) & (t < SHAKE[0] + 1.1), 0]).max() > 20  # to the left is positive yaw


def test_a_nod_that_begins_upwards_is_noticed_by_the_lever_arms(made, sites):
    """Played backwards nothing else changes: accelerations are the same, the order of the nod is not."""
    signal = made(replace(STILL, heading_deg=180.0), 3, np.zeros((120, 52)))
    back = replace(signal, rotation=signal.rotation[::-1].copy(), acceleration=signal.acceleration[::-1].copy())
    found, motion = calibrate_take(back, sites, turn=(2.0, 9.5), neutral=(10.5, 13.5))
    forward = calibrate_take(signal, sites)[0]
    assert any("front and back" in n for n in found.notes)
    assert np.abs(np.abs((found.axes * forward.axes).sum()) - 1) < 1e-3
    assert np.isfinite(motion.rotation).all()


def mirror(signal, sites):
    """The same performer in a mirror: x is turned about in the room and in every sensor, sides change names."""
    names = [sites.mirrored_site(s) for s in signal.sites]
    order = [names.index(s) for s in signal.sites]
    q, a = signal.rotation[:, order], signal.acceleration[:, order]
    return replace(signal, rotation=q * [1, 1, -1, -1], acceleration=a * [-1, 1, 1])


def test_a_mirrored_performer_gives_mirrored_motion(made, sites):
    signal = made(replace(STILL, heading_deg=180.0, sway_deg=5.0, sway_mm=5.0), 4)
    ear = sites.positions * np.where(np.arange(len(sites.sites)) == sites.sites.index("aux"), -1.0, 1.0)[:, None] ** [
        1,
        0,
        0,
    ]
    other = Layout("mirrored", sites.sites, ear, sites.reference)
    one, two = calibrate_take(signal, sites)[1], calibrate_take(mirror(signal, sites), other)[1]
    order = [one.sites.index(sites.mirrored_site(s)) for s in one.sites]
    assert np.abs(two.rotation - one.rotation[:, order] * [1, -1, -1]).max() < np.radians(0.2)
    assert np.abs(two.acceleration - one.acceleration[:, order] * [-1, 1, 1]).max() < 0.2
    assert np.abs(two.head - one.head * [-1, 1, -1]).max() < np.radians(0.2)


def test_lever_arms_of_a_nodding_head_are_taken_off_the_accelerations(made, sites):
    head = np.zeros((600, 3))
    head[:, 1] = np.radians(12) * np.sin(2 * np.pi * 1.5 * np.arange(600) / 60) * ramp(600, 60)
    signal = made(STILL, 2, np.zeros((600, 52)), head)
    found, motion = calibrate_take(signal, sites)
    late = motion.time > 3.0
    assert found.use_levers
    with_levers = np.sqrt((motion.acceleration[late] ** 2).mean())
    from innerface.core.imu.motion import apply_calibration
    from innerface.core.imu.signal import frame_times, resample

    plain = apply_calibration(replace(found, use_levers=False), resample(signal, frame_times(signal)))
    assert with_levers < 0.1 * np.sqrt((plain.acceleration[late] ** 2).mean())


@pytest.mark.parametrize(("a", "b"), [("zygomaticus_left", "zygomaticus_right"), ("buccinator_left", "frontalis_left")])
def test_two_swapped_sites_are_told_and_put_right(made, sites, a, b):
    signal = made("clean", 3)
    names = [b if s == a else a if s == b else s for s in signal.sites]
    found, motion = calibrate_take(replace(signal, sites=tuple(names)), sites)
    right = calibrate_take(signal, sites)[1]
    assert found.renamed == {a: b, b: a} and any("swapped" in n for n in found.notes)
    order = [motion.sites.index(s) for s in right.sites]
    assert np.abs(motion.rotation[:, order] - right.rotation).max() < 1e-6


def test_sites_in_their_places_are_never_called_swapped(made, sites):
    for preset in ("clean", "studio", "rough"):
        for seed in range(1, 6):
            assert not calibrate_take(made(preset, seed), sites)[0].renamed, (preset, seed)


def without(signal, site, when=slice(None)):
    signal = replace(signal, rotation=signal.rotation.copy(), acceleration=signal.acceleration.copy())
    signal.rotation[when, signal.sites.index(site)] = np.nan
    signal.acceleration[when, signal.sites.index(site)] = np.nan
    return signal


def error(motion, truth, sites=None):
    """Mean degrees between two motions at the sites of the first."""
    names = sites or motion.sites
    a = [motion.sites.index(s) for s in names]
    b = [truth.sites.index(s) for s in names]
    rows = np.searchsorted(truth.time, motion.time - 1e-2).clip(
        max=len(truth.time) - 1
    )  # jitter moves the first row a little
    return float(np.nanmean(degrees(motion.rotation[:, a] - truth.rotation[rows][:, b])))


def test_a_take_without_the_ear_sensor_goes_on_and_says_what_is_lost(made, sites):
    signal = made("studio", 2)
    truth = calibrate_take(made("clean", 2), sites)[1]
    whole = calibrate_take(signal, sites)[1]
    for broken in (without(signal, "aux"), select_sites(signal, list(range(1, 11)))):
        found, motion = calibrate_take(broken, sites)
        assert any("aux" in n and "upper face" in n for n in found.notes)
        assert len(motion.sites) == 10 and np.isfinite(motion.rotation).mean() > 0.99
        lower = ("mentalis_left", "mentalis_right", "buccinator_left")
        assert error(motion, truth, lower) < 2 * error(whole, truth, lower) + 0.5


def test_an_ear_sensor_that_dies_in_the_middle_changes_nothing_at_once(made, sites):
    signal = made("clean", 2)
    row = int(np.abs(signal.time - 8.0).argmin())
    broken = without(signal, "aux", slice(row, None))
    motion = calibrate_take(broken, sites)[1]
    k = int(np.abs(motion.time - 8.0).argmin())
    step = degrees(np.diff(motion.rotation[k - 3 : k + 30], axis=0))
    assert np.nanmax(step) < 4.0 and np.isfinite(motion.rotation[k + 30 :]).all()


def test_a_dead_face_site_is_left_out_and_the_rest_is_unchanged(made, sites):
    signal = made("studio", 3)
    found, motion = calibrate_take(without(signal, "oculi_left"), sites)
    assert "oculi_left" not in motion.sites and len(motion.sites) == 9
    assert any("oculi_left" in n for n in found.notes)
    whole = calibrate_take(signal, sites)[1]
    assert error(motion, whole) < 0.3


@pytest.mark.parametrize("rate", [30.0, 60.0, 200.0])
def test_any_input_rate_gives_the_same_motion(made, sites, rate):
    a = calibrate_take(made(replace(STILL, rate_hz=rate), 1), sites)[1]
    b = calibrate_take(made(STILL, 1), sites)[1]
    at = np.arange(0.5, 18.0, 0.05)

    def sampled(m):
        return np.stack([[np.interp(at, m.time, m.rotation[:, s, k]) for k in range(3)] for s in range(10)])

    assert np.degrees(np.abs(sampled(a) - sampled(b))).mean() < 0.3


def test_drifting_headings_are_followed(made, sites):
    effects = replace(STILL, heading_deg=180.0, heading_rate_dpm=12.0, sway_deg=6.0, glance_deg=15.0)
    from innerface.core.imu import drift

    signal, truth = made(effects, 3), calibrate_take(made(STILL, 3), sites)[1]
    mended = error(calibrate_take(signal, sites)[1], truth)
    was = drift.heading_measurements, drift.zero_measurements
    try:
        drift.heading_measurements = lambda *a: (was[0](*a)[0], np.full_like(was[0](*a)[1], np.inf))
        drift.zero_measurements = lambda v: (was[1](v)[0], np.full_like(was[1](v)[1], np.inf))
        plain = error(calibrate_take(signal, sites)[1], truth)
    finally:
        drift.heading_measurements, drift.zero_measurements = was
    assert mended < 0.85 * plain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: select_sites(s, [0]), "no face site"),
        (lambda s: replace(s, sites=tuple(f"spot{k}" for k in range(11))), "no face site"),
        (lambda s: replace(s, time=s.time[:20], rotation=s.rotation[:20], acceleration=s.acceleration[:20]), "only"),
        (
            lambda s: replace(s, time=s.time[:300], rotation=s.rotation[:300], acceleration=s.acceleration[:300]),
            "nod and shake",
        ),
        (lambda s: replace(s, rotation=np.full_like(s.rotation, np.nan)), "no site has a single"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_in_one_line(made, sites, change, words):
    with pytest.raises(InnerfaceError) as told:
        calibrate_take(change(made("clean", 1)), sites)
    assert words in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("neutral", "turn", "words"),
    [
        ((0.0, 999.0), None, "only"),
        ((3.0, 1.0), None, "after its start"),
        (None, (500.0, 505.0), "only"),
        (None, (4.0, 4.1), "turn span"),
        (None, (0.2, 3.5), "no nod"),
    ],
)
def test_spans_that_cannot_be_right_are_refused_in_one_line(made, sites, neutral, turn, words):
    with pytest.raises(InnerfaceError, match=words):
        calibrate_take(made("clean", 1), sites, neutral=neutral, turn=turn)


def test_a_restless_performer_has_no_neutral(made, sites):
    signal = made("clean", 1)
    rng = np.random.default_rng(0)
    shake = quat.from_rotvec(
        0.03 * np.sin(2 * np.pi * 1.5 * signal.time[:, None, None] + rng.uniform(0, 6, (1, 11, 3)))
    )
    with pytest.raises(InnerfaceError, match="still span"):
        calibrate_take(replace(signal, rotation=quat.multiply(signal.rotation, shake)), sites, turn=(4.0, 8.5))


def test_real_takes_are_calibrated_through_every_preset(data, sites):
    from innerface.core import formats
    from innerface.core.face.face_model import load_bundled
    from innerface.core.imu.simulation.effects import PRESETS

    head = load_bundled()
    for name in ("S07-001.csv", "MySlate_3_Jason_Millers_iPhone.csv"):
        track = formats.read_take(data / "arkit" / name).weights()
        for preset in PRESETS:
            take = simulate(track, head, sites, effects=PRESETS[preset], seed=2)
            found, motion = calibrate_take(from_track(take.tracks["imu"]), sites)
            assert not found.renamed and found.neutral_span[0] < 4 and np.isfinite(motion.rotation).mean() > 0.95


def test_the_made_up_performance_survives_studio_sensors(made, sites):
    truth, motion = calibrate_take(made("clean", 1), sites)[1], calibrate_take(made("studio", 1), sites)[1]
    assert error(motion, truth) < 0.7 * float(degrees(truth.rotation[truth.time > 0]).mean())


@pytest.mark.parametrize("start", [NOD[0] - 0.1, NOD[0] + 0.5, SHAKE[0]])
def test_samples_lost_within_the_nod_and_shake_cost_little(made, sites, start):
    signal = made("studio", 3)
    t = signal.time - signal.time[0] + RELAX[0]
    gone = (t > start) & (t < start + 0.4)
    hole = replace(signal, rotation=signal.rotation.copy(), acceleration=signal.acceleration.copy())
    hole.rotation[gone], hole.acceleration[gone] = np.nan, np.nan
    assert error(calibrate_take(hole, sites)[1], calibrate_take(signal, sites)[1]) < 1.0


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (lambda t: np.append(t[:-1], t[-1] + 1e12), "jumps"),
        (lambda t: t * 1e6, "in seconds"),
        (lambda t: t * 1000.0, "in seconds"),
    ],
)
def test_times_that_no_recording_has_are_refused_before_they_fill_the_memory(made, sites, times, words):
    signal = made("clean", 1)
    with pytest.raises(InnerfaceError, match=words):
        calibrate_take(replace(signal, time=times(signal.time)), sites)


def test_a_garbled_number_is_a_lost_sample(made, sites):
    signal = made("clean", 1)
    track = to_track(signal)
    track.values[700, 3], track.values[900, 40] = -1e300, 9e99
    again = from_track(track)
    assert np.isnan(again.rotation[700]).any() or np.isnan(again.acceleration[700]).any()
    assert error(calibrate_take(again, sites)[1], calibrate_take(signal, sites)[1]) < 0.05


def turn_end_where_the_performance_follows_at_once(signal):
    """Seconds from the end of the shake to that of the turn span, without the pause before the performance."""
    cut = SHAKE[1] + 0.1
    gesture, performance = signal.time < cut, signal.time > 4.0
    joined = replace(
        signal,
        time=np.concatenate([signal.time[gesture], signal.time[performance] - 4.0 + cut]),
        rotation=np.concatenate([signal.rotation[gesture], signal.rotation[performance]]),
        acceleration=np.concatenate([signal.acceleration[gesture], signal.acceleration[performance]]),
    )
    frames = resample(joined, frame_times(joined))
    return frames.time[0] + find_turn(frames.rotation)[1] - SHAKE[1]


def test_a_performance_that_follows_the_shake_at_once_is_not_taken_for_a_part_of_it(made):
    effects = Effects(sway_deg=3.0, heading_deg=180.0)
    late = [turn_end_where_the_performance_follows_at_once(made(effects, seed)) for seed in range(5)]
    assert -0.6 < np.median(late) < 0.9 and max(late) < 1.5
