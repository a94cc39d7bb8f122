"""A simulated performer with two simulated electrodes at one ear, streamed in batches as a board does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.take import Take, Track, TrackKind
from ..arguments import argument
from ..messages import BioSample
from ..specs import MenuEntry, SourceGroup, SourceSpec, no_peer
from .dropouts import dropouts_argument

if TYPE_CHECKING:
    from ...core.bio.signal import BioSignal
    from ..hub import Hub

_POSED_S, _POSED_TAKE = 120.0, 1  # the shipped network is trained on take 0
_CALM_S, _MARGIN_S = 6.0, 0.35  # calm face before the performance; before and after gestures
_BATCH_S = 0.032
_MAX_CATCH_UP_BATCHES = 30  # sent at once after a delay


@dataclass(frozen=True)
class VirtualBioOptions:
    """The simulated person, electrodes and board. Raises InnerfaceError if out of range."""

    take: str = argument(
        "",
        positional=True,
        path=True,
        metavar="TAKE",
        help="weights that are performed, or electrodes that were recorded; posed expressions unless given",
    )
    seed: int = argument(0, metavar="N", help="number of the simulated person")
    preset: str = argument("studio", metavar="P", help="quality of the electrodes: clean, studio, cyton, rough or weak")
    ear: str = argument("left", metavar="SIDE", help="left or right")
    mount: int = argument(0, metavar="K", help="how many times the electrodes were stuck on before")
    loss: float = argument(0.0, metavar="SHARE", help="share of batches that are lost")
    disconnect: tuple[float, float] = dropouts_argument()
    flat: str = argument("", metavar="CHANNEL", help="channel with a broken wire")

    def __post_init__(self) -> None:
        from ...core.bio.simulation.effects import PRESETS

        if self.preset not in PRESETS:
            raise InnerfaceError(f"virtual-bio: preset={self.preset}: give one of {', '.join(PRESETS)}")
        if self.ear not in ("left", "right"):
            raise InnerfaceError(f"virtual-bio: ear={self.ear}: give left or right")
        every_s, for_s = self.disconnect
        if not (0 <= self.loss < 1 and self.seed >= 0 and self.mount >= 0 and every_s > for_s >= 0):
            raise InnerfaceError(
                "virtual-bio: loss is a share below 1, seed and mount count from 0, disconnect=EVERY:FOR is in "
                "seconds, such as 20:3"
            )


class VirtualBio:
    """Performs a take's weights, plays its electrodes or, without a take, performs posed expressions; in a loop."""

    name = "virtual-bio"

    def __init__(self, options: VirtualBioOptions | None = None) -> None:
        self.options = options or VirtualBioOptions()
        self.take = self.options.take if self.options.take != "posed" else ""
        self.task: asyncio.Task[None] | None = None
        self.performance_start = 0
        self.prompt_rows: dict[
            str, tuple[int, int]
        ] = {}  # rows at which it does what it may be asked for, and at which that ends
        self.row, self.gesture_end = 0, -1

    async def start(self, hub: Hub) -> None:
        """Simulate the performance and start sending. Raises InnerfaceError."""
        self.bio_signal = await asyncio.to_thread(self._simulate)
        if self.options.flat:
            if self.options.flat not in self.bio_signal.channels:
                raise InnerfaceError(
                    f"virtual-bio: flat={self.options.flat}: give one of {', '.join(self.bio_signal.channels)}"
                )
            self.bio_signal.values[:, self.bio_signal.channels.index(self.options.flat)] = 0.0
        self.row = self.prompt_rows.get("relax", (0, 0))[0]
        self.task = hub.loop.create_task(self._send(hub))
        self.task.add_done_callback(hub.on_task_done)

    async def stop(self) -> None:
        """Stop sending."""
        if self.task is not None:
            self.task.cancel()

    def _simulate(self) -> BioSignal:
        from ...core import formats
        from ...core.bio import signal
        from ...core.bio.simulation.effects import PRESETS
        from ...core.bio.simulation.simulate import BITE_TIMES_S, BLINK_TIMES_S, LEAD_IN_S, simulate
        from ...core.performance.pose_sequence import pose_sequence

        w = self.options
        take = (
            Take("posed", {TrackKind.WEIGHTS: pose_sequence(_POSED_S, w.seed, take=_POSED_TAKE)})
            if not self.take
            else formats.read_take(self.take)
        )
        if TrackKind.BIOSIGNAL in take.kinds:
            return signal.to_uniform_rate(signal.bio_track(take))
        performed = _prepend_calm(take.weights())
        bio_signal = signal.to_uniform_rate(
            simulate(performed, PRESETS[w.preset], w.seed, mount=w.mount, ear=w.ear).tracks[TrackKind.BIOSIGNAL]
        )

        def row(at: float) -> int:
            return round((LEAD_IN_S + at) * bio_signal.rate)

        self.performance_start = row(_CALM_S)
        self.prompt_rows = {"relax": (row(0), row(_CALM_S) - 1), "calibrate": (row(0), row(_CALM_S) - 1)} | {
            action: (row(times[0] - _MARGIN_S), row(times[-1] + _MARGIN_S))
            for action, times in (("blink", BLINK_TIMES_S), ("bite", BITE_TIMES_S))
        }
        return bio_signal

    def prompt(self, action: str) -> None:
        """Relax, bite or blink, then rest and continue the performance; recorded electrodes ignore it."""
        if action in self.prompt_rows:
            self.row, self.gesture_end = self.prompt_rows[action]

    async def _send(self, hub: Hub) -> None:
        w, h, rng = self.options, self.bio_signal, np.random.default_rng(self.options.seed)
        batch_size = max(round(_BATCH_S * h.rate), 1)
        start_time, sent, lost, paused_s = hub.now(), 0, 0, 0.0
        while True:
            batches_due = int((hub.now() - start_time) * h.rate) // batch_size
            behind = batches_due - sent // batch_size
            if behind > _MAX_CATCH_UP_BATCHES:  # the computer slept: what was due meanwhile is never sent
                start_time += behind * batch_size / h.rate
                paused_s += behind * batch_size / h.rate
                continue
            while sent // batch_size < batches_due:
                values, sent = self._next_samples(batch_size), sent + batch_size
                at = sent / h.rate
                if rng.uniform() < w.loss or at % w.disconnect[0] > w.disconnect[0] - w.disconnect[1]:
                    lost += batch_size
                    continue
                if lost < h.rate:  # as the counter of a board shows
                    values = np.concatenate([np.full((lost, values.shape[1]), np.nan), values])
                lost = 0
                hub.receive(
                    self.name, BioSample("virtual performer (simulated)", h.channels, values, h.rate, at + paused_s)
                )
            await asyncio.sleep(max(start_time + (sent + batch_size) / h.rate - hub.now(), 0.001))

    def _next_samples(self, count: int) -> Array:
        """Return the next samples, (count, C) µV."""
        chunks: list[Array] = []
        while count:
            end = self.gesture_end if self.gesture_end > self.row else len(self.bio_signal.values)
            chunk = self.bio_signal.values[self.row : self.row + min(count, end - self.row)]
            chunks.append(chunk)
            count, self.row = count - len(chunk), self.row + len(chunk)
            if self.row == self.gesture_end and "relax" in self.prompt_rows:  # after a gesture: rest, then perform
                self.row, self.gesture_end = self.prompt_rows["relax"][0], -1
            elif self.row >= len(self.bio_signal.values):
                self.row = self.performance_start
        return np.concatenate(chunks)

    def describe(self) -> str:
        """Return what is simulated."""
        description = f"the take {self.take}" if self.take else f"posed expressions of person {self.options.seed}"
        return f"a simulated performer with two simulated electrodes at the {self.options.ear} ear, {description}"


def _prepend_calm(truth: Track) -> Track:
    """Return the performance after a few seconds of its calmest face; time from 0."""
    rate = max(truth.rate, 1.0)
    weights = np.nan_to_num(truth.select(ARKIT))
    calm = weights[weights.sum(axis=1).argmin()]
    count = round(_CALM_S * rate)
    time = np.concatenate([np.arange(count) / rate, truth.time - truth.time[0] + count / rate])
    return Track(TrackKind.WEIGHTS, time, ARKIT, np.concatenate([np.repeat(calm[None], count, axis=0), weights]))


SPEC = SourceSpec(
    kind="virtual-bio",
    summary="a simulated performer's electrodes",
    options=VirtualBioOptions,
    peer=no_peer,
    create=lambda options, _: VirtualBio(options),
    group=SourceGroup.ELECTRODES,
    menu=MenuEntry(
        "VIRTUAL",
        1,
        "Virtual Performer",
        "A simulated performer with two simulated ear electrodes; no hardware needed",
        "GHOST_ENABLED",
    ),
)
