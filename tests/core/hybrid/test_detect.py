from dataclasses import replace

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.hybrid import detect, detector, occlusion_features, occlusion_simulation
from innerface.core.hybrid.ranges import Occlusion, row_mask
from innerface.core.take import Track

MOUTH = [ARKIT.index(c) for c in GROUPS["mouth"]]


def damaged(track, start, end, damage, columns=MOUTH):
    values = track.values.copy()
    at = (track.time - track.time[0] >= start) & (track.time - track.time[0] <= end)
    values[np.ix_(at, columns)] = damage(values[np.ix_(at, columns)])
    return replace(track, values=values)


def test_an_untouched_take_is_trusted(camera):
    assert detect.detect(camera) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda v: np.repeat(v[:1], len(v), axis=0), "frozen"),
        (lambda v: np.clip(v + np.random.default_rng(0).normal(0, 0.06, v.shape), 0, 1), "jitters"),
        (lambda v: np.clip(0.3 * v + np.random.default_rng(0).normal(0, 0.02, v.shape), 0, 1), ""),
    ],
    ids=["frozen", "jittering", "weak and jittering"],
)
def test_damage_of_the_mouth_is_found_where_it_is_with_its_reason(camera, damage, reason):
    detected = detect.detect(damaged(camera, 12.0, 15.0, damage))
    assert [r.group for r in detected] == ["mouth"]
    assert (
        abs(detected[0].start - 12.0) <= 0.15 and abs(detected[0].end - 15.0) <= 0.15 and detected[0].confidence > 0.5
    )
    assert reason in detected[0].reason and detected[0].reason


def test_a_lost_face_is_a_range_of_every_group(camera):
    values = camera.values.copy()
    values[300:330] = np.nan
    detected = detect.detect(replace(camera, values=values))
    assert {r.group for r in detected} == set(GROUPS) and {r.reason for r in detected} == {"lost"}
    assert {(round(r.start, 3), round(r.end, 3)) for r in detected} == {(10.0, round(329 / 30, 3))}


def test_damage_that_only_a_helping_take_reveals_is_found_with_it(camera):
    far = np.roll(camera.values[:, MOUTH], 400, axis=0)
    wrong = damaged(camera, 20.0, 25.0, lambda v: far[600 : 600 + len(v)])
    helper = np.clip(camera.select(ARKIT) * 0.8 + 0.05, 0, 1)
    helped = [r for r in detect.detect(wrong, helper=helper, helper_name="other take") if r.group == "mouth"]
    hit = sum(min(r.end, 25.0) - max(r.start, 20.0) for r in helped)
    assert hit > 2.5 and any("other take" in r.reason for r in helped)


@pytest.mark.parametrize("shift", [0.0, 71234.5])
@pytest.mark.parametrize("thin", [1, 2])
def test_clock_offset_and_frame_rate_hardly_change_the_ranges(camera, shift, thin):
    occluded = occlusion_simulation.occlude(camera, ("microphone",), 0.2, rng=np.random.default_rng(2))
    fine = Track(
        "weights",
        np.arange(len(camera.time) * 2 - 1) / 60,
        camera.columns,
        np.zeros((len(camera.time) * 2 - 1, camera.values.shape[1])),
    )
    track = occluded.track
    if thin == 2:  # the same at 60 rows a second
        rng = np.random.default_rng(0)
        middle = (occluded.track.values[1:] + occluded.track.values[:-1]) / 2 + rng.normal(
            0, 0.0015, (len(camera.time) - 1, camera.values.shape[1])
        )
        fine.values[::2], fine.values[1::2] = occluded.track.values, np.clip(middle, 0, 1)
        track = fine
    detected = detect.detect(replace(track, time=track.time + shift))
    hidden = row_mask(occluded.ranges, track.time, "mouth")
    found = row_mask(detected, track.time, "mouth")
    assert (found & hidden).sum() > 0.85 * hidden.sum() and (found & ~hidden).sum() < 0.1 * hidden.sum()


def test_channels_that_a_tracker_never_delivers_are_not_frozen(camera):
    values = camera.values.copy()
    values[:, [ARKIT.index(c) for c in GROUPS["brow"]]] = 0.0
    assert detect.detect(replace(camera, values=values)) == []


def test_a_take_too_short_to_judge_is_left_alone(camera):
    assert detect.detect(Track("weights", camera.time[:20], camera.columns, camera.values[:20])) == []


def test_undamaged_real_takes_are_hardly_flagged(data):
    flagged = total = count = 0
    for path in sorted((data / "arkit").glob("*.csv")):
        track = formats.read_take(path).weights()
        detected = [r for r in detect.detect(track) if r.reason != "lost"]
        hidden = np.any([row_mask(detected, track.time, g) for g in GROUPS], axis=0)
        flagged, total, count = flagged + hidden.sum(), total + len(hidden), count + len(detected)
        assert len(detected) <= max(2 * track.duration / 60, 1), path.name
    assert flagged < 0.01 * total


def test_a_single_odd_row_never_makes_a_range():
    odds = np.full(200, -3.0)
    odds[50] = 4.0
    change = np.full(200, 8.0)
    assert not detect._viterbi(odds, change).any()
    odds[50:80] = 2.0
    assert np.flatnonzero(detect._viterbi(odds, change)).tolist() == list(range(50, 80))


def test_a_damaged_detector_is_refused_by_name(tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(detector.SHIPPED.read_bytes()[:-200])
    with pytest.raises(InnerfaceError, match=r"d\.npz"):
        detector.load(path)


def test_every_expanded_column_has_a_source():
    for names in (occlusion_features.FEATURES_ALONE, occlusion_features.FEATURES_HELPED):
        features = occlusion_features.OcclusionFeatures(names, np.random.default_rng(0).normal(size=(90, len(names))))
        assert detector.expand_features(features, 30.0).shape == (90, detector.expanded_width(names))


def test_ranges_that_nearly_touch_become_one():
    parts = [
        Occlusion(1.0, 2.0, "mouth", "jitters", 0.9),
        Occlusion(2.1, 2.3, "mouth", "frozen", 1.0),
        Occlusion(2.1, 2.3, "brow", "frozen", 1.0),
    ]
    assert {(r.start, r.end, r.group, r.reason) for r in detect._join_close(parts)} == {
        (1.0, 2.3, "mouth", "jitters"),
        (2.1, 2.3, "brow", "frozen"),
    }
