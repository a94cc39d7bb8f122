"""Simulated takes to learn from, made while the network learns: worker processes fill a store, and batches are drawn from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from ...core.channels import ARKIT
from ...core.face_model import Identities, bundled
from ...core.imu.examples import Example, example, random_effects
from ...core.imu.layout import layout
from ...core.imu.network import PARTS, SITES, inputs
from ...core.performance import augment
from ...core.take import Track
from .linear import BUNDLED_SHARE, performance, real_takes

_LOSE_SITES = 0.3  # of the windows lose one to three sites, as when a sensor dies
_REAL_SHARE, _OWN_SHARE = 0.4, 0.5  # of the performances are real ones, augmented; of those have actions added
_HABITS_SHARE = 0.7  # of all performances get another performer's habits
_CAUSAL_SHARE = 0.3  # of the takes are calibrated as live ones


@dataclass(frozen=True)
class Source:
    """What takes are made of. `ict`: the path of ICT-FaceKit's arrays or None; `real`: a folder of real takes or None; `seed`;
    `generated`: whether generated performances take part (without, only real ones do); `live`: only calibrated as live."""

    ict: Path | None
    real: Path | None
    seed: int
    generated: bool = True
    live: bool = False


@dataclass(frozen=True)
class Sample:
    """One take as a network learns from it: `inputs` (T, INPUTS), `weights` (T, 52), both float16; `use` (T,) the performance itself."""

    inputs: np.ndarray
    weights: np.ndarray
    use: np.ndarray


def sample(made: Example) -> Sample:
    """An example as it is stored."""
    sites = layout()
    values = inputs(made.motion, sites.sites, sites.reference)
    return Sample(values.astype(np.float16), made.weights[:, : len(ARKIT)].astype(np.float16), made.use)


_here: dict[str, Any] = {}  # what a worker keeps from take to take


def _begin(source: Source) -> None:
    if hasattr(os, "nice"):
        os.nice(5)
    Thread(target=_end_with_parent, daemon=True).start()
    _here["source"], _here["faces"] = source, Identities(source.ict) if source.ict else None
    _here["head"], _here["real"] = bundled(), real_takes(source.real)


def _end_with_parent() -> None:
    """A worker whose training was killed would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(number: int) -> Sample | None:
    source: Source = _here["source"]
    rng = np.random.default_rng([source.seed, number])
    face = _here["head"] if _here["faces"] is None or rng.uniform() < BUNDLED_SHARE else _here["faces"].face(rng)
    share = _REAL_SHARE if source.generated else 1.0
    track: Track = performance(rng, _here["real"], share, _OWN_SHARE)
    if rng.uniform() < _HABITS_SHARE:
        track = augment.habits(track, rng)
    causal = source.live or rng.uniform() < _CAUSAL_SHARE
    made = example(track, face, layout(), random_effects(rng), rng, causal=bool(causal))
    return None if made is None else sample(made)


class Store:
    """Takes that batches are drawn from."""

    def __init__(self, takes: list[Sample] | None = None) -> None:
        self.takes: list[Sample] = takes or []

    def batch(self, size: int, length: int, ahead: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs (size, INPUTS, length), weights (size, 52, length) of the frames `ahead` before, and which of these count (size, length)."""
        values = np.zeros((size, SITES * PARTS, length), dtype=np.float32)
        weights, use = np.zeros((size, len(ARKIT), length), dtype=np.float32), np.zeros((size, length), dtype=np.float32)
        for k in range(size):
            made = self.takes[int(rng.integers(len(self.takes)))]
            a = int(rng.integers(max(len(made.inputs) - length, 0) + 1))
            rows = made.inputs[a : a + length]
            values[k, :, : len(rows)] = rows.T
            first = max(a - ahead, 0)
            truth, counts = made.weights[first : a + length - ahead], made.use[first : a + length - ahead]
            at = first - a + ahead
            weights[k, :, at : at + len(truth)], use[k, at : at + len(truth)] = truth.T, counts
            use[k, :ahead] = 0.0  # the network has not seen what these frames were
            if rng.uniform() < _LOSE_SITES:
                for s in rng.choice(SITES, int(rng.integers(1, 4)), replace=False):
                    values[k, PARTS * s : PARTS * (s + 1)] = 0.0
        return values, weights, use


class Supply:
    """A store of up to `capacity` simulated takes that worker processes fill, and renew while batches are drawn. Use as a context.

    `reuse`: windows drawn per take before a further one is asked for: how hard the workers run beside the training. `first`: the number of
    the first take to make, so that a run that goes on does not begin again with the same ones.
    """

    def __init__(self, source: Source, capacity: int, reuse: float, workers: int | None = None, first: int = 0) -> None:
        self.source, self.capacity, self.reuse = source, capacity, reuse
        self.workers = workers or max(os.cpu_count() or 1, 1)
        self.store = Store()
        self.number, self.drawn, self.next = first, 0.0, 0
        self.waiting: list[Future[Sample | None]] = []

    def __enter__(self) -> Supply:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # one thread a worker; read when it starts
            os.environ[name] = "1"
        self.pool = ProcessPoolExecutor(self.workers, get_context("spawn"), _begin, (self.source,))
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    def fill(self, count: int, progress: Callable[[float], None] = lambda _: None) -> None:
        """Wait until `count` takes are there. Raises what a worker raised, and RuntimeError where hardly any take can be calibrated."""
        begin = self.number
        while len(self.store.takes) < count:
            self._ask(min(count - len(self.store.takes), 4 * self.workers) - len(self.waiting))
            self._keep(self.waiting.pop(0).result())
            progress(len(self.store.takes) / count)
            if self.number - begin > 20 * count + 100:
                raise RuntimeError("hardly any simulated take can be calibrated")

    def batch(self, size: int, length: int, ahead: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Store.batch`; now and then a take is renewed."""
        self.drawn += size
        if self.drawn > self.reuse:
            self._ask(min(int(self.drawn / self.reuse), 2 * self.workers - len(self.waiting)))
            self.drawn %= self.reuse
        while self.waiting and self.waiting[0].done():
            self._keep(self.waiting.pop(0).result())
        return self.store.batch(size, length, ahead, rng)

    def _ask(self, count: int) -> None:
        for _ in range(count):
            self.waiting.append(self.pool.submit(_make, self.number))
            self.number += 1

    def _keep(self, made: Sample | None) -> None:
        if made is None:
            return
        if len(self.store.takes) < self.capacity:
            self.store.takes.append(made)
        else:
            self.store.takes[self.next] = made
            self.next = (self.next + 1) % self.capacity
