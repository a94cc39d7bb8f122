from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.hybrid import occlusion_simulation
from innerface.core.hybrid.infill import _PIECE_ROWS, Helper, infill, substitute
from innerface.core.hybrid.ranges import REASON_JITTER, Occlusion, sample_mask
from innerface.core.take import Track

CLOSE, JAW = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


def other(camera, gain=0.7, noise=0.01):
    rng = np.random.default_rng(8)
    values = np.clip(camera.select(ARKIT) * gain + 0.05 + rng.normal(0, noise, (len(camera.time), 52)), 0, 1)
    return Helper(values, np.zeros((len(camera.time), 0)), name="other take")


def error(track, truth, hidden):
    return float(((track.select(ARKIT) - truth.select(ARKIT))[hidden] ** 2).mean())


@pytest.mark.parametrize("name", ["microphone", "hand", "hair", "drop-out", "profile turn"])
def test_a_helping_take_mends_better_than_itself_and_far_better_than_nothing(camera, name):
    hurt = occlusion_simulation.occlude(camera, (name,), 0.2, np.random.default_rng(3))
    hidden = sample_mask(hurt.ranges, camera.time)
    helper = other(camera)
    done = infill(hurt.track, hurt.ranges, helper)
    mean = replace(
        camera, values=np.where(hidden, camera.select(ARKIT).mean(axis=0), camera.select(ARKIT)), columns=ARKIT
    )
    assert error(done.track, camera, hidden) < 0.5 * error(
        substitute(hurt.track, hurt.ranges, helper).track, camera, hidden
    )
    assert error(done.track, camera, hidden) < 0.2 * error(mean, camera, hidden)
    assert np.array_equal(done.changed, hidden)


@pytest.mark.parametrize("helped", [True, False])
def test_trusted_samples_are_never_altered_and_no_seam_steps(camera, helped):
    hurt = occlusion_simulation.occlude(camera, ("hand", "hair", "drop-out"), 0.3, np.random.default_rng(4))
    hidden = sample_mask(hurt.ranges, camera.time)
    done = infill(hurt.track, hurt.ranges, other(camera) if helped else None)
    values = done.track.select(ARKIT)
    assert np.array_equal(values[~hidden], hurt.track.select(ARKIT)[~hidden]) and np.isfinite(values).all()
    others = [k for k, c in enumerate(camera.columns) if c not in ARKIT]
    there = ~hurt.track.lost_rows()
    assert np.array_equal(done.track.values[there][:, others], hurt.track.values[there][:, others]), (
        "head and eye angles stay"
    )
    step = np.abs(np.diff(values, axis=0))
    edge = hidden[1:] != hidden[:-1]
    assert step[edge].max() <= np.percentile(np.abs(np.diff(camera.select(ARKIT), axis=0)), 99.9) + 1e-9


def test_without_any_helper_the_other_eye_and_the_edges_beat_interpolation(camera):
    hurt = occlusion_simulation.occlude(camera, ("profile turn",), 0.25, np.random.default_rng(5))
    hidden = sample_mask(hurt.ranges, camera.time)
    seen = np.where(hidden, np.nan, hurt.track.select(ARKIT))
    lines = np.stack([np.interp(camera.time, camera.time[np.isfinite(v)], v[np.isfinite(v)]) for v in seen.T], axis=1)
    done = infill(hurt.track, hurt.ranges)
    assert error(done.track, camera, hidden) < 0.7 * error(replace(camera, values=lines, columns=ARKIT), camera, hidden)
    assert set(done.source.values()) <= {"rest of the face", "edges"}


def test_closed_lips_stay_possible_inside_and_untouched_outside(camera):
    ranges = [Occlusion(5.0, 8.0, "mouth"), Occlusion(20.0, 21.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    wrong = other(camera)
    wrong.weights[:, CLOSE] = np.clip(wrong.weights[:, CLOSE] + 0.5, 0, 1)
    values = infill(camera, ranges, wrong).track.select(ARKIT)
    seen = (camera.select(ARKIT)[:, CLOSE] - camera.select(ARKIT)[:, JAW])[~hidden[:, JAW]]
    inside = (values[:, CLOSE] - values[:, JAW])[hidden[:, JAW]]
    assert inside.max() <= seen.max() + 0.02 and values[hidden].min() >= 0


def test_a_channel_that_nothing_shows_is_interpolated_from_the_edges_and_not_invented(camera):
    values = camera.values.copy()
    gaze = camera.columns.index("eyeLookUpLeft")
    values[:, gaze] = 0.3 + 0.2 * np.sin(camera.time / 4)  # of its own
    track = replace(camera, values=values)
    blind = Helper(np.zeros((len(camera.time), 52)), np.zeros((len(camera.time), 0)))
    done = infill(track, [Occlusion(10.0, 11.0, "eye_left")], blind)
    at = (camera.time >= 10.0) & (camera.time <= 11.0)
    assert np.abs(done.track.values[at, gaze] - values[at, gaze]).max() < 0.05


def test_undetected_damage_elsewhere_spoils_little(camera):
    ranges = [Occlusion(15.0, 18.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    spoilt = camera.values.copy()
    mouth = [camera.columns.index(c) for c in GROUPS["mouth"]]
    spoilt[np.ix_(range(800, 900), mouth)] = 0.9
    clean = error(infill(camera, ranges, other(camera)).track, camera, hidden)
    assert error(infill(replace(camera, values=spoilt), ranges, other(camera)).track, camera, hidden) < 3 * clean + 1e-4


def test_a_few_trusted_rows_give_a_gain_and_an_offset(camera):
    part = Track("weights", camera.time[:240], camera.columns, camera.values[:240])
    helper = Helper(np.clip(part.select(ARKIT) + 0.15, 0, 1), np.zeros((240, 0)), name="other take")  # rests otherwise
    ranges = [Occlusion(2.0, 7.9, "mouth")]
    hidden = sample_mask(ranges, part.time)
    done = infill(part, ranges, helper)
    assert error(done.track, part, hidden) < 0.3 * error(substitute(part, ranges, helper).track, part, hidden)


def test_a_group_without_a_trusted_row_is_refused_by_name(camera):
    with pytest.raises(InnerfaceError, match="camera's mouth"):
        infill(camera, [Occlusion(0.0, 50.0, "mouth")], other(camera))


def test_a_helper_that_covers_a_part_helps_there_and_the_face_does_the_rest(camera):
    helper = other(camera)
    helper.weights[600:] = np.nan
    ranges = [Occlusion(18.0, 22.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    values = infill(camera, ranges, helper).track.select(ARKIT)
    early, late = hidden.copy(), hidden.copy()
    early[600:], late[:600] = False, False
    truth = camera.select(ARKIT)
    assert (
        np.isfinite(values).all()
        and ((values - truth)[early] ** 2).mean() < 0.5 * ((values - truth)[late] ** 2).mean() + 1e-4
    )


@pytest.mark.parametrize("helped", [True, False])
def test_a_face_that_trembles_as_a_whole_is_steadied_rather_than_replaced(camera, helped):
    rng = np.random.default_rng(2)
    ranges = [Occlusion(12.0, 15.0, g, REASON_JITTER, 0.9) for g in GROUPS]
    hidden = sample_mask(ranges, camera.time)
    values = camera.values.copy()
    columns = [camera.columns.index(c) for c in ARKIT]
    values[:, columns] += np.where(hidden, rng.normal(0, 0.05, hidden.shape), 0.0)
    shaken = replace(camera, values=values)
    helper = other(camera, noise=0.05) if helped else None
    steadied = error(infill(shaken, ranges, helper).track, camera, hidden)
    replaced = error(infill(shaken, [replace(r, reason="given") for r in ranges], helper).track, camera, hidden)
    assert steadied < 0.7 * error(shaken, camera, hidden) and steadied < 0.8 * replaced


def test_nothing_steps_inside_a_range_where_another_group_is_hidden_besides(camera):
    ranges = [Occlusion(10.0, 16.0, "mouth"), Occlusion(12.0, 13.0, "brow"), Occlusion(14.0, 15.0, "cheek")]
    helper = other(camera)
    helper.weights[camera.time > 15.2] = np.nan  # and the helping take ends
    inside = (camera.time >= 10.0) & (camera.time <= 16.0)
    for helping in (helper, None):
        values = infill(camera, ranges, helping).track.select(ARKIT)
        mouth = [ARKIT.index(c) for c in GROUPS["mouth"]]
        step = np.abs(np.diff(values[inside][:, mouth], axis=0)).max()
        assert step <= np.abs(np.diff(camera.select(ARKIT)[:, mouth], axis=0)).max() + 0.02


def test_minutes_of_bad_light_are_steadied_in_pieces_that_meet(camera):
    long = Track("weights", np.arange(3 * len(camera.time)) / 30, camera.columns, np.tile(camera.values, (3, 1)))
    rng = np.random.default_rng(0)
    ranges = [Occlusion(20.0, 100.0, g, REASON_JITTER, 0.9) for g in GROUPS]
    hidden = sample_mask(ranges, long.time)
    columns = [long.columns.index(c) for c in ARKIT]
    values = long.values.copy()
    values[:, columns] += np.where(hidden, rng.normal(0, 0.04, hidden.shape), 0.0)
    done = infill(replace(long, values=values), ranges)
    assert error(done.track, long, hidden) < 0.7 * 0.04**2
    step = np.abs(np.diff(done.track.select(ARKIT), axis=0))
    first = int(20.0 * 30)
    seams = [first + k * _PIECE_ROWS - 1 for k in range(1, 16)]
    assert step[seams].max() <= np.percentile(step[first : first + 2400], 99.99) + 1e-9
