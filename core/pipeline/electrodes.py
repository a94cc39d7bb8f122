"""The electrode stage: gaps bridged, a face by the performer's network, its fusion with that of IMUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..fusion import fuse_estimates
from ..rates import FRAME_RATE
from .camera import AWAY_AFTER_S
from .frames import BioChunk

if TYPE_CHECKING:
    from ..bio.network import BioNetwork
    from ..bio.session import BioFrame, BioSession

HOLD_AFTER_S, GIVE_UP_AFTER_S = 0.25, 30.0  # silence after which the face is held, and given up; boards send in batches
_MIN_GAP_S, _MAX_BRIDGED_GAP_S = 0.03, 2.0  # missing samples are bridged; after longer gaps the session starts anew
_MIN_CONFIDENCE = 0.2  # share of a channel's variance
_MAX_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class BioFace:
    """A face of the electrodes: the moment it shows, when it was completed, `weights` (52,), whether it was observed,
    s since the face before, and whether it came in time to be shown."""

    time: float
    arrival: float
    weights: Array
    observed: bool
    dt: float
    in_time: bool


class BioStage:
    """One board's electrodes. `network`: the performer's, or None; `faulty`: an electrode cannot be used."""

    def __init__(self, network: BioNetwork | None = None) -> None:
        self.network, self.faulty = network, False
        self.session: BioSession | None = None
        self.last: BioFace | None = None
        self._input_format: tuple[tuple[str, ...], float] = ((), 0.0)
        self._next_due, self._sample_count = 0.0, 0

    def restart(self) -> None:
        """Forget what was received: another board is the face from the next batch on."""
        self.session = None

    def receiving_faces(self, now: float) -> bool:
        """Whether faces come now."""
        return self.session is not None and self.last is not None and now - self.last.arrival < AWAY_AFTER_S

    @property
    def delay_s(self) -> float:
        """How long after its moment a face can be known."""
        return 0.0 if self.session is None else self.session.delay_s

    def observed_channels(self, now: float) -> set[str]:
        """Channels of which the electrodes explain enough to be believed."""
        if self.session is None or not self.receiving_faces(now):
            return set()
        return {c for c, confidence in zip(ARKIT, self.session.confidence) if confidence > _MIN_CONFIDENCE}

    def push(self, chunk: BioChunk) -> Iterator[BioFace]:
        """The faces that a batch completes. Raises InnerfaceError for inputs that the network does not fit."""
        if self.network is None or not len(chunk.values):
            return
        from ..bio.session import BioSession

        step, values = 1 / chunk.rate, chunk.values
        if self._input_format != (chunk.columns, chunk.rate):
            self._input_format, self.session = (chunk.columns, chunk.rate), None
        gap = chunk.time - (len(values) - 1) * step - self._next_due
        if self.session is not None and gap > _MAX_BRIDGED_GAP_S:
            self.session = None
        if self.session is None:
            self.session, self._sample_count = BioSession(self.network, chunk.rate, chunk.columns), 0
        elif gap > _MIN_GAP_S:
            values = np.concatenate([np.full((round(gap * chunk.rate), values.shape[1]), np.nan), values])
        self._next_due, self._sample_count = chunk.time + step, self._sample_count + len(values)
        first_time = chunk.time - (self._sample_count - 1) * step
        for frame in self.session.push(values):
            yield self._to_face(self.session, frame, first_time + frame.time, arrival=chunk.arrival)

    def _to_face(self, session: BioSession, frame: BioFrame, time: float, *, arrival: float) -> BioFace:
        previous, observed = self.last, frame.observed and not self.faulty
        weights = (
            frame.weights if observed or previous is None else previous.weights
        )  # a broken electrode shows no face
        dt = 1 / FRAME_RATE if previous is None else time - previous.time
        in_time = dt > 0 and arrival - time < session.delay_s + HOLD_AFTER_S  # what was held up meanwhile is past
        self.last = BioFace(time, arrival, weights, observed, min(dt, _MAX_STEP_S), in_time)
        return self.last

    def fuse(self, values: Array, confidence: Array | None, now: float) -> tuple[Array, Array | None]:
        """The IMUs' face (55,) and confidence (52,), fused with the newest one of the electrodes, each channel from the
        surer of the two. As it is where either does not say how sure it is."""
        if confidence is None or self.session is None or self.last is None:
            return values, confidence
        if not self.receiving_faces(now) or not self.last.observed:
            return values, confidence
        weights, confidence = fuse_estimates(
            values[: len(ARKIT)], confidence, second=self.last.weights, second_confidence=self.session.confidence
        )
        return np.concatenate([weights, values[len(ARKIT) :]]), confidence
