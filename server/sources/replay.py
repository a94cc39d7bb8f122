"""A recorded take as if it came now: in real time, or faster."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from ...core import formats
from ...core.bio.signal import rate_of
from ...core.errors import InnerfaceError
from ...core.imu.signal import from_track
from ...core.take import Track
from ..hub import Hub
from ..messages import Bio, Face, Imu

_TURN_S = 0.004  # the longest that the loop is kept from others
_BATCH_S = 0.02  # of biosignals, which boards send in batches, too


class Replay:
    """`speed`: 1 is real time. `loop`: over and over."""

    name = "file"

    def __init__(self, path: str | Path, speed: float = 1.0, loop: bool = False) -> None:
        if not 0.01 <= speed <= 1000:
            raise InnerfaceError(f"file: speed={speed:g}: give a number from 0.01 to 1000")
        self.path, self.speed, self.loop = Path(path), speed, loop
        self.task: asyncio.Task[None] | None = None
        self.done = asyncio.Event()

    async def start(self, hub: Hub) -> None:
        """Read the take and begin. Raises InnerfaceError."""
        take = await asyncio.to_thread(formats.read_take, self.path)
        tracks = [t for t in take.tracks.values() if t.kind in ("imu", "weights", "biosignal") and len(t.time)]
        if not tracks:
            raise InnerfaceError(f"{self.path}: holds nothing to play; give a take of sensors, weights or biosignals")
        for note in take.notes:
            hub.note(note)
        if self.speed != 1 and any(t.kind == "biosignal" for t in tracks):
            hub.note(f"{self.path.name}: electrodes make a face at speed=1 only")
        self.task = hub.loop.create_task(self._play(hub, tracks))
        self.task.add_done_callback(hub._broken)

    async def stop(self) -> None:
        """End."""
        if self.task is not None:
            self.task.cancel()

    async def _play(self, hub: Hub, tracks: list[Track]) -> None:
        count_by_kind = {kind: sum(t.kind == kind for t in tracks) for kind in ("imu", "weights", "biosignal")}
        kinds = {"imu": _Imu, "weights": _Rows, "biosignal": _Batches}
        readers = [kinds[t.kind](t, f" {k}" if count_by_kind[t.kind] > 1 else "") for k, t in enumerate(tracks)]
        first = min(float(t.time[0]) for t in tracks)
        order = sorted((float(tracks[k].time[row]), k, row) for k, reader in enumerate(readers) for row in reader.rows)
        count, turn = 0, hub.now()
        while True:
            begin = hub.now()
            for at, k, row in order:
                ahead = (at - first) / self.speed - (hub.now() - begin)
                if ahead > 0.001:
                    await asyncio.sleep(ahead)
                elif hub.now() - turn > _TURN_S:
                    await asyncio.sleep(0)
                    turn = hub.now()
                # a device's clock that runs with the replay: at another speed, samples lie as close as they come
                hub.receive(self.name, readers[k].message(self.path.name, row, (at - first) / self.speed + begin, count))
                count += 1
            if not self.loop:
                break
        self.done.set()

    def about(self) -> str:
        """The file."""
        return f"{self.path}, {self.speed:g} x real time" + (", over and over" if self.loop else "")


class _Imu:
    def __init__(self, track: Track, part: str) -> None:
        self.signal, self.part, self.rows = from_track(track), part.strip(), range(len(track.time))

    def message(self, name: str, row: int, time: float, count: int) -> Imu:
        s = self.signal
        return Imu(name, s.sites, s.rotation[row], s.acceleration[row], time, None, s.linear, s.up, part=self.part)


class _Rows:
    def __init__(self, track: Track, part: str) -> None:
        self.track, self.part, self.rows = track, part, range(len(track.time))

    def message(self, name: str, row: int, time: float, count: int) -> Face:
        values = self.track.values[row]
        return Face(name + self.part, {c: float(v) for c, v in zip(self.track.columns, values) if np.isfinite(v)}, time)


class _Batches:
    """`rows`: the last of each batch."""

    def __init__(self, track: Track, part: str) -> None:
        self.track, self.part = track, part
        self.rate = rate_of(track) if len(track.time) > 1 else 250.0
        batch = np.floor((track.time - track.time[0]) / max(_BATCH_S, 1 / self.rate)).astype(int)
        self.rows = [*np.flatnonzero(np.diff(batch)).tolist(), len(batch) - 1]
        self.first = dict(zip(self.rows, [0, *(row + 1 for row in self.rows)]))

    def message(self, name: str, row: int, time: float, count: int) -> Bio:
        return Bio(name + self.part, self.track.columns, self.track.values[self.first[row] : row + 1], self.rate, time)
