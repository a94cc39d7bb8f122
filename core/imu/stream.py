"""Samples that arrive one by one, from several devices at once, as frames at FRAME_RATE: `signal.resample` at work, live."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .signal import FRAME_RATE, LONGEST_GAP_S, LOOKAHEAD, ImuSignal, resample

_KEPT_S = LONGEST_GAP_S + 4 * LOOKAHEAD / FRAME_RATE + 0.1  # of the past: what a sample can still be seen in
_PATIENCE, _LONGEST_WAIT_S = 1.5, 0.2  # sample intervals that a frame waits for a sample that does not come; more where samples come late
_MOST = 600  # frames at once
_FORGET_S = 5.0  # how long one late sample makes frames wait longer


@dataclass
class _Device:
    """The last samples of sites that share their times."""

    columns: list[int]
    step: float
    time: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rotation: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 4)))
    acceleration: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3)))
    late: float = 0.0  # how long samples are on their way, lately: the latest counts, and is forgotten slowly

    @property
    def patience(self) -> float:
        """How long a frame waits for this device, s."""
        return min(max(_PATIENCE * self.step, self.late + 0.5 * self.step if self.late > self.step else 0.0), max(_LONGEST_WAIT_S, _PATIENCE * self.step))

    def add(self, time: float, rotation: np.ndarray, acceleration: np.ndarray) -> bool:
        """Insert a sample where it belongs; False where there is one of that time."""
        k = int(np.searchsorted(self.time, time))
        if k < len(self.time) and self.time[k] == time:
            return False
        if not len(self.time):
            self.rotation, self.acceleration = np.zeros((0, len(self.columns), 4)), np.zeros((0, len(self.columns), 3))
        self.time = np.concatenate([self.time[:k], [time], self.time[k:]])
        self.rotation = np.concatenate([self.rotation[:k], rotation[None], self.rotation[k:]])
        self.acceleration = np.concatenate([self.acceleration[:k], acceleration[None], self.acceleration[k:]])
        return True

    def whole_until(self, since: float) -> float:
        """The sample after which the first one is missing, from a time on: packets overtake one another."""
        first = max(int(np.searchsorted(self.time, since)) - 1, 0)
        gaps = np.flatnonzero(np.diff(self.time[first:]) > 1.5 * self.step)
        return float(self.time[first + gaps[0]] if len(gaps) else self.time[-1])

    def forget(self, before: float) -> None:
        k = int(np.searchsorted(self.time, before)) - 1
        if k > 0:
            self.time, self.rotation, self.acceleration = self.time[k:], self.rotation[k:], self.acceleration[k:]


class Frames:
    """Frames k = 0, 1, ... at `start` + k / FRAME_RATE of S sites. What comes out equals `resample(..., causal=True)` of the whole take wherever
    samples arrive before a frame's patience ends; later ones are held to be lost, as there. Patience is 1.5 sample intervals, and up to 0.2 s where
    samples have lately come late (a busy network or computer): rather late than without them. Frames wait only while a sample is missing.
    """

    def __init__(self, sites: tuple[str, ...], start: float) -> None:
        self.sites, self.start, self.next = sites, start, 0
        self.devices: list[_Device] = []
        self.last = np.full((len(sites), 4), np.nan)

    def device(self, columns: list[int], step: float) -> int:
        """One more device, by the indices into `sites` of those that share its times, and its sample interval in s; its number. Raises ValueError
        where another one has one of its sites."""
        taken = {c for device in self.devices for c in device.columns}
        if taken & set(columns):
            raise ValueError(f"{self.sites[min(taken & set(columns))]} has a device already")
        free = next((k for k, device in enumerate(self.devices) if not device.columns), len(self.devices))
        self.devices[free : free + 1] = [_Device(columns, step)]
        return free

    def drop(self, device: int) -> None:
        """This device's sites are free again, and missing until another one has them."""
        self.devices[device] = _Device([], 1.0)

    def add(self, device: int, time: float, rotation: np.ndarray, acceleration: np.ndarray, now: float | None = None) -> bool:
        """A sample (G, 4), (G, 3) of one device, heard `now` (default: at once); NaN where a site did not send. False for one that repeats a time."""
        d = self.devices[device]
        if not d.columns:
            return False
        d.late = max(0.0 if now is None else now - time, d.late * (1 - min(d.step / _FORGET_S, 1.0)))
        return d.add(time, rotation, acceleration)

    def take(self, now: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames that have become known by `now`: times (n,), rotations (n, S, 4), and accelerations (n, S, 3) of the frames LOOKAHEAD before."""
        last = self._ready(now)
        count = last - self.next + 1
        if count > _MOST:  # the computer slept: nobody wants to see all that now
            self.next, count = last + 1 - _MOST, _MOST
        if count <= 0:
            return np.zeros(0), np.zeros((0, len(self.sites), 4)), np.zeros((0, len(self.sites), 3))
        at = self.start + np.arange(self.next - LOOKAHEAD, last + 1) / FRAME_RATE
        rotation, acceleration = np.full((len(at), len(self.sites), 4), np.nan), np.full((len(at), len(self.sites), 3), np.nan)
        for device in self.devices:
            if len(device.time):
                names = tuple(self.sites[c] for c in device.columns)
                part = resample(ImuSignal(device.time, names, device.rotation, device.acceleration, False, ""), at, causal=True, step=device.step)
                rotation[:, device.columns], acceleration[:, device.columns] = part.rotation, part.acceleration
            device.forget(at[-1] - _KEPT_S)
        self.next = last + 1
        rotation, acceleration = self._continued(rotation[LOOKAHEAD:]), acceleration[:-LOOKAHEAD]
        acceleration[at[:-LOOKAHEAD] < self.start - 1e-9] = np.nan
        return at[LOOKAHEAD:], rotation, acceleration

    def _ready(self, now: float) -> int:
        """The last frame that need not wait any longer."""
        last = int(np.floor((now - self.start) * FRAME_RATE + 1e-6))
        for device in self.devices:
            if not len(device.time) or now - device.time[-1] > LONGEST_GAP_S + device.patience:
                continue  # it is gone: nobody waits for it
            known = max(device.whole_until(self.start + self.next / FRAME_RATE), now - device.patience)
            last = min(last, int(np.floor((known - self.start) * FRAME_RATE + 1e-6)))
        return last

    def _continued(self, rotation: np.ndarray) -> np.ndarray:
        """Rotations without a sign flip against the frames before."""
        known = ~np.isnan(rotation).any(-1)
        first = known.argmax(0)
        columns = np.flatnonzero(known.any(0))
        flip = columns[(rotation[first[columns], columns] * self.last[columns]).sum(-1) < 0]
        rotation[:, flip] = -rotation[:, flip]
        newest = len(rotation) - 1 - known[::-1].argmax(0)
        self.last[columns] = rotation[newest[columns], columns]
        return rotation
