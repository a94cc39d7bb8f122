"""Live resampling: samples that arrive one by one from several devices become frames at FRAME_RATE."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..rates import FRAME_RATE
from .signal import LOOKAHEAD, MAX_GAP_S, ImuSignal, resample

_HISTORY_S = MAX_GAP_S + 4 * LOOKAHEAD / FRAME_RATE + 0.1  # how long a sample can influence frames
_WAIT_INTERVALS = 1.5  # sample intervals that a frame waits for a missing sample; longer where samples come late
_MAX_WAIT_S = 0.2
_MAX_FRAMES = 600  # at once
_LATENCY_DECAY_S = 5.0  # how long one late sample makes frames wait longer


@dataclass
class _DeviceBuffer:
    """Recent samples of one device, whose sites share their times."""

    columns: list[int]
    step: float
    time: Array = field(default_factory=lambda: np.zeros(0))
    rotation: Array = field(default_factory=lambda: np.zeros((0, 0, 4)))
    acceleration: Array = field(default_factory=lambda: np.zeros((0, 0, 3)))
    latency: float = 0.0  # recent maximum of the transmission time, s; decays slowly

    @property
    def max_wait(self) -> float:
        """How long a frame waits for this device, s."""
        return min(
            max(_WAIT_INTERVALS * self.step, self.latency + 0.5 * self.step if self.latency > self.step else 0.0),
            max(_MAX_WAIT_S, _WAIT_INTERVALS * self.step),
        )

    def add(self, time: float, rotation: Array, acceleration: Array) -> bool:
        """Insert a sample in order of time; False where there is one of that time."""
        k = int(np.searchsorted(self.time, time))
        if k < len(self.time) and self.time[k] == time:
            return False
        if not len(self.time):
            self.rotation, self.acceleration = np.zeros((0, len(self.columns), 4)), np.zeros((0, len(self.columns), 3))
        self.time = np.concatenate([self.time[:k], [time], self.time[k:]])
        self.rotation = np.concatenate([self.rotation[:k], rotation[None], self.rotation[k:]])
        self.acceleration = np.concatenate([self.acceleration[:k], acceleration[None], self.acceleration[k:]])
        return True

    def complete_until(self, since: float) -> float:
        """Time of the last sample before the first gap after `since`; packets may overtake one another."""
        first = max(int(np.searchsorted(self.time, since)) - 1, 0)
        gaps = np.flatnonzero(np.diff(self.time[first:]) > 1.5 * self.step)
        return float(self.time[first + gaps[0]] if len(gaps) else self.time[-1])

    def drop_before(self, time: float) -> None:
        """Forget samples that no frame from this time on needs."""
        k = int(np.searchsorted(self.time, time)) - 1
        if k > 0:
            self.time, self.rotation, self.acceleration = self.time[k:], self.rotation[k:], self.acceleration[k:]


class FrameStream:
    """Frames k = 0, 1, ... of S sites at `start` + k / FRAME_RATE.

    Frames equal `resample(..., causal=True)` of the whole take where samples arrive in time; samples that arrive too
    late count as lost. A frame waits for a missing sample for 1.5 sample intervals, and for up to 0.2 s where samples
    have recently been late (a busy network or computer).
    """

    def __init__(self, sites: tuple[str, ...], start: float) -> None:
        self.sites, self.start_time, self.next_frame = sites, start, 0
        self.devices: list[_DeviceBuffer] = []
        self.last_rotation = np.full((len(sites), 4), np.nan)

    def add_device(self, columns: list[int], step: float) -> int:
        """Add a device and return its number. Raises ValueError where another device has one of its sites.

        `columns`: indices of its sites; `step`: its sample interval, s.
        """
        used_columns = {c for device in self.devices for c in device.columns}
        if used_columns & set(columns):
            raise ValueError(f"{self.sites[min(used_columns & set(columns))]} has a device already")
        slot = next((k for k, device in enumerate(self.devices) if not device.columns), len(self.devices))
        self.devices[slot : slot + 1] = [_DeviceBuffer(columns, step)]
        return slot

    def remove_device(self, device: int) -> None:
        """Remove a device; its sites are missing until another device has them."""
        self.devices[device] = _DeviceBuffer([], 1.0)

    def add_sample(
        self, device: int, time: float, *, rotation: Array, acceleration: Array, now: float | None = None
    ) -> bool:
        """Add a sample (G, 4), (G, 3) of a device's G sites, NaN where missing; False where it repeats a time.

        `now`: when it arrived, s; at `time` if not given.
        """
        d = self.devices[device]
        if not d.columns:
            return False
        d.latency = max(0.0 if now is None else now - time, d.latency * (1 - min(d.step / _LATENCY_DECAY_S, 1.0)))
        return d.add(time, rotation, acceleration)

    def is_over(self, time: float) -> bool:
        """Whether a sample of this time comes too late for every frame."""
        return (time - self.start_time) * FRAME_RATE < self.next_frame - 1 - LOOKAHEAD

    def take_frames(self, now: float) -> tuple[Array, Array, Array]:
        """Take the frames that are complete at `now`: times (n,), rotations (n, S, 4) and accelerations (n, S, 3).

        Accelerations belong to the frames LOOKAHEAD earlier.
        """
        last = self._last_ready_frame(now)
        count = last - self.next_frame + 1
        if count > _MAX_FRAMES:  # after a suspension of the computer
            self.next_frame, count = last + 1 - _MAX_FRAMES, _MAX_FRAMES
        if count <= 0:
            return np.zeros(0), np.zeros((0, len(self.sites), 4)), np.zeros((0, len(self.sites), 3))
        at = self.start_time + np.arange(self.next_frame - LOOKAHEAD, last + 1) / FRAME_RATE
        rotation, acceleration = (
            np.full((len(at), len(self.sites), 4), np.nan),
            np.full((len(at), len(self.sites), 3), np.nan),
        )
        for device in self.devices:
            if len(device.time):
                names = tuple(self.sites[c] for c in device.columns)
                part = resample(
                    ImuSignal(device.time, names, device.rotation, device.acceleration, False, ""),
                    at,
                    causal=True,
                    step=device.step,
                )
                rotation[:, device.columns], acceleration[:, device.columns] = part.rotation, part.acceleration
            device.drop_before(at[-1] - _HISTORY_S)
        self.next_frame = last + 1
        rotation, acceleration = self._make_continuous(rotation[LOOKAHEAD:]), acceleration[:-LOOKAHEAD]
        acceleration[at[:-LOOKAHEAD] < self.start_time - 1e-9] = np.nan
        return at[LOOKAHEAD:], rotation, acceleration

    def _last_ready_frame(self, now: float) -> int:
        """Number of the last frame that need not wait any longer."""
        last = int(np.floor((now - self.start_time) * FRAME_RATE + 1e-6))
        for device in self.devices:
            if not len(device.time) or now - device.time[-1] > MAX_GAP_S + device.max_wait:
                continue  # it is lost; frames do not wait for it
            known = max(device.complete_until(self.start_time + self.next_frame / FRAME_RATE), now - device.max_wait)
            last = min(last, int(np.floor((known - self.start_time) * FRAME_RATE + 1e-6)))
        return last

    def _make_continuous(self, rotation: Array) -> Array:
        """Remove sign flips relative to the frames before, in place."""
        known = ~np.isnan(rotation).any(-1)
        first = known.argmax(0)
        columns = np.flatnonzero(known.any(0))
        flip = columns[(rotation[first[columns], columns] * self.last_rotation[columns]).sum(-1) < 0]
        rotation[:, flip] = -rotation[:, flip]
        newest = len(rotation) - 1 - known[::-1].argmax(0)
        self.last_rotation[columns] = rotation[newest[columns], columns]
        return rotation
