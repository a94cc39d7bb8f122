from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GAZE_AND_BLINKS
from innerface.core.imu import adapter, linear_model
from innerface.core.imu.kinematics import Motion
from innerface.core.imu.model import estimate

SITES = adapter.layout_sites()
JAW, SMILE = ARKIT.index("jawOpen"), ARKIT.index("mouthSmileLeft")


def performed(seconds=60.0, seed=0):
    """A motion at random, what a model says of it, and the truth: twice the jaw, a smile that one site shows, a rest
    that nothing shows."""
    rng = np.random.default_rng(seed)
    rows = int(seconds * 60)

    def slow(columns):
        knots = rng.uniform(0, 1, (rows // 20 + 3, columns))
        at = np.arange(rows) / 20
        share = (at % 1)[:, None]
        return knots[at.astype(int)] * (1 - share) + knots[at.astype(int) + 1] * share

    turns = (slow(3 * len(SITES)) - 0.5).reshape(rows, -1, 3) * 0.2
    motion = Motion(
        np.arange(rows) / 60,
        SITES,
        turns,
        np.zeros_like(turns),
        np.zeros((rows, 3)),
        np.zeros(turns.shape[:2]),
        np.zeros_like(turns),
    )
    weights = np.zeros((rows, 52))
    weights[:, JAW] = slow(1)[:, 0] * 0.4
    truth = weights.copy()
    truth[:, JAW] *= 2
    truth[:, SMILE] = np.clip(0.3 + turns[:, 4, 0], 0, 1)
    return motion, weights, truth


def test_a_performers_gains_rest_and_habits_are_learned():
    motion, weights, truth = performed()
    found, said = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))
    assert said["after"] < 0.02 * said["before"]
    motion, weights, truth = performed(20.0, seed=5)
    assert np.abs(found.apply(motion, weights, SITES) - truth).max() < 0.06


def test_channels_that_gain_nothing_stay_as_the_model_has_them():
    motion, weights, truth = performed()
    rng = np.random.default_rng(1)
    tongue = ARKIT.index("tongueOut")
    weights[:, tongue] = 0.2
    truth[:, tongue] = 0.2 + rng.normal(0, 0.1, len(truth))  # noise that nothing tells
    found, _ = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))
    assert not found.coefficients[:, tongue].any() and found.coefficients[:, JAW].any()


def test_gaze_and_lids_never_listen_to_sites_that_do_not_show_them():
    motion, weights, truth = performed()
    gaze = ARKIT.index("eyeLookUpLeft")
    truth[:, gaze] = np.clip(0.3 + motion.rotation[:, 2, 0], 0, 1)  # by chance, in this minute
    found, _ = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))
    assert not found.coefficients[52:-1, gaze].any() and found.coefficients[52:-1, SMILE].any()


def test_frames_that_do_not_count_change_nothing():
    motion, weights, truth = performed()
    use = np.ones(len(weights), dtype=bool)
    use[1000:1300] = False
    spoiled = truth.copy()
    spoiled[1000:1300] = np.nan
    a, b = (
        adapter.fit(motion, weights, truth, use=use)[0],
        adapter.fit(motion, weights, spoiled, use=np.ones_like(use))[0],
    )
    assert np.allclose(a.coefficients, b.coefficients)


def test_beyond_what_was_shown_corrections_grow_no_further():
    motion, weights, truth = performed()
    found, _ = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))
    far = Motion(
        motion.time, SITES, motion.rotation * 50, motion.acceleration, motion.head, motion.heading, motion.zero
    )
    assert found.apply(far, weights, SITES)[:, SMILE].max() <= truth[:, SMILE].max() + 0.1


def test_missing_sites_and_lost_frames_correct_without_failing():
    motion, weights, truth = performed()
    found, _ = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))
    few = Motion(
        motion.time,
        SITES[:3],
        motion.rotation[:, :3],
        motion.acceleration[:, :3],
        motion.head,
        motion.heading[:, :3],
        motion.zero[:, :3],
    )
    few.rotation[5] = np.nan
    out = found.apply(few, weights, SITES)
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1


def test_too_short_a_capture_is_refused_with_what_to_do():
    motion, weights, truth = performed(3.0)
    with pytest.raises(InnerfaceError, match=r"only 3\.0 s.*a minute"):
        adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))


@pytest.fixture
def saved(tmp_path):
    motion, weights, truth = performed(20.0)
    found = adapter.fit(motion, weights, truth, use=np.ones(len(weights), dtype=bool))[0]
    made = adapter.Adapter(SITES, {"one": found, "two": found}, 20.0)
    made.save(tmp_path / "p.npz")
    return made, tmp_path / "p.npz"


def test_an_adapter_comes_back_from_its_file(saved):
    made, path = saved
    back = adapter.load(path)
    assert back.sites == SITES and list(back.corrections) == ["one", "two"] and back.seconds == 20.0
    for key, value in made.corrections.items():
        assert np.array_equal(back.corrections[key].coefficients, value.coefficients) and np.array_equal(
            back.corrections[key].limits, value.limits
        )


def test_an_adapter_of_another_model_is_refused(saved):
    with pytest.raises(InnerfaceError, match="another model"):
        adapter.load(saved[1]).check("three")


@pytest.mark.parametrize("corrected", [False, True])
def test_a_face_at_rest_is_the_one_that_the_camera_saw(saved, corrected, tmp_path):
    model, rest = linear_model.load(), np.linspace(0, 0.3, len(ARKIT))
    corrections = {model.id: saved[0].corrections["one"]} if corrected else {}
    made = adapter.Adapter(SITES if corrected else (), corrections, rest=rest)
    made.save(tmp_path / "r.npz")
    for known in (made,) if corrected else (made, adapter.load(tmp_path / "r.npz")):
        motion = adapter._still_motion(SITES)
        shown, gaze = known.apply(model, motion, estimate(model, motion)[0])[60:-60], np.isin(ARKIT, GAZE_AND_BLINKS)
        assert np.abs(shown - rest)[:, ~gaze].max() < 1e-9
        plain = replace(known, rest=None).apply(model, motion, estimate(model, motion)[0])[60:-60]
        assert np.array_equal(shown[:, gaze], plain[:, gaze]), "gaze and lids rest nowhere"


def test_the_relaxed_face_is_what_the_camera_saw_while_the_sensors_were_at_their_zero():
    motion, _, truth = performed()
    rest = np.linspace(0, 0.3, len(ARKIT))
    motion.rotation[600:700] *= 0.01
    truth[600:700] = rest
    use = np.ones(len(truth), dtype=bool)
    assert np.allclose(adapter.find_relaxed_face(motion, truth, use), rest)
    use[590:710] = False  # the camera did not see it
    assert adapter.find_relaxed_face(motion, truth, use) is None


def test_networks_are_not_told_a_relaxed_face_that_corrections_were_fitted_without(saved):
    rest, corrections = np.full(len(ARKIT), 0.1), saved[0].corrections
    assert adapter.Adapter(rest=rest).rest_input is rest
    assert adapter.Adapter(SITES, corrections, rest=rest).rest_input is None
    assert adapter.Adapter(SITES, corrections, rest=rest, fitted_with_rest=True).rest_input is rest


def test_a_relaxed_face_that_was_given_stays_where_another_is_recorded():
    given, recorded = np.full(len(ARKIT), 0.1), np.full(len(ARKIT), 0.2)
    assert adapter.with_rest(None, None) is None
    assert adapter.with_rest(adapter.Adapter(rest=given), recorded).rest is given
    assert adapter.with_rest(None, recorded).rest is recorded


@pytest.mark.parametrize("how", ["missing", "cut", "empty", "other", "nan", "shape"])
def test_a_spoiled_adapter_is_one_line(saved, how):
    _, path = saved
    data = dict(np.load(path))
    if how == "missing":
        path.unlink()
    elif how in ("cut", "empty"):
        path.write_bytes(path.read_bytes()[: 300 if how == "cut" else 0])
    else:
        if how == "other":
            data["kind"] = "innerface-linear 1"
        elif how == "nan":
            data["coefficients"][0, 0, 0] = np.nan
        else:
            data["limits"] = data["limits"][..., :4]
        np.savez_compressed(path, **data)
    with pytest.raises(InnerfaceError) as error:
        adapter.load(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
