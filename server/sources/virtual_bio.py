"""The virtual wearer: a simulated performer with two simulated electrodes at one ear, streamed in batches as a board does. Simulated, and it says so."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core import formats
from ...core.bio import signal
from ...core.bio.simulate import BLINKS, CLENCHES, PRESETS, RELAX_S, simulate
from ...core.channels import ARKIT
from ...core.errors import InnerfaceError
from ...core.performance.posed import posed
from ...core.take import Take, Track
from ..hub import Hub
from ..messages import Bio

_POSED_S, _POSED_TAKE = 120.0, 1  # its networks are trained on take 0
_CALM_S, _ASIDE_S = 6.0, 0.35  # a calm face before the performance; what lies around gestures
_BATCH_S = 0.032
_MOST_BATCHES = 30  # that are sent at once after the computer was busy


@dataclass(frozen=True)
class Worn:
    """`seed`: the person; `preset` of their electrodes; `ear`; `mount`: stuck on for the so-manieth time; `loss`: share of batches; `disconnect` (every s,
    for s): it vanishes now and then; `flat`: a channel whose wire is broken."""

    seed: int = 0
    preset: str = "studio"
    ear: str = "left"
    mount: int = 0
    loss: float = 0.0
    disconnect: tuple[float, float] = (math.inf, 0.0)
    flat: str = ""


class VirtualBio:
    """`take`: weights that are performed, or electrodes that were recorded; posed expressions over and over where none is given."""

    name = "virtual-bio"

    def __init__(self, take: str | Path | None = None, worn: Worn | None = None) -> None:
        self.take, self.worn = take, worn or Worn()
        w = self.worn
        if w.preset not in PRESETS:
            raise InnerfaceError(f"virtual-bio: preset={w.preset}: give one of {', '.join(PRESETS)}")
        if w.ear not in ("left", "right"):
            raise InnerfaceError(f"virtual-bio: ear={w.ear}: give left or right")
        if not (0 <= w.loss < 1 and w.seed >= 0 and w.mount >= 0 and w.disconnect[0] > w.disconnect[1] >= 0):
            raise InnerfaceError("virtual-bio: loss is a share below 1, seed and mount count from 0, disconnect=EVERY:FOR is in seconds, such as 20:3")
        self.task: asyncio.Task[None] | None = None
        self.begin = 0
        self.cues: dict[str, tuple[int, int]] = {}  # rows at which it does what it may be asked for, and at which that ends
        self.row, self.until = 0, -1

    async def start(self, hub: Hub) -> None:
        """Simulate the performance and begin to send. Raises InnerfaceError."""
        self.heard = await asyncio.to_thread(self._signal)
        if self.worn.flat:
            if self.worn.flat not in self.heard.channels:
                raise InnerfaceError(f"virtual-bio: flat={self.worn.flat}: give one of {', '.join(self.heard.channels)}")
            self.heard.values[:, self.heard.channels.index(self.worn.flat)] = 0.0
        self.row = self.cues.get("relax", (0, 0))[0]
        self.task = hub.loop.create_task(self._send(hub))
        self.task.add_done_callback(hub._broken)

    async def stop(self) -> None:
        """End."""
        if self.task is not None:
            self.task.cancel()

    def _signal(self) -> signal.BioSignal:
        w = self.worn
        take = Take("posed", {"weights": posed(_POSED_S, w.seed, _POSED_TAKE)}) if self.take is None else formats.read_take(self.take)
        if any(t.kind == signal.KIND for t in take.tracks.values()):
            return signal.even(signal.bio_track(take))
        acted = _with_calm(take.weights())
        heard = signal.even(simulate(acted, PRESETS[w.preset], w.seed, w.mount, w.ear).tracks["biosignal"])

        def row(at: float) -> int:
            return round((RELAX_S + at) * heard.rate)

        self.begin = row(_CALM_S)
        self.cues = {"relax": (row(0), row(_CALM_S) - 1), "calibrate": (row(0), row(_CALM_S) - 1)} | {
            what: (row(times[0] - _ASIDE_S), row(times[-1] + _ASIDE_S)) for what, times in (("blink", BLINKS), ("bite", CLENCHES))
        }
        return heard

    def cue(self, what: str) -> None:
        """Do what is asked: relax, bite or blink; then rest and go on performing. Recorded electrodes cannot."""
        if what in self.cues:
            self.row, self.until = self.cues[what]

    async def _send(self, hub: Hub) -> None:
        w, h, rng = self.worn, self.heard, np.random.default_rng(self.worn.seed)
        size = max(round(_BATCH_S * h.rate), 1)
        began, sent, lost = hub.now(), 0, 0
        while True:
            due = int((hub.now() - began) * h.rate) // size
            if due - sent // size > _MOST_BATCHES:  # the computer slept: what was due meanwhile is never sent
                began += (due - sent // size) * size / h.rate
                continue
            while sent // size < due:
                values, sent = self._next(size), sent + size
                at = sent / h.rate
                if rng.uniform() < w.loss or at % w.disconnect[0] > w.disconnect[0] - w.disconnect[1]:
                    lost += size
                    continue
                if lost < h.rate:  # its counter tells how many never came
                    values = np.concatenate([np.full((lost, values.shape[1]), np.nan), values])
                lost = 0
                hub.receive(self.name, Bio("virtual wearer (simulated)", h.channels, values, h.rate, at))
            await asyncio.sleep(max(began + (sent + size) / h.rate - hub.now(), 0.001))

    def _next(self, count: int) -> np.ndarray:
        """The next samples (count, C) of what it does."""
        parts = []
        while count:
            end = self.until if self.until > self.row else len(self.heard.values)
            part = self.heard.values[self.row : self.row + min(count, end - self.row)]
            parts.append(part)
            count, self.row = count - len(part), self.row + len(part)
            if self.row == self.until and "relax" in self.cues:  # a gesture is over: rest, then perform
                self.row, self.until = self.cues["relax"][0], -1
            elif self.row >= len(self.heard.values):
                self.row = self.begin
        return np.concatenate(parts)

    def about(self) -> str:
        """What is simulated."""
        what = f"the take {self.take}" if self.take else f"posed expressions of person {self.worn.seed}"
        return f"a simulated performer with two simulated electrodes at the {self.worn.ear} ear, {what}"


def _with_calm(truth: Track) -> Track:
    """The performance after a few seconds of a calm face; time from 0."""
    rate = max(truth.rate, 1.0)
    own = np.nan_to_num(truth.select(ARKIT))
    calm = own[own.sum(axis=1).argmin()]
    count = round(_CALM_S * rate)
    time = np.concatenate([np.arange(count) / rate, truth.time - truth.time[0] + count / rate])
    return Track("weights", time, ARKIT, np.concatenate([np.repeat(calm[None], count, axis=0), own]))
