"""Electrodes: which board is heard, the face that the performer's network makes of it, and how each electrode is doing."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import fusion
from ..core.bio import network, quality
from ..core.bio.live import BioFrame
from ..core.bio.live import Electrodes as Wearing
from ..core.bio.signal import BioSignal, held
from ..core.channels import ARKIT, OUTPUT
from ..core.errors import InnerfaceError
from ..core.imu.signal import FRAME_RATE
from .messages import Bio
from .streams import GONE_S, Stream

if TYPE_CHECKING:
    from .hub import Hub

_SILENT_S, _FORGOTTEN_S = 0.25, 30.0  # silence after which the face is held, and after which it is given up; boards send in batches
_GAP_S, _LONGEST_GAP_S = 0.03, 2.0  # samples that are missing: bridged from the one on, begun anew after the other
_JUDGED_S, _LEAST_S, _EVERY_S = 5.0, 2.0, 2.0  # seconds that electrodes are judged by, and how often
_TELLS = 0.2  # of a channel's variance
_MOST = 32  # inputs of a board
NO_NETWORK = (
    "electrodes are heard and recorded, but make no face: give --electrodes M.onnx (innerface train bio); or --electrodes simulated, "
    "the shipped network of a simulated performer"
)


class Electrodes:
    """One board is the face, the one heard first; another one takes over when it goes away. `network`: of the performer, None where none was given; `found`:
    how each electrode was in the last seconds."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.network: network.BioNetwork | None = None
        self.stream: Stream | None = None  # whose samples are heard
        self.worn: Wearing | None = None
        self.form: tuple[tuple[str, ...], float] = ((), 0.0)  # the board's columns and rate
        self.next, self.count = 0.0, 0  # when the next sample is due, and how many `worn` has had
        self.last: tuple[float, float, np.ndarray, bool] | None = None  # time, arrival, weights (52,), seen
        self.kept: deque[np.ndarray] = deque()
        self.found: list[quality.Electrode] = []
        self.judged = 0.0
        self.task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Load the network that the options name. Raises InnerfaceError."""
        if self.hub.options.electrodes:
            self.network = network.load(self.hub.options.electrodes)

    @property
    def heard(self) -> bool:
        """Whether samples come now."""
        return self.stream is not None and self.hub.now() - self.stream.heard < GONE_S

    @property
    def live(self) -> bool:
        """Whether faces come now."""
        return self.worn is not None and self.last is not None and self.hub.now() - self.last[1] < GONE_S

    @property
    def delay_s(self) -> float:
        """How long after its moment a face can be known."""
        return 0.0 if self.worn is None else self.worn.delay_s

    @property
    def shown(self) -> set[str]:
        """Channels of which they tell enough to be believed."""
        return set() if not self.live or self.worn is None else {c for c, sure in zip(ARKIT, self.worn.sure) if sure > _TELLS}

    def receive(self, stream: Stream, message: Bio, at: float, arrival: float) -> None:
        """Samples of some board, the last one taken at `at`."""
        if self.stream is not stream and self.stream is not None and arrival - self.stream.heard < GONE_S:
            return  # one board is the face; the others are recorded
        form, step = (message.columns, message.rate), 1 / message.rate
        if self.stream is not stream or self.form != form:
            self.stream, self.form, self.worn, self.found = stream, form, None, []
            self.kept.clear()
            stream.problem = ""
        values = message.values
        if not len(values):
            return
        self.kept.append(values)
        while sum(map(len, self.kept)) - len(self.kept[0]) > _JUDGED_S * message.rate:
            self.kept.popleft()
        if self.network is None or stream.problem:
            return
        gap = at - (len(values) - 1) * step - self.next
        if self.worn is not None and gap > _LONGEST_GAP_S:
            self.worn = None
        if self.worn is None:
            try:
                self.worn, self.count = Wearing(self.network, message.rate, message.columns), 0
            except InnerfaceError as error:
                stream.problem = str(error)
                return
        elif gap > _GAP_S:
            values = np.concatenate([np.full((round(gap * message.rate), values.shape[1]), np.nan), values])
        self.next, self.count = at + step, self.count + len(values)
        first = at - (self.count - 1) * step
        for frame in self.worn.push(values):
            self._frame(self.worn, frame, first + frame.time, arrival)

    def _frame(self, worn: Wearing, frame: BioFrame, at: float, arrival: float) -> None:
        before, seen = self.last, frame.seen and not self.words()
        weights = frame.weights if seen or before is None else before[2]  # what a broken electrode says is no face
        self.last = (at, arrival, weights, seen)
        step = 1 / FRAME_RATE if before is None else at - before[0]
        if step > 0 and arrival - at < worn.delay_s + _SILENT_S:  # what was held up meanwhile is past
            self._out(at, arrival, weights, worn.sure, seen, min(step, 0.5))

    def _out(self, at: float, arrival: float, weights: np.ndarray, assured: np.ndarray | None, seen: bool, step: float) -> None:
        if self.hub.imus_live or not self.hub.wants("sensors"):
            return  # held for the IMUs' next face
        values = np.concatenate([weights, np.zeros(len(OUTPUT) - len(ARKIT))])
        self.hub.sensed(at, arrival, values, assured, seen, "electrodes", step)

    def fused(self, values: np.ndarray, assured: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """The IMUs' face (55,) and confidence (52,), with the newest one of the electrodes where that is surer."""
        if not self.live or assured is None or self.worn is None or self.last is None or not self.last[3]:
            return values, assured
        mixed, assured = fusion.mix(values[: len(ARKIT)], assured, self.last[2], self.worn.sure)
        return np.concatenate([mixed, values[len(ARKIT) :]]), assured

    def tick(self, now: float) -> None:
        """While nothing comes, the face goes on by its policy; now and then electrodes are judged."""
        if self.task is None and self.heard and now - self.judged > _EVERY_S:
            self.judged, self.task = now, self.hub.loop.create_task(self._judge())
        if self.last is None or not _SILENT_S < now - self.last[1] < _FORGOTTEN_S:
            return
        since = now - self.hub.last_out
        if since >= 1 / FRAME_RATE:
            self._out(now - self.delay_s, now, self.last[2], None, False, min(since, 0.1))

    # -- how they are doing ----------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[int]:
        """Which of the board's inputs sit at the ear, as far as is known."""
        return self.worn.columns if self.worn is not None else list(range(min(len(self.form[0]), _MOST)))

    def recent(self, seconds: float = _JUDGED_S) -> BioSignal:
        """What was heard last. Raises InnerfaceError where that is too little."""
        columns, rate = self.columns, self.form[1]
        values = np.concatenate(list(self.kept))[-round(seconds * rate) :, columns] if self.kept else np.zeros((0, 0))
        if not len(values) or len(values) < _LEAST_S * rate:
            raise InnerfaceError("no electrode has sent anything yet; connect a board first")
        missing = np.isnan(values)
        return BioSignal(0.0, rate, tuple(self.form[0][k] for k in columns), np.nan_to_num(held(values, np.zeros(len(columns)))), missing)

    async def _judge(self) -> None:
        try:
            self.found = await asyncio.to_thread(quality.report, self.recent())
        except (InnerfaceError, ValueError, ArithmeticError):
            self.found = []  # too little to judge by, or numbers that no amplifier gives
        finally:
            self.task = None

    def cancel(self) -> None:
        """The hub ends."""
        if self.task is not None:
            self.task.cancel()

    def words(self) -> list[str]:
        """Sentences on electrodes that cannot be used as they are now."""
        return [f"electrode {e.channel}: {e.bad}" for e in self.found if e.bad]

    def report(self) -> dict[str, Any] | None:
        """For status: None where there is neither a board nor a network."""
        if self.stream is None:
            return None
        say = NO_NETWORK if self.network is None else self.stream.problem
        return {
            "device": self.stream.device, "network": self.network is not None, "live": self.live, "say": say,
            "channels": [
                {
                    "name": e.channel, "state": "none" if not self.heard else "away" if e.bad else "poor" if e.poor else "ok", "words": e.bad or e.poor,
                    "rest_uv": round(e.rest_uv, 1), "mains_uv": round(e.mains_uv, 1),
                }
                for e in self.found
            ],
        }  # fmt: skip
