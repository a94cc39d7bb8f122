"""How much each part of the face moves, for the level bars in the panel."""

from __future__ import annotations

import numpy as np

from ...core.face.channels import ARKIT, GROUPS, ChannelGroup

LEVEL_GROUPS = (
    ChannelGroup.MOUTH,
    ChannelGroup.CHEEK,
    ChannelGroup.BROW,
    ChannelGroup.EYE_LEFT,
    ChannelGroup.EYE_RIGHT,
)
_DECAY_PER_FRAME, _GAIN = 0.9, 12.0
_COLUMNS = np.array([ARKIT.index(c) for name in LEVEL_GROUPS for c in GROUPS[name]])
_GROUP_STARTS = np.cumsum([0, *(len(GROUPS[name]) for name in LEVEL_GROUPS[:-1])])


class MovementLevels:
    """Peak meters with decay: `levels` holds 0..1 per channel group."""

    def __init__(self) -> None:
        self.levels = dict.fromkeys(LEVEL_GROUPS, 0.0)
        self._previous: np.ndarray | None = None

    @property
    def started(self) -> bool:
        """Whether any face has arrived."""
        return self._previous is not None

    def update(self, values: np.ndarray, frames: int) -> None:
        """Take the newest face (55; OUTPUT_CHANNELS), of `frames` that have arrived since the last update."""
        if self._previous is not None:
            change = np.abs(values - self._previous)[_COLUMNS]
            peaks = np.maximum.reduceat(change, _GROUP_STARTS) * (_GAIN / frames)
            decay = _DECAY_PER_FRAME**frames
            for name, peak in zip(LEVEL_GROUPS, peaks.tolist()):
                self.levels[name] = max(min(peak, 1.0), self.levels[name] * decay)
        self._previous = values
