from dataclasses import replace

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.hybrid import detect, occlusion_features, occlusion_simulation
from innerface.core.hybrid.ranges import Occlusion, row_mask
from innerface.core.take import Track

MOUTH = [ARKIT.index(c) for c in GROUPS["mouth"]]


def changed(track, start, end, what, columns=MOUTH):
    values = track.values.copy()
    at = (track.time - track.time[0] >= start) & (track.time - track.time[0] <= end)
    values[np.ix_(at, columns)] = what(values[np.ix_(at, columns)])
    return replace(track, values=values)


def test_an_untouched_take_is_trusted(camera):
    assert detect.detect(camera) == []


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda v: np.repeat(v[:1], len(v), axis=0), "frozen"),
        (lambda v: np.clip(v + np.random.default_rng(0).normal(0, 0.06, v.shape), 0, 1), "trembles"),
        (lambda v: np.clip(0.3 * v + np.random.default_rng(0).normal(0, 0.02, v.shape), 0, 1), ""),
    ],
    ids=["frozen", "trembling", "weak and trembling"],
)
def test_damage_of_the_mouth_is_found_where_it_is_with_its_reason(camera, what, reason):
    said = detect.detect(changed(camera, 12.0, 15.0, what))
    assert [r.group for r in said] == ["mouth"]
    assert abs(said[0].start - 12.0) <= 0.15 and abs(said[0].end - 15.0) <= 0.15 and said[0].confidence > 0.5
    assert reason in said[0].reason and said[0].reason


def test_a_lost_face_is_a_range_of_every_group(camera):
    values = camera.values.copy()
    values[300:330] = np.nan
    said = detect.detect(replace(camera, values=values))
    assert {r.group for r in said} == set(GROUPS) and {r.reason for r in said} == {"lost"}
    assert {(round(r.start, 3), round(r.end, 3)) for r in said} == {(10.0, round(329 / 30, 3))}


def test_what_only_a_helping_take_can_know_is_found_with_it(camera):
    far = np.roll(camera.values[:, MOUTH], 400, axis=0)
    wrong = changed(camera, 20.0, 25.0, lambda v: far[600 : 600 + len(v)])
    helper = np.clip(camera.select(ARKIT) * 0.8 + 0.05, 0, 1)
    with_help = [r for r in detect.detect(wrong, helper, helper_name="other take") if r.group == "mouth"]
    hit = sum(min(r.end, 25.0) - max(r.start, 20.0) for r in with_help)
    assert hit > 2.5 and any("other take" in r.reason for r in with_help)


@pytest.mark.parametrize("shift", [0.0, 71234.5])
@pytest.mark.parametrize("thin", [1, 2])
def test_clocks_and_rates_change_nothing_that_matters(camera, shift, thin):
    hurt = occlusion_simulation.occlude(camera, ("microphone",), 0.2, np.random.default_rng(2))
    fine = Track(
        "weights",
        np.arange(len(camera.time) * 2 - 1) / 60,
        camera.columns,
        np.zeros((len(camera.time) * 2 - 1, camera.values.shape[1])),
    )
    track = hurt.track
    if thin == 2:  # the same at 60 rows a second
        rng = np.random.default_rng(0)
        middle = (hurt.track.values[1:] + hurt.track.values[:-1]) / 2 + rng.normal(
            0, 0.0015, (len(camera.time) - 1, camera.values.shape[1])
        )
        fine.values[::2], fine.values[1::2] = hurt.track.values, np.clip(middle, 0, 1)
        track = fine
    said = detect.detect(replace(track, time=track.time + shift))
    bad = row_mask(hurt.ranges, track.time, "mouth")
    found = row_mask(said, track.time, "mouth")
    assert (found & bad).sum() > 0.85 * bad.sum() and (found & ~bad).sum() < 0.1 * bad.sum()


def test_channels_that_a_tracker_never_delivers_are_not_frozen(camera):
    values = camera.values.copy()
    values[:, [ARKIT.index(c) for c in GROUPS["brow"]]] = 0.0
    assert detect.detect(replace(camera, values=values)) == []


def test_a_take_too_short_to_judge_is_left_alone(camera):
    assert detect.detect(Track("weights", camera.time[:20], camera.columns, camera.values[:20])) == []


def test_real_takes_that_nobody_touched_are_hardly_flagged(data):
    flagged = total = count = 0
    for path in sorted((data / "arkit").glob("*.csv")):
        track = formats.read_take(path).weights()
        said = [r for r in detect.detect(track) if r.reason != "lost"]
        bad = np.any([row_mask(said, track.time, g) for g in GROUPS], axis=0)
        flagged, total, count = flagged + bad.sum(), total + len(bad), count + len(said)
        assert len(said) <= max(2 * track.duration / 60, 1), path.name
    assert flagged < 0.01 * total


def test_half_a_percent_of_evidence_more_or_less_never_makes_a_range_of_one_row():
    odds = np.full(200, -3.0)
    odds[50] = 4.0
    change = np.full(200, 8.0)
    assert not detect._viterbi(odds, change).any()
    odds[50:80] = 2.0
    assert np.flatnonzero(detect._viterbi(odds, change)).tolist() == list(range(50, 80))


def test_a_damaged_detector_is_refused_by_name(tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(detect.SHIPPED.read_bytes()[:-200])
    with pytest.raises(InnerfaceError, match=r"d\.npz"):
        detect.load(path)


def test_expanded_evidence_names_its_sources():
    for names in (occlusion_features.FEATURES_ALONE, occlusion_features.FEATURES_HELPED):
        found = occlusion_features.OcclusionFeatures(names, np.random.default_rng(0).normal(size=(90, len(names))))
        assert detect.expand_features(found, 30.0).shape == (90, detect.expanded_width(names))


def test_ranges_that_nearly_touch_become_one():
    parts = [
        Occlusion(1.0, 2.0, "mouth", "trembles", 0.9),
        Occlusion(2.1, 2.3, "mouth", "frozen", 1.0),
        Occlusion(2.1, 2.3, "brow", "frozen", 1.0),
    ]
    assert {(r.start, r.end, r.group, r.reason) for r in detect._join_close(parts)} == {
        (1.0, 2.3, "mouth", "trembles"),
        (2.1, 2.3, "brow", "frozen"),
    }
