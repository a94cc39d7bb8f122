"""Segments: the features of the second around each video frame (BioFace-3D matches signal segments to frames)."""

from __future__ import annotations

import numpy as np

from .features import FEATURE_HZ

LENGTH = 120  # features in a segment: 1.2 s
AHEAD = 12  # of them after the frame: EMG leads motion, but blinks and filter tails do not


def last_feature(frames: np.ndarray, start: float, ahead: int = AHEAD) -> np.ndarray:
    """Index (N,) of the last feature of each segment, of frames (N,) s in a recording that begins at `start` s."""
    return np.round((frames - start) * FEATURE_HZ).astype(int) + ahead


def gather_segments(features: np.ndarray, last: np.ndarray, length: int = LENGTH) -> np.ndarray:
    """Segments (N, F, length) of features (T, F); the first and last features are held beyond the ends."""
    indices = last[:, None] + np.arange(1 - length, 1)[None]
    return np.ascontiguousarray(features[np.clip(indices, 0, len(features) - 1)].transpose(0, 2, 1))


def within_recording(last: np.ndarray, count: int, ahead: int = AHEAD) -> np.ndarray:
    """Frames (N,) bool that lie within a recording of `count` features."""
    return (last - ahead >= 0) & (last - ahead < count)
