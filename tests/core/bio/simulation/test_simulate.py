"""Simulated electrodes: seeded, on the performance's clock, with what the sources say in them."""

from dataclasses import replace

import numpy as np
import pytest
from innerface.core.bio import features, filters, quality, segments
from innerface.core.bio.signal import bio_track, to_uniform_rate
from innerface.core.bio.simulation import muscles, simulate
from innerface.core.bio.simulation.effects import PRESETS
from innerface.core.bio.simulation.performer import ELECTRODES_MM, draw_performer
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.landmarks.camera import gaze
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.take import Track
from scipy.signal import find_peaks

TRACK = pose_sequence(60, 1)
CLEAN, STUDIO = PRESETS["clean"], PRESETS["studio"]


def signal_of(track=TRACK, effects=STUDIO, seed=1, **more):
    return to_uniform_rate(bio_track(simulate.simulate(track, effects, seed, **more)))


def test_the_same_seed_gives_the_same_take_and_another_another():
    a, b, c = (simulate.simulate(TRACK, STUDIO, seed).tracks["biosignal"].values for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1


def test_rows_lie_on_the_performances_clock_with_gestures_before_it():
    later = Track(TRACK.kind, TRACK.time + 40_000, TRACK.columns, TRACK.values)
    bio = simulate.simulate(later, STUDIO, 1).tracks["biosignal"]
    assert bio.time[0] == pytest.approx(40_000 - simulate.LEAD_IN_S)
    assert bio.time[-1] == pytest.approx(later.time[-1], abs=0.01)
    assert bio.rate == pytest.approx(1000, rel=1e-6)
    assert bio.meta["simulated"] == "yes"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_passes_for_electrodes_on_skin(preset):
    effects = PRESETS[preset]
    signal = signal_of(effects=effects)
    assert signal.rate == effects.rate_hz
    if preset != "clean":
        assert all(e.fault == "" for e in quality.assess_electrodes(signal))
        assert filters.detect_mains(signal.values, signal.rate) == 50.0


@pytest.mark.parametrize("seed", range(5))
def test_strong_hum_is_not_taken_for_an_electrode_off_the_skin(seed):
    short = Track(TRACK.kind, TRACK.time[:900], TRACK.columns, TRACK.values[:900])
    assert all(e.fault == "" for e in quality.assess_electrodes(signal_of(short, PRESETS["rough"], seed)))


def test_a_smile_is_louder_before_the_ear_than_a_calm_face_and_leads_the_motion():
    w = np.zeros((600, 52))
    w[300:420, [ARKIT.index("mouthSmileLeft"), ARKIT.index("mouthSmileRight")]] = 0.8
    signal = signal_of(Track("weights", np.arange(600) / 30, ARKIT, w))
    emg, _ = features.extract_features(signal.values, signal.rate, 50)
    clock = signal.start + np.arange(len(emg)) / features.FEATURE_HZ
    front = emg[:, len(features.emg_bands(450)) : 2 * len(features.emg_bands(450))].mean(axis=1)
    calm, smile = front[(clock > 2) & (clock < 9)], front[(clock > 10.5) & (clock < 13.5)]
    assert np.median(smile) > np.quantile(calm, 0.99)


def test_the_other_ear_records_the_other_side():
    w = np.zeros((300, 52))
    w[:, ARKIT.index("mouthSmileLeft")] = 0.8
    track = Track("weights", np.arange(300) / 30, ARKIT, w)
    loud = {
        ear: np.std(filters.zero_phase(filters.emg_sos(1000), signal_of(track, ear=ear).values)[7000:, 1])
        for ear in ("left", "right")
    }
    assert loud["left"] > 1.5 * loud["right"]


def test_glances_show_in_the_slow_band():
    """earEOG (Sci Rep 2025): horizontal pursuit r = 0.81, vertical 0.28 at the ear."""
    across, up = [], []
    for seed in range(3):
        track = pose_sequence(240, seed)
        signal = signal_of(track, seed=seed)
        _, eog = features.extract_features(signal.values, signal.rate, 50)
        last = segments.last_feature(track.time, signal.start)
        x = segments.gather_segments(eog, last).reshape(len(last), -1)
        x = x - x.mean(axis=0)
        yaw, pitch = (a.mean(axis=1) for a in gaze(track.values))
        learn = track.time < 180
        a = x[learn]
        for out, angle in ((across, yaw), (up, pitch)):
            mix = np.linalg.solve(a.T @ a + 30 * np.eye(a.shape[1]), a.T @ (angle - angle.mean())[learn])
            out.append(np.corrcoef(x[~learn] @ mix, angle[~learn])[0, 1])
    assert 0.4 < np.mean(across) < 0.95
    assert np.mean(up) < np.mean(across) - 0.15


def test_electrodes_stuck_on_again_hear_the_same_face_otherwise():
    a, b = (draw_performer(STUDIO, 3, mount=mount) for mount in (0, 1))
    assert np.abs(np.log(np.abs(b.lead[:5].max(axis=0)) / np.abs(a.lead[:5].max(axis=0)))).max() > 0.02
    np.testing.assert_array_equal(a.recruitment, b.recruitment)


def test_every_muscle_is_on_its_side_and_every_moving_channel_has_one():
    half = len(muscles.MUSCLES)
    assert (muscles.POSITIONS_MM[:half, 0] > 0).all() and (muscles.POSITIONS_MM[half:, 0] < 0).all()
    called = muscles.recruitment().sum(axis=1) > 0
    idle = {c for c, on in zip(ARKIT, called) if not on}
    assert all(c.startswith(("eyeLook", "eyeWide", "tongueOut")) for c in idle)


def test_a_take_without_a_face_is_refused():
    with pytest.raises(InnerfaceError, match="weights take"):
        simulate.simulate(Track("weights", np.arange(5.0), ("foo",), np.zeros((5, 1))), CLEAN)


def test_a_heart_beats_sixty_to_ninety_times_a_minute_with_r_waves_of_height_one():
    for seed in range(5):
        wave = simulate._heartbeats(60_000, rate=1000.0, rng=np.random.default_rng(seed))
        beats = find_peaks(wave, height=0.7)[0]
        assert 58 <= len(beats) <= 92 and abs(wave[beats].max() - 1.0) < 0.05
        assert np.diff(beats).min() / 1000 > 0.5 and np.diff(beats).max() / 1000 < 1.3


def test_knocks_ring_for_less_than_two_seconds_and_reach_both_electrodes():
    still = Track("weights", np.arange(900) / 30, ARKIT, np.zeros((900, 52)))
    quiet = signal_of(still, CLEAN).values
    knocked = signal_of(still, replace(CLEAN, knocks_per_min=4.0)).values
    assert np.abs(knocked - quiet).max(axis=0).min() > 15.0
    assert (np.abs(knocked - quiet).max(axis=1) > 1.0).mean() < 0.3


def test_weak_electrodes_hear_far_muscles_less_than_studio_ones():
    lead = {p: np.mean([np.abs(draw_performer(PRESETS[p], k).lead) for k in range(20)], axis=0) for p in PRESETS}
    far = np.linalg.norm(muscles.POSITIONS_MM - ELECTRODES_MM["front"], axis=1) > 70
    assert (lead["weak"][far].max(axis=1) < 0.25 * lead["studio"][far].max(axis=1)).all()
