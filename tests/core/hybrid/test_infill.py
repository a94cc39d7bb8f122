from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.hybrid import occlusion_simulation
from innerface.core.hybrid.edge_blending import _PIECE_ROWS
from innerface.core.hybrid.helper import Helper
from innerface.core.hybrid.infill import infill, substitute
from innerface.core.hybrid.ranges import REASON_JITTER, Occlusion, sample_mask
from innerface.core.take import Track

CLOSE, JAW = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


def second_take(camera, gain=0.7, noise=0.01):
    rng = np.random.default_rng(8)
    values = np.clip(camera.select(ARKIT) * gain + 0.05 + rng.normal(0, noise, (len(camera.time), 52)), 0, 1)
    return Helper(values, np.zeros((len(camera.time), 0)), name="other take")


def error(track, truth, hidden):
    return float(((track.select(ARKIT) - truth.select(ARKIT))[hidden] ** 2).mean())


@pytest.mark.parametrize("name", ["microphone", "hand", "hair", "drop-out", "profile turn"])
def test_a_helping_take_repairs_better_than_plain_substitution_and_far_better_than_the_mean(camera, name):
    occluded = occlusion_simulation.occlude(camera, (name,), 0.2, rng=np.random.default_rng(3))
    hidden = sample_mask(occluded.ranges, camera.time)
    helper = second_take(camera)
    result = infill(occluded.track, occluded.ranges, helper=helper)
    mean = replace(
        camera, values=np.where(hidden, camera.select(ARKIT).mean(axis=0), camera.select(ARKIT)), columns=ARKIT
    )
    assert error(result.track, camera, hidden) < 0.5 * error(
        substitute(occluded.track, occluded.ranges, helper).track, camera, hidden
    )
    assert error(result.track, camera, hidden) < 0.2 * error(mean, camera, hidden)
    assert np.array_equal(result.changed, hidden)


@pytest.mark.parametrize("helped", [True, False])
def test_trusted_samples_never_change_and_edges_do_not_step(camera, helped):
    occluded = occlusion_simulation.occlude(camera, ("hand", "hair", "drop-out"), 0.3, rng=np.random.default_rng(4))
    hidden = sample_mask(occluded.ranges, camera.time)
    result = infill(occluded.track, occluded.ranges, helper=second_take(camera) if helped else None)
    values = result.track.select(ARKIT)
    assert np.array_equal(values[~hidden], occluded.track.select(ARKIT)[~hidden]) and np.isfinite(values).all()
    others = [k for k, c in enumerate(camera.columns) if c not in ARKIT]
    present = ~occluded.track.lost_rows()
    assert np.array_equal(result.track.values[present][:, others], occluded.track.values[present][:, others]), (
        "head and eye angles must not change"
    )
    step = np.abs(np.diff(values, axis=0))
    edge = hidden[1:] != hidden[:-1]
    assert step[edge].max() <= np.percentile(np.abs(np.diff(camera.select(ARKIT), axis=0)), 99.9) + 1e-9


def test_without_a_helper_the_rest_of_the_face_beats_interpolation(camera):
    occluded = occlusion_simulation.occlude(camera, ("profile turn",), 0.25, rng=np.random.default_rng(5))
    hidden = sample_mask(occluded.ranges, camera.time)
    visible = np.where(hidden, np.nan, occluded.track.select(ARKIT))
    lines = np.stack(
        [np.interp(camera.time, camera.time[np.isfinite(v)], v[np.isfinite(v)]) for v in visible.T], axis=1
    )
    result = infill(occluded.track, occluded.ranges)
    assert error(result.track, camera, hidden) < 0.7 * error(
        replace(camera, values=lines, columns=ARKIT), camera, hidden
    )
    assert set(result.source.values()) <= {"rest of the face", "edges"}


def test_closed_lips_stay_plausible_inside_the_ranges(camera):
    ranges = [Occlusion(5.0, 8.0, "mouth"), Occlusion(20.0, 21.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    wrong = second_take(camera)
    wrong.weights[:, CLOSE] = np.clip(wrong.weights[:, CLOSE] + 0.5, 0, 1)
    values = infill(camera, ranges, helper=wrong).track.select(ARKIT)
    visible = (camera.select(ARKIT)[:, CLOSE] - camera.select(ARKIT)[:, JAW])[~hidden[:, JAW]]
    inside = (values[:, CLOSE] - values[:, JAW])[hidden[:, JAW]]
    assert inside.max() <= visible.max() + 0.02 and values[hidden].min() >= 0


def test_an_unpredictable_channel_is_interpolated_from_the_edges(camera):
    values = camera.values.copy()
    gaze = camera.columns.index("eyeLookUpLeft")
    values[:, gaze] = 0.3 + 0.2 * np.sin(camera.time / 4)  # of its own
    track = replace(camera, values=values)
    blind = Helper(np.zeros((len(camera.time), 52)), np.zeros((len(camera.time), 0)))
    result = infill(track, [Occlusion(10.0, 11.0, "eye_left")], helper=blind)
    at = (camera.time >= 10.0) & (camera.time <= 11.0)
    assert np.abs(result.track.values[at, gaze] - values[at, gaze]).max() < 0.05


def test_undetected_damage_elsewhere_does_little_harm(camera):
    ranges = [Occlusion(15.0, 18.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    damaged = camera.values.copy()
    mouth = [camera.columns.index(c) for c in GROUPS["mouth"]]
    damaged[np.ix_(range(800, 900), mouth)] = 0.9
    clean = error(infill(camera, ranges, helper=second_take(camera)).track, camera, hidden)
    assert (
        error(infill(replace(camera, values=damaged), ranges, helper=second_take(camera)).track, camera, hidden)
        < 3 * clean + 1e-4
    )


def test_a_few_trusted_rows_give_a_gain_and_an_offset(camera):
    part = Track("weights", camera.time[:240], camera.columns, camera.values[:240])
    helper = Helper(np.clip(part.select(ARKIT) + 0.15, 0, 1), np.zeros((240, 0)), name="other take")  # rests otherwise
    ranges = [Occlusion(2.0, 7.9, "mouth")]
    hidden = sample_mask(ranges, part.time)
    result = infill(part, ranges, helper=helper)
    assert error(result.track, part, hidden) < 0.3 * error(substitute(part, ranges, helper).track, part, hidden)


def test_a_group_without_a_trusted_row_is_an_error_that_names_it(camera):
    with pytest.raises(InnerfaceError, match="camera's mouth"):
        infill(camera, [Occlusion(0.0, 50.0, "mouth")], helper=second_take(camera))


def test_a_helper_that_covers_a_part_of_a_range_helps_there(camera):
    helper = second_take(camera)
    helper.weights[600:] = np.nan
    ranges = [Occlusion(18.0, 22.0, "mouth")]
    hidden = sample_mask(ranges, camera.time)
    values = infill(camera, ranges, helper=helper).track.select(ARKIT)
    early, late = hidden.copy(), hidden.copy()
    early[600:], late[:600] = False, False
    truth = camera.select(ARKIT)
    assert (
        np.isfinite(values).all()
        and ((values - truth)[early] ** 2).mean() < 0.5 * ((values - truth)[late] ** 2).mean() + 1e-4
    )


@pytest.mark.parametrize("helped", [True, False])
def test_a_face_that_jitters_as_a_whole_is_smoothed_rather_than_replaced(camera, helped):
    rng = np.random.default_rng(2)
    ranges = [Occlusion(12.0, 15.0, g, REASON_JITTER, 0.9) for g in GROUPS]
    hidden = sample_mask(ranges, camera.time)
    values = camera.values.copy()
    columns = [camera.columns.index(c) for c in ARKIT]
    values[:, columns] += np.where(hidden, rng.normal(0, 0.05, hidden.shape), 0.0)
    jittering = replace(camera, values=values)
    helper = second_take(camera, noise=0.05) if helped else None
    smoothed = error(infill(jittering, ranges, helper=helper).track, camera, hidden)
    replaced = error(
        infill(jittering, [replace(r, reason="given") for r in ranges], helper=helper).track, camera, hidden
    )
    assert smoothed < 0.7 * error(jittering, camera, hidden) and smoothed < 0.8 * replaced


def test_nothing_steps_inside_a_range_where_another_group_becomes_hidden(camera):
    ranges = [Occlusion(10.0, 16.0, "mouth"), Occlusion(12.0, 13.0, "brow"), Occlusion(14.0, 15.0, "cheek")]
    helper = second_take(camera)
    helper.weights[camera.time > 15.2] = np.nan  # and the helping take ends
    inside = (camera.time >= 10.0) & (camera.time <= 16.0)
    for helping in (helper, None):
        values = infill(camera, ranges, helper=helping).track.select(ARKIT)
        mouth = [ARKIT.index(c) for c in GROUPS["mouth"]]
        step = np.abs(np.diff(values[inside][:, mouth], axis=0)).max()
        assert step <= np.abs(np.diff(camera.select(ARKIT)[:, mouth], axis=0)).max() + 0.02


def test_minutes_of_bad_light_are_smoothed_in_pieces_without_seams(camera):
    long = Track("weights", np.arange(3 * len(camera.time)) / 30, camera.columns, np.tile(camera.values, (3, 1)))
    rng = np.random.default_rng(0)
    ranges = [Occlusion(20.0, 100.0, g, REASON_JITTER, 0.9) for g in GROUPS]
    hidden = sample_mask(ranges, long.time)
    columns = [long.columns.index(c) for c in ARKIT]
    values = long.values.copy()
    values[:, columns] += np.where(hidden, rng.normal(0, 0.04, hidden.shape), 0.0)
    result = infill(replace(long, values=values), ranges)
    assert error(result.track, long, hidden) < 0.7 * 0.04**2
    step = np.abs(np.diff(result.track.select(ARKIT), axis=0))
    first = int(20.0 * 30)
    seams = [first + k * _PIECE_ROWS - 1 for k in range(1, 16)]
    assert step[seams].max() <= np.percentile(step[first : first + 2400], 99.99) + 1e-9
