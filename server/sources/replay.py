"""Replay of a recorded take, in real time or faster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import InnerfaceError
from ...core.take import Track, TrackKind
from ..arguments import PanelField, argument
from ..messages import BioSample, FaceSample, ImuSample
from ..specs import MenuEntry, SourceGroup, SourceSpec, no_peer

if TYPE_CHECKING:
    from ..hub import Hub

_MAX_BLOCK_S = 0.004  # between yields to the event loop
_BATCH_S = 0.02  # of biosignals, as boards send them


class ReplaySource:
    """Replays a take `speed` times as fast as it was recorded, once or in a loop."""

    name = "file"

    def __init__(self, path: str | Path, speed: float = 1.0, loop: bool = False) -> None:
        if not 0.01 <= speed <= 1000:
            raise InnerfaceError(f"file: speed={speed:g}: give a number from 0.01 to 1000")
        self.path, self.speed, self.loop = Path(path), speed, loop
        self.task: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()

    async def start(self, hub: Hub) -> None:
        """Read the take and start the replay. Raises InnerfaceError."""
        from ...core import formats

        take = await asyncio.to_thread(formats.read_take, self.path)
        tracks = [t for t in take.tracks.values() if t.kind in _READERS and len(t.time)]
        if not tracks:
            raise InnerfaceError(f"{self.path}: has nothing to play; give a take of sensors, weights or biosignals")
        for note in take.notes:
            hub.note(note)
        if self.speed != 1 and any(t.kind == TrackKind.BIOSIGNAL for t in tracks):
            hub.note(f"{self.path.name}: electrodes drive a face at speed=1 only")
        self.task = hub.loop.create_task(self._play(hub, tracks))
        self.task.add_done_callback(hub.on_task_done)

    async def stop(self) -> None:
        """Stop the replay."""
        if self.task is not None:
            self.task.cancel()

    async def _play(self, hub: Hub, tracks: list[Track]) -> None:
        count_by_kind = {kind: sum(t.kind == kind for t in tracks) for kind in _READERS}
        readers = [_READERS[t.kind](t, f" {k}" if count_by_kind[t.kind] > 1 else "") for k, t in enumerate(tracks)]
        first_time = min(float(t.time[0]) for t in tracks)
        schedule = sorted(
            (float(tracks[k].time[row]), k, row) for k, reader in enumerate(readers) for row in reader.rows
        )
        count, last_yield = 0, hub.now()
        while True:
            start = hub.now()
            for at, k, row in schedule:
                wait = (at - first_time) / self.speed - (hub.now() - start)
                if wait > 0.001:
                    await asyncio.sleep(wait)
                elif hub.now() - last_yield > _MAX_BLOCK_S:
                    await asyncio.sleep(0)
                    last_yield = hub.now()
                # the device's clock runs with the replay, whatever its speed
                time = (at - first_time) / self.speed + start
                hub.receive(self.name, readers[k].message(self.path.name, row, time=time, count=count))
                count += 1
            if not self.loop:
                break
        self.finished.set()

    def describe(self) -> str:
        """Return the file and the speed."""
        return f"{self.path}, {self.speed:g} x real time" + (", in a loop" if self.loop else "")


class _ImuReader:
    def __init__(self, track: Track, suffix: str) -> None:
        from ...core.imu.signal import from_track

        self.signal, self.suffix, self.rows = from_track(track), suffix.strip(), range(len(track.time))

    def message(self, name: str, row: int, *, time: float, count: int) -> ImuSample:
        s = self.signal
        return ImuSample(
            name, s.sites, s.rotation[row], s.acceleration[row], time, None, s.linear, s.up, substream=self.suffix
        )


class _FaceReader:
    def __init__(self, track: Track, suffix: str) -> None:
        self.track, self.suffix, self.rows = track, suffix, range(len(track.time))

    def message(self, name: str, row: int, *, time: float, count: int) -> FaceSample:
        values = self.track.values[row]
        return FaceSample(
            name + self.suffix, {c: float(v) for c, v in zip(self.track.columns, values) if np.isfinite(v)}, time
        )


class _BioReader:
    """Batches of biosignals; `rows` holds the last row of each."""

    def __init__(self, track: Track, suffix: str) -> None:
        from ...core.bio.signal import sample_rate

        self.track, self.suffix = track, suffix
        self.rate = sample_rate(track) if len(track.time) > 1 else 250.0
        batch = np.floor((track.time - track.time[0]) / max(_BATCH_S, 1 / self.rate)).astype(int)
        self.rows = [*np.flatnonzero(np.diff(batch)).tolist(), len(batch) - 1]
        self.first_row = dict(zip(self.rows, [0, *(row + 1 for row in self.rows)]))

    def message(self, name: str, row: int, *, time: float, count: int) -> BioSample:
        return BioSample(
            name + self.suffix, self.track.columns, self.track.values[self.first_row[row] : row + 1], self.rate, time
        )


_READERS: dict[str, type[_ImuReader | _FaceReader | _BioReader]] = {
    TrackKind.IMU: _ImuReader,
    TrackKind.WEIGHTS: _FaceReader,
    TrackKind.BIOSIGNAL: _BioReader,
}


@dataclass(frozen=True)
class ReplayOptions:
    """Arguments of `file`."""

    take: str = argument(
        "",
        positional=True,
        required=True,
        path=True,
        metavar="TAKE",
        help="a take of sensors, electrodes or weights, in any format that is read",
        field=PanelField(
            "take",
            "Take",
            "Take to play, with sensor data or weights",
            subtype="FILE_PATH",
            missing="no take is chosen; choose one under Connect",
        ),
    )
    speed: float = argument(1.0, metavar="X", help="1 is real time")
    loop: bool = argument(False, help="start again at the end")


SPEC = SourceSpec(
    kind="file",
    summary="a recorded take, replayed",
    options=ReplayOptions,
    peer=no_peer,
    create=lambda options, _: ReplaySource(options.take, options.speed, options.loop),
    group=SourceGroup.SENSORS,
    menu=MenuEntry(
        "TAKE",
        5,
        "Recorded Take",
        "A recorded take, played in a loop as if it were live",
        "FILE_MOVIE",
        preset={"loop": True},
    ),
)
