"""Accuracy and speed of fitting FLAME, live and offline, beside SciPy's least squares."""

from __future__ import annotations

from typing import Any

from ...progress import step

FRAMES, LIVE, PLAIN = 1800, 600, 8


def flame() -> dict[str, Any]:
    """Measure the fit on synthetic data: a random performance on the stand-in, with a random identity.

    Baselines are the residual of a neutral and of the mean face, and the speed of SciPy's bounded least squares with
    numeric derivatives, frame by frame.
    """
    import time

    import numpy as np
    from scipy.optimize import least_squares

    from ....core.flame import fit
    from ....core.flame.embedding import load_embedding
    from ....core.flame.prior import NOISE
    from ....core.flame.stand_in import make_performance, make_stand_in

    model = make_stand_in()
    face_embedding = load_embedding(model)
    truth = make_performance(model, FRAMES, seed=1)
    points = fit.points_of_pose(model, face_embedding, **truth)

    def percent_error(face_points: Any) -> float:
        return 100 * float(np.linalg.norm(face_points - points, axis=2).mean())

    with step("offline") as bar:
        fitter = fit.FlameFitter(model, face_embedding)
        began = time.perf_counter()
        fitted = fitter.fit(points, bar)
        offline_s = time.perf_counter() - began
    with step("live") as bar:
        live_fitter = fit.FlameFitter(model, face_embedding)
        live_fitter.learn(points[: FRAMES // 2])
        push_times = []
        for k in range(LIVE):
            began = time.perf_counter()
            live_fitter.push(points[k])
            push_times.append(time.perf_counter() - began)
            bar((k + 1) / LIVE)
    with step("plain least squares") as bar:
        prior, face, pose = fitter.prior, fitter.face, np.zeros(len(fitter.last_parameters))
        began = time.perf_counter()
        for k in range(PLAIN):
            target = fitter.target(points[k][None])[0]

            def residuals(x: Any, target: Any = target) -> Any:
                return np.concatenate(
                    [(face.evaluate(x[None], False)[0] - target)[0] / NOISE, x * np.sqrt(prior.precision)]
                )

            pose = least_squares(residuals, pose, bounds=(prior.low, prior.high), xtol=1e-4, ftol=1e-6).x
            bar((k + 1) / PLAIN)
        plain_s = (time.perf_counter() - began) / PLAIN
    widths = {"expression": fitted.expression.shape[1], "jaw": 3, "eyes": 6, "neck": 3}
    rest_pose = {name: np.zeros((1, width)) for name, width in widths.items()}
    neutral = fit.points_of_pose(model, face_embedding, shape=fitted.shape, **rest_pose)
    per_frame = offline_s / FRAMES
    return {
        "input": f"{FRAMES} frames of 53 points, {FRAMES / 60:.0f} s at 60 frames/s, synthetic; "
        f"{model.name} ({len(model.template)} vertices, "
        f"{model.shape_dirs.shape[2]} shapes, {model.expression_dirs.shape[2]} expressions); no FLAME file is used",
        "fit_ms": 1e3 * float(np.median(push_times)),
        "fit_p99_ms": 1e3 * float(np.percentile(push_times, 99)),
        "fit_x_realtime": FRAMES / offline_s / 60,
        "fit_frames_per_s": FRAMES / offline_s,
        "residual_percent": 100 * float(np.nanmean(fitted.residual)),
        "jaw_rmse_rad": float(np.sqrt(((fitted.jaw - truth["jaw"])[:, 0] ** 2).mean())),
        "neutral_percent": percent_error(neutral),
        "mean_face_percent": percent_error(points.mean(axis=0)),
        "plain_ms": 1e3 * plain_s,
        "plain_vs_fit": plain_s / per_frame,
        "plain_vs_live": plain_s / float(np.median(push_times)),
    }
