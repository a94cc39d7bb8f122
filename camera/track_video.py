"""A video, or a photograph, as a take: weights with head angles, and landmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InnerfaceError
from ..core.face.channels import OUTPUT_CHANNELS
from ..core.landmarks.points import POINT_COUNT, landmark_track
from ..core.landmarks.procrustes import to_face_space
from ..core.take import Take, Track, TrackKind
from .tracker import FaceTracker
from .video import VideoFile

VIDEO_META, HASH_META = "video", "video_sha256"  # of both tracks: the file, and the SHA-256 of its content


def track_video(path: str | Path, tracker: FaceTracker, progress: Callable[[float], None] = lambda _: None) -> Take:
    """Track a face through a video, at the video's own times. Rows without a face are NaN.

    Raises InnerfaceError where it is no video or never shows a face.

    Parameters
    ----------
    path : of a video or a photograph, which gives one row
    tracker : a new one
    progress : called with the share that is done
    """
    video = VideoFile(path)
    times: list[float] = []
    weights: list[Array] = []
    points: list[Array] = []
    for time, picture in video:
        face = tracker.push(picture, time)
        times.append(time)
        if face is None:
            weights.append(np.full(len(OUTPUT_CHANNELS), np.nan))
            points.append(np.full((POINT_COUNT, 2), np.nan))
        else:
            weights.append(np.concatenate([face.weights, face.head]))
            points.append(face.points * [1.0, -1.0])  # y up
        progress(min(time / video.info.duration, 1.0) if video.info.duration else 0.0)
    if not times:
        raise InnerfaceError(f"{path}: has no picture that can be decoded; convert it to .mp4, and try again")
    rows = np.array(weights)
    lost = np.isnan(rows).all(axis=1)
    if lost.all():
        raise InnerfaceError(
            f"{path}: no face is seen in any of its {len(times)} pictures; film the face from the front, in good light"
        )
    with Path(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    meta = {VIDEO_META: str(Path(path).resolve()), HASH_META: digest}
    time_array = np.array(times)
    landmarks = to_face_space(landmark_track(time_array, np.array(points), meta={"space": "image"} | meta))
    notes: list[str] = []
    if lost.any():
        notes.append(f"no face is seen in {lost.sum()} of {len(lost)} pictures; these rows are marked as lost")
    return Take(
        Path(path).stem,
        {
            TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, time_array, OUTPUT_CHANNELS, rows, meta),
            TrackKind.LANDMARKS: landmarks,
        },
        notes,
        sound=Path(path) if video.info.has_sound else None,
    )
