"""Electrodes: which board is heard, the face that the performer's network makes of it, and how each electrode is doing."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import fusion
from ...core.bio import network, quality
from ...core.bio.session import BioFrame
from ...core.bio.session import BioSession as Wearing
from ...core.bio.signal import BioSignal, hold_last
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, OUTPUT_CHANNELS
from ...core.rates import FRAME_RATE
from ..messages import BioSample
from ..streams import AWAY_AFTER_S, Stream

if TYPE_CHECKING:
    from ..hub import Hub

_HOLD_AFTER_S, _GIVE_UP_AFTER_S = (
    0.25,
    30.0,
)  # silence after which the face is held, and after which it is given up; boards send in batches
_MIN_GAP_S, _MAX_BRIDGED_GAP_S = (
    0.03,
    2.0,
)  # samples that are missing: bridged from the one on, begun anew after the other
_ASSESSMENT_WINDOW_S, _MIN_ASSESSMENT_S, _ASSESSMENT_INTERVAL_S = (
    5.0,
    2.0,
    2.0,
)  # seconds that electrodes are judged by, and how often
_MIN_CONFIDENCE = 0.2  # of a channel's variance
_MAX_INPUTS = 32  # inputs of a board
NO_NETWORK = (
    "electrodes are heard and recorded, but make no face: give --electrodes M.onnx (innerface train bio); or --electrodes simulated, "
    "the shipped network of a simulated performer"
)


class BioPipeline:
    """One board is the face, the one heard first; another one takes over when it goes away. `network`: of the performer, None where none was given; `found`:
    how each electrode was in the last seconds."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.network: network.BioNetwork | None = None
        self.active_stream: Stream | None = None  # whose samples are heard
        self.session: Wearing | None = None
        self.input_format: tuple[tuple[str, ...], float] = ((), 0.0)  # the board's columns and rate
        self.next_due, self.sample_count = 0.0, 0  # when the next sample is due, and how many `worn` has had
        self.last: tuple[float, float, np.ndarray, bool] | None = None  # time, arrival, weights (52,), seen
        self.recent_batches: deque[np.ndarray] = deque()
        self.assessments: list[quality.ElectrodeQuality] = []
        self.last_assessed = 0.0
        self.task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Load the network that the options name. Raises InnerfaceError."""
        if self.hub.options.electrodes:
            self.network = network.load(self.hub.options.electrodes)

    @property
    def receiving(self) -> bool:
        """Whether samples come now."""
        return self.active_stream is not None and self.hub.now() - self.active_stream.last_received < AWAY_AFTER_S

    @property
    def live(self) -> bool:
        """Whether faces come now."""
        return self.session is not None and self.last is not None and self.hub.now() - self.last[1] < AWAY_AFTER_S

    @property
    def delay_s(self) -> float:
        """How long after its moment a face can be known."""
        return 0.0 if self.session is None else self.session.delay_s

    @property
    def observed_channels(self) -> set[str]:
        """Channels of which they tell enough to be believed."""
        return (
            set()
            if not self.live or self.session is None
            else {c for c, confidence in zip(ARKIT, self.session.confidence) if confidence > _MIN_CONFIDENCE}
        )

    def receive(self, stream: Stream, message: BioSample, at: float, arrival: float) -> None:
        """Samples of some board, the last one taken at `at`."""
        if (
            self.active_stream is not stream
            and self.active_stream is not None
            and arrival - self.active_stream.last_received < AWAY_AFTER_S
        ):
            return  # one board is the face; the others are recorded
        input_format, step = (message.columns, message.rate), 1 / message.rate
        if self.active_stream is not stream or self.input_format != input_format:
            self.active_stream, self.input_format, self.session, self.assessments = stream, input_format, None, []
            self.recent_batches.clear()
            stream.problem = ""
        values = message.values
        if not len(values):
            return
        self.recent_batches.append(values)
        while sum(map(len, self.recent_batches)) - len(self.recent_batches[0]) > _ASSESSMENT_WINDOW_S * message.rate:
            self.recent_batches.popleft()
        if self.network is None or stream.problem:
            return
        gap = at - (len(values) - 1) * step - self.next_due
        if self.session is not None and gap > _MAX_BRIDGED_GAP_S:
            self.session = None
        if self.session is None:
            try:
                self.session, self.sample_count = Wearing(self.network, message.rate, message.columns), 0
            except InnerfaceError as error:
                stream.problem = str(error)
                return
        elif gap > _MIN_GAP_S:
            values = np.concatenate([np.full((round(gap * message.rate), values.shape[1]), np.nan), values])
        self.next_due, self.sample_count = at + step, self.sample_count + len(values)
        first_time = at - (self.sample_count - 1) * step
        for frame in self.session.push(values):
            self._receive_frame(self.session, frame, first_time + frame.time, arrival)

    def _receive_frame(self, session: Wearing, frame: BioFrame, at: float, arrival: float) -> None:
        previous, seen = self.last, frame.observed and not self.problems()
        weights = frame.weights if seen or previous is None else previous[2]  # what a broken electrode says is no face
        self.last = (at, arrival, weights, seen)
        step = 1 / FRAME_RATE if previous is None else at - previous[0]
        if step > 0 and arrival - at < session.delay_s + _HOLD_AFTER_S:  # what was held up meanwhile is past
            self._emit(at, arrival, weights, session.confidence, seen, min(step, 0.5))

    def _emit(
        self, at: float, arrival: float, weights: np.ndarray, confidence: np.ndarray | None, seen: bool, step: float
    ) -> None:
        if self.hub.imus_live or not self.hub.selects("sensors"):
            return  # held for the IMUs' next face
        values = np.concatenate([weights, np.zeros(len(OUTPUT_CHANNELS) - len(ARKIT))])
        self.hub.emit_sensor_face(at, arrival, values, confidence, seen, "electrodes", step)

    def fuse(self, values: np.ndarray, confidence: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """The IMUs' face (55,) and confidence (52,), with the newest one of the electrodes where that is surer."""
        if not self.live or confidence is None or self.session is None or self.last is None or not self.last[3]:
            return values, confidence
        weights, confidence = fusion.fuse_estimates(
            values[: len(ARKIT)], confidence, self.last[2], self.session.confidence
        )
        return np.concatenate([weights, values[len(ARKIT) :]]), confidence

    def tick(self, now: float) -> None:
        """While nothing comes, the face goes on by its policy; now and then electrodes are judged."""
        if self.task is None and self.receiving and now - self.last_assessed > _ASSESSMENT_INTERVAL_S:
            self.last_assessed, self.task = now, self.hub.loop.create_task(self._assess())
        if self.last is None or not _HOLD_AFTER_S < now - self.last[1] < _GIVE_UP_AFTER_S:
            return
        idle_s = now - self.hub.last_frame_time
        if idle_s >= 1 / FRAME_RATE:
            self._emit(now - self.delay_s, now, self.last[2], None, False, min(idle_s, 0.1))

    # -- how they are doing ----------------------------------------------------------------------------------------------------

    @property
    def electrode_indices(self) -> list[int]:
        """Which of the board's inputs sit at the ear, as far as is known."""
        return (
            self.session.columns
            if self.session is not None
            else list(range(min(len(self.input_format[0]), _MAX_INPUTS)))
        )

    def recent_signal(self, seconds: float = _ASSESSMENT_WINDOW_S) -> BioSignal:
        """What was heard last. Raises InnerfaceError where that is too little."""
        indices, rate = self.electrode_indices, self.input_format[1]
        values = (
            np.concatenate(list(self.recent_batches))[-round(seconds * rate) :, indices]
            if self.recent_batches
            else np.zeros((0, 0))
        )
        if not len(values) or len(values) < _MIN_ASSESSMENT_S * rate:
            raise InnerfaceError("no electrode has sent anything yet; connect a board first")
        missing = np.isnan(values)
        return BioSignal(
            0.0,
            rate,
            tuple(self.input_format[0][k] for k in indices),
            np.nan_to_num(hold_last(values, np.zeros(len(indices)))),
            missing,
        )

    async def _assess(self) -> None:
        try:
            self.assessments = await asyncio.to_thread(quality.assess_electrodes, self.recent_signal())
        except (InnerfaceError, ValueError, ArithmeticError):
            self.assessments = []  # too little to judge by, or numbers that no amplifier gives
        finally:
            self.task = None

    def cancel(self) -> None:
        """The hub ends."""
        if self.task is not None:
            self.task.cancel()

    def problems(self) -> list[str]:
        """Sentences on electrodes that cannot be used as they are now."""
        return [f"electrode {e.channel}: {e.fault}" for e in self.assessments if e.fault]

    def report(self) -> dict[str, Any] | None:
        """For status: None where there is neither a board nor a network."""
        if self.active_stream is None:
            return None
        message = NO_NETWORK if self.network is None else self.active_stream.problem
        return {
            "device": self.active_stream.device,
            "network": self.network is not None,
            "live": self.live,
            "say": message,
            "channels": [
                {
                    "name": e.channel,
                    "state": "none" if not self.receiving else "away" if e.fault else "poor" if e.warning else "ok",
                    "words": e.fault or e.warning,
                    "rest_uv": round(e.rest_uv, 1),
                    "mains_uv": round(e.mains_uv, 1),
                }
                for e in self.assessments
            ],
        }
