"""The fit is close to the truth, within bounds, the same live as offline, and better than static faces."""

import warnings

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.flame import fit
from innerface.core.flame.prior import Prior
from innerface.core.flame.submodel import pack_parameters
from innerface.core.landmarks.camera import point_model


def percent(points, truth):
    return 100 * np.linalg.norm(points - truth, axis=2).mean()


def whole(out):
    return pack_parameters(out.expression, jaw=out.jaw, eyes=out.eyes, neck=out.neck)


def test_points_of_an_unknown_face_are_fitted_to_half_a_percent(fitted):
    assert np.nanmean(fitted.out.residual) <= 0.005 and np.nanpercentile(fitted.out.residual, 95) <= 0.005


def test_a_static_or_mean_face_is_far_worse(model, points53, take, fitted):
    zero = {name: np.zeros((1, n)) for name, n in (("expression", 100), ("jaw", 3), ("eyes", 6), ("neck", 3))}
    residual = 100 * np.nanmean(fitted.out.residual)
    assert percent(fit.points_of_pose(model, points53, shape=fitted.out.shape, **zero), take.points) > 10 * residual
    assert percent(take.points.mean(axis=0), take.points) > 10 * residual


def test_jaw_eyes_and_expression_are_found_again(take, fitted):
    out = fitted.out
    assert np.corrcoef(out.jaw[:, 0], take.jaw[:, 0])[0, 1] > 0.97
    assert np.sqrt(((out.jaw - take.jaw) ** 2).mean()) < 0.04 and np.sqrt(((out.eyes - take.eyes) ** 2).mean()) < 0.06
    strong = slice(0, 5)
    error = ((out.expression - take.expression)[:, strong] ** 2).mean()
    assert error < 0.25 * (take.expression[:, strong] ** 2).mean()
    assert np.abs(out.neck).max() < 0.05  # the head's pose is not in the points


def test_a_known_identity_helps(model, points53, take):
    out = fit.FlameFitter(model, points53, take.shape).fit(take.points)
    np.testing.assert_array_equal(out.shape, take.shape)
    assert np.sqrt(((out.jaw - take.jaw)[:, 0] ** 2).mean()) < 0.03 and np.nanmean(out.residual) < 0.004


def test_points_that_lie_a_little_off_are_placed(model, points53, take):
    turned = take.points @ np.array([[np.cos(0.03), np.sin(0.03)], [-np.sin(0.03), np.cos(0.03)]]) * 1.04 + (
        0.03,
        -0.02,
    )
    fitter = fit.FlameFitter(model, points53, take.shape)
    out = fitter.fit(turned)
    assert np.nanmean(out.residual) < 0.005 and np.sqrt(((out.jaw - take.jaw)[:, 0] ** 2).mean()) < 0.05
    np.testing.assert_allclose(fitter.placement.similarity, [0.03, -0.02, np.log(1.04), 0.03], atol=0.02)


def test_another_heads_points_open_the_jaw_and_bend_no_skull(model, points53):
    """With another annotation of lips and lids, the difference goes into offsets and a modest identity."""
    weights = np.zeros((120, len(ARKIT)))
    weights[:, ARKIT.index("jawOpen")] = 0.5 - 0.5 * np.cos(np.arange(120) / 9)
    weights[60:, ARKIT.index("mouthSmileLeft")] = 0.6
    points = point_model(load_bundled()).points(weights) + np.random.default_rng(2).normal(0, 0.01, (53, 2))
    out = fit.FlameFitter(model, points53).fit(points)
    assert np.corrcoef(out.jaw[:, 0], weights[:, ARKIT.index("jawOpen")])[0, 1] > 0.98
    assert np.abs(out.shape).max() < 2 and np.nanmean(out.residual) < 0.02


def test_live_from_the_same_start_is_the_batch_of_one_frame(model, points53, take, fitted):
    live, batch = (fit.FlameFitter(model, points53, fitted.out.shape) for _ in range(2))
    live.learn(take.points)
    batch.placement, batch.placement_known = live.placement, True
    for k in (0, 60, 120):
        live.last_parameters = np.zeros_like(live.last_parameters)
        pose = live.push(take.points[k])
        alone = batch.fit(take.points[k : k + 1])
        np.testing.assert_allclose(
            pack_parameters(**{k: getattr(pose, k)[None] for k in ("expression", "jaw", "eyes", "neck")}),
            whole(alone),
            atol=2e-2,
        )
        target = live.target(take.points[k : k + 1])
        start = np.zeros((1, len(live.last_parameters)))
        np.testing.assert_allclose(
            live.last_parameters, batch._solve(*target, start, max_steps=fit._MAX_STEPS_LIVE)[0], atol=1e-9
        )


def test_live_frame_after_frame_follows_the_offline_fit(model, points53, take, fitted):
    live = fit.FlameFitter(model, points53, fitted.out.shape)
    live.learn(take.points)
    poses = [live.push(p) for p in take.points[:90]]
    jaw = np.array([p.jaw for p in poses])
    np.testing.assert_allclose(jaw[5:], fitted.out.jaw[5:90], atol=0.02)
    assert max(p.residual for p in poses[5:]) < 0.005


def test_many_frames_at_once_are_fitted_as_each_alone(fitted, take):
    fitter = fitted.fitter
    target, weight = fitter.target(take.points[:40])
    start = np.zeros((40, len(fitter.last_parameters)))
    together = fitter._solve(target, weight, start, max_steps=30)
    for k in (0, 19, 39):
        np.testing.assert_allclose(
            together[k], fitter._solve(target[[k]], weight[[k]], start[[k]], max_steps=30)[0], atol=1e-9
        )


def test_points_that_no_face_makes_stay_within_bounds(model, points53, take, fitted):
    prior = Prior(100)
    rng = np.random.default_rng(0)
    wild = take.points[:40] + rng.normal(0, 0.5, (40, 53, 2))
    gape = pack_parameters(
        take.expression[:20] * 0, jaw=take.jaw[:20] * 0 + (1.0, 0, 0), eyes=take.eyes[:20] * 0, neck=take.neck[:20]
    )
    wild[:20] = fitted.fitter.face.points(gape)  # farther than a jaw opens
    fitter = fit.FlameFitter(model, points53, fitted.out.shape)
    fitter.learn(take.points)
    x = whole(fitter.fit(wild))
    assert np.isfinite(x).all() and (x >= prior.low).all() and (x <= prior.high).all()
    assert (x[:20, 103] == prior.high[103]).mean() > 0.5  # it would go on
    for p in wild[:10]:
        pose = fitter.push(p)
        assert pose.jaw[0] <= prior.high[103] and np.abs(pose.expression).max() <= 4


def test_missing_points_do_not_pull(model, points53, take, fitted):
    holes = take.points[:60].copy()
    holes[np.random.default_rng(1).random((60, 53)) < 0.2] = np.nan
    holes[:, 11] = np.nan
    holes[5, 3, 0] = np.inf
    fitter = fit.FlameFitter(model, points53, fitted.out.shape)
    fitter.placement, fitter.placement_known = fitted.fitter.placement, True
    out = fitter.fit(holes)
    assert np.nanmean(out.residual) < 0.005 and np.sqrt(((out.jaw - fitted.out.jaw[:60])[:, 0] ** 2).mean()) < 0.03


def test_frames_without_a_face_are_bridged_offline_and_held_live(fitted, take, model, points53):
    gap = take.points[:60].copy()
    gap[20:30] = np.nan
    gap[55:] = np.nan
    fitter = fit.FlameFitter(model, points53, fitted.out.shape)
    fitter.placement, fitter.placement_known = fitted.fitter.placement, True
    out = fitter.fit(gap)
    assert np.isnan(out.residual[20:30]).all() and np.isfinite(out.residual[:20]).all()
    np.testing.assert_allclose(out.jaw[25], out.jaw[19] + (out.jaw[30] - out.jaw[19]) * 6 / 11, atol=1e-12)
    np.testing.assert_array_equal(out.expression[55:], np.repeat(out.expression[54:55], 5, axis=0))
    seen, held = fitter.push(take.points[3]), fitter.push(np.full((53, 2), np.nan))
    np.testing.assert_array_equal(held.expression, seen.expression)
    assert np.isnan(held.residual)


def test_one_frame_alone_and_mirrored_points_are_fitted(model, points53, take):
    assert np.nanmean(fit.FlameFitter(model, points53).fit(take.points[:1]).residual) < 0.005
    assert np.isfinite(fit.FlameFitter(model, points53).fit(take.points[:30] * (-1, 1)).expression).all()


def test_a_file_without_pupils_is_fitted_without_a_warning(model, points53, take):
    blind = take.points.copy()
    blind[:, 51:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = fit.FlameFitter(model, points53).fit(blind)
    assert np.nanmean(out.residual) < 0.005 and np.abs(out.eyes).max() < 0.3


def test_a_trackers_mistakes_do_not_change_who_it_is(model, points53, take, fitted):
    rng = np.random.default_rng(4)
    wrong = take.points.copy()
    wrong[[30, 90, 150, 200]] += rng.normal(0, 1.0, (4, 53, 2))
    wrong[77] = 1e200
    fitter = fit.FlameFitter(model, points53)
    with np.errstate(all="ignore"):
        out = fitter.fit(wrong)
    assert np.isfinite(out.expression).all() and np.nanmedian(out.residual) < 0.005
    assert np.abs(out.shape - fitted.out.shape).max() < 0.5


def test_progress_goes_up_to_one(model, points53, take):
    heard = []
    fit.FlameFitter(model, points53).fit(take.points[:50], heard.append)
    assert heard == sorted(heard) and heard[-1] == pytest.approx(1)


def test_takes_that_cannot_be_fitted_are_errors(model, points53):
    with pytest.raises(InnerfaceError, match="no frame has a point"):
        fit.FlameFitter(model, points53).fit(np.full((5, 53, 2), np.nan))
    with pytest.raises(InnerfaceError, match="identity has 7 numbers"):
        fit.FlameFitter(model, points53, np.zeros(7))
    with pytest.raises(ValueError, match="51"):
        fit.FlameFitter(model, points53).fit(np.zeros((5, 51, 2)))
