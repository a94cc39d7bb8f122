"""Segments: the features of the second around each video frame (BioFace-3D matches signal segments to frames)."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from .features import FEATURE_HZ

LENGTH = 120  # features in a segment: 1.2 s
AHEAD = 12  # of them after the frame: EMG leads motion, but blinks and filter tails do not


def last_feature(frames: Array, start: float, ahead: int = AHEAD) -> Array:
    """Index (N,) of the last feature of each segment, of frames (N,) s in a recording that begins at `start` s."""
    return np.round((frames - start) * FEATURE_HZ).astype(int) + ahead


def gather_segments(features: Array, last: Array, length: int = LENGTH) -> Array:
    """Segments (N, F, length) of features (T, F); the first and last features are held beyond the ends."""
    indices = last[:, None] + np.arange(1 - length, 1)[None]
    return np.ascontiguousarray(features[np.clip(indices, 0, len(features) - 1)].transpose(0, 2, 1))


def within_recording(last: Array, count: int, ahead: int = AHEAD) -> Array:
    """Frames (N,) bool that lie within a recording of `count` features."""
    return (last - ahead >= 0) & (last - ahead < count)
