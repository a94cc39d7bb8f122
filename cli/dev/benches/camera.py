"""Speed and accuracy of the face tracker, on rendered performers whose truth is known, beside static faces."""

from __future__ import annotations

import time
from typing import Any

from ....core.arrays import Array
from ...progress import filter_tracker_logs, step, suppress_stdout

SECONDS, RATE = 5.0, 12.0
VIEWS = ((0.0, 1.0), (18.0, 0.6))  # degrees of the camera to the performer's left, and size of the lights
_SIZE, _SAMPLES = (320, 400), 8
_SPEED_SIZE, _SPEED_FRAMES = (480, 640), 120  # as webcams send them
_BLINK, _LIPS_CLOSED_MM = 0.5, 1.5


def camera() -> dict[str, Any]:
    """Track rendered videos of the bundled head, in two views, and measure against the weights that it played."""
    import numpy as np

    from ....camera import face_model
    from ....camera.tracker import MediaPipeTracker
    from ....core.face import metrics
    from ....core.face.channels import ARKIT, HEAD_ANGLES, OUTPUT_CHANNELS
    from ....core.face.face_model import load_bundled
    from ....core.face.lips import lip_gap
    from ....core.performance.generate import generate
    from ....core.take import Track, TrackKind
    from ..rendered_performer import render_performance

    model, face = face_model.find(), load_bundled()
    evaluations: list[dict[str, Any]] = []
    blinks, closures, angle_errors, times, lost = _Score(), _Score(), [], [], 0
    pictures: list[Array] = []
    for number, (azimuth, light) in enumerate(VIEWS):
        truth = generate(SECONDS, np.random.default_rng(number), RATE)
        with step(f"rendering view {number + 1}") as bar, suppress_stdout():
            pictures = render_performance(truth, azimuth, light, size=_SIZE, samples=_SAMPLES, progress=bar)
        rows: list[Array] = []
        with step(f"tracking view {number + 1}"), filter_tracker_logs(), MediaPipeTracker(model) as tracker:
            for picture, t in zip(pictures, truth.time):
                found = tracker.push(picture, float(t))
                lost += found is None
                rows.append(np.full(55, np.nan) if found is None else np.append(found.weights, found.head))
        values = np.array(rows)
        seen = np.isfinite(values).all(axis=1)
        track = Track(TrackKind.WEIGHTS, truth.time[seen], OUTPUT_CHANNELS, values[seen])
        shown = Track(TrackKind.WEIGHTS, truth.time[seen], OUTPUT_CHANNELS, truth.select(OUTPUT_CHANNELS)[seen])
        evaluations.append(metrics.evaluate(track, shown, face))
        blink = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
        blinks.add(values[seen][:, blink].mean(axis=1) > _BLINK, shown.values[:, blink].mean(axis=1) > _BLINK)
        gaps = [1000 * lip_gap(face, w) for w in (track.select(ARKIT), shown.select(ARKIT))]
        closures.add(gaps[0] < _LIPS_CLOSED_MM, gaps[1] < _LIPS_CLOSED_MM)
        difference = np.degrees(track.select(HEAD_ANGLES) - shown.select(HEAD_ANGLES))
        angle_errors.append(np.abs(difference - np.median(difference, axis=0)))  # the camera stands aside
    with step("speed"), filter_tracker_logs(), MediaPipeTracker(model) as tracker:
        for k in range(_SPEED_FRAMES):
            large = _enlarge(pictures[k % len(pictures)], _SPEED_SIZE)
            began = time.perf_counter()
            tracker.push(large, k / 30)
            times.append(time.perf_counter() - began)

    def ratio(base: str) -> float:
        return float(np.mean([e["pve_mm"]["mean"] / e[base]["pve_mm"]["mean"] for e in evaluations]))

    return {
        "input": f"generated performances of {SECONDS:.0f} s at {RATE:.0f} pictures/s, {len(VIEWS)} views of the "
        f"bundled head rendered with {_SIZE[0]} x {_SIZE[1]} pixels; speed with {_SPEED_SIZE[1]} x {_SPEED_SIZE[0]}",
        "files": f"{face_model.NAME} {face_model.SIZE >> 10} KiB",
        "track_fps": 1 / float(np.mean(times[10:])),
        "live_p99_ms": 1000 * float(np.percentile(times[10:], 99)),
        "lost_frames": int(lost),
        "pve_mm": float(np.mean([e["pve_mm"]["mean"] for e in evaluations])),
        "pve_vs_neutral": ratio("neutral"),
        "pve_vs_mean_face": ratio("mean_face"),
        "mse": float(np.mean([e["mse"]["mean"] for e in evaluations])),
        "blink_f1": blinks.f1,
        "lips_closed_f1": closures.f1,
        "head_error_deg": float(np.concatenate(angle_errors).mean()),
    }


class _Score:
    """F1 of a yes and no, over several takes."""

    def __init__(self) -> None:
        self.hits = self.found = self.true = 0

    def add(self, found: Array, true: Array) -> None:
        self.hits += int((found & true).sum())
        self.found += int(found.sum())
        self.true += int(true.sum())

    @property
    def f1(self) -> float:
        """2 hits / (found + true); 1 where there is nothing to find and nothing was found."""
        return 2 * self.hits / (self.found + self.true) if self.found + self.true else 1.0


def _enlarge(picture: Array, size: tuple[int, int]) -> Array:
    """A picture with `size` (rows, columns), by repeating pixels."""
    import numpy as np

    rows, columns = (np.arange(n) * m // n for n, m in zip(size, picture.shape))
    return np.ascontiguousarray(picture[rows][:, columns])
