"""Supply of training examples: worker processes simulate takes into a store, and batches are drawn from it."""

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

from ...core.arrays import Array
from ...core.face.channels import ARKIT, GAZE_AND_BLINKS
from ...core.face.face_model import IdentityModel, load_bundled
from ...core.imu.layout import load_layout
from ...core.imu.network import INPUTS_PER_SITE, SITE_COUNT, network_inputs
from ...core.imu.simulation.examples import TrainingExample, random_board, random_effects, simulated_example
from ...core.performance import augment
from ...core.take import Track
from .linear import BOARD_SHARE, BUNDLED_HEAD_SHARE, HELD_OUT, TRAINING_TAKES, random_performance, real_takes

_LOST_SITES_SHARE = 0.3  # of the windows; they lose one to three sites
_REAL_SHARE, _ADDED_ACTIONS_SHARE = 0.5, 0.5  # of the performances; of the real ones
_VARIED_STYLE_SHARE = 0.7  # of the performances; they get the style of another performer
_CAUSAL_SHARE = 0.3  # of the takes; they are calibrated as live
_KNOWN_REST_SHARE = 0.5  # of the windows; the network is told the relaxed face
_REST_NOISE = 0.02  # sd of a weight of the relaxed face as a camera saw it [C]
_IS_GAZE_OR_BLINK = np.isin(ARKIT, GAZE_AND_BLINKS)


@dataclass(frozen=True)
class ExampleSource:
    """Ingredients of simulated takes.

    Attributes
    ----------
    ict : path of ICT-FaceKit's arrays, or None
    real : folder of real takes, or None
    seed : of all random numbers
    generated : use generated performances, too
    live : calibrate all takes as live
    held_out : use the test takes, too, which is for networks to ship beside ones that were trained without
    """

    ict: Path | None
    real: Path | None
    seed: int
    generated: bool = True
    live: bool = False
    held_out: bool = False

    @property
    def take_names(self) -> tuple[str, ...]:
        """Names of the real takes that are used."""
        return (*TRAINING_TAKES, *(HELD_OUT if self.held_out else ()))


@dataclass(frozen=True)
class TrainingSample:
    """One take: `inputs` (T, INPUT_COUNT), `weights` (T, 52) in float16, and `mask` (T,) of frames to learn from.

    `rest` (52,): the relaxed face; None where it is not known.
    """

    inputs: Array
    weights: Array
    mask: Array
    rest: Array | None = None


@dataclass(frozen=True)
class Batch:
    """Windows of L frames to learn from.

    Attributes
    ----------
    inputs : (N, INPUT_COUNT, L)
    weights : (N, 52, L), of the frames `ahead` earlier
    mask : (N, L), 1 for frames to learn from
    rest : (N, 53), the relaxed face and 1, or 0 everywhere where the network is not told
    """

    inputs: Array
    weights: Array
    mask: Array
    rest: Array


def training_sample(simulated: TrainingExample) -> TrainingSample:
    """Convert an example for the store."""
    sites = load_layout()
    values = network_inputs(simulated.motion, sites.sites, sites.reference)
    return TrainingSample(
        values.astype(np.float16), simulated.weights[:, : len(ARKIT)].astype(np.float16), simulated.use, simulated.rest
    )


_worker_state: dict[str, Any] = {}  # of a worker process


def _initialise_worker(source: ExampleSource) -> None:
    if hasattr(os, "nice"):
        os.nice(5)
    Thread(target=_exit_with_parent, daemon=True).start()
    _worker_state["source"], _worker_state["faces"] = source, IdentityModel(source.ict) if source.ict else None
    _worker_state["head"], _worker_state["real"] = load_bundled(), real_takes(source.real, source.take_names)


def _exit_with_parent() -> None:
    """End the worker where the training process was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make_sample(number: int) -> TrainingSample | None:
    source: ExampleSource = _worker_state["source"]
    rng = np.random.default_rng([source.seed, number])
    face = (
        _worker_state["head"]
        if _worker_state["faces"] is None or rng.uniform() < BUNDLED_HEAD_SHARE
        else _worker_state["faces"].sample(rng)
    )
    share = _REAL_SHARE if source.generated else 1.0
    track: Track = random_performance(rng, _worker_state["real"], real_share=share, added_actions=_ADDED_ACTIONS_SHARE)
    if rng.uniform() < _VARIED_STYLE_SHARE:
        track = augment.vary_style(track, rng)
    causal = source.live or rng.uniform() < _CAUSAL_SHARE
    simulated = simulated_example(
        track,
        face,
        load_layout(),
        effects=random_effects(rng),
        rng=rng,
        causal=bool(causal),
        board=random_board(rng) if rng.uniform() < BOARD_SHARE else None,
    )
    return None if simulated is None else training_sample(simulated)


class SampleStore:
    """Takes from which batches are drawn."""

    def __init__(self, takes: list[TrainingSample] | None = None) -> None:
        self.takes: list[TrainingSample] = takes or []

    def batch(self, size: int, length: int, ahead: int, *, rng: np.random.Generator) -> Batch:
        """Draw `size` windows of `length` frames."""
        values = np.zeros((size, SITE_COUNT * INPUTS_PER_SITE, length), dtype=np.float32)
        weights, mask = (
            np.zeros((size, len(ARKIT), length), dtype=np.float32),
            np.zeros((size, length), dtype=np.float32),
        )
        rest = np.zeros((size, len(ARKIT) + 1), dtype=np.float32)
        for k in range(size):
            take = self.takes[int(rng.integers(len(self.takes)))]
            start = int(rng.integers(max(len(take.inputs) - length, 0) + 1))
            rows = take.inputs[start : start + length]
            values[k, :, : len(rows)] = rows.T
            first = max(start - ahead, 0)
            truth, truth_mask = take.weights[first : start + length - ahead], take.mask[first : start + length - ahead]
            offset = first - start + ahead
            weights[k, :, offset : offset + len(truth)], mask[k, offset : offset + len(truth)] = truth.T, truth_mask
            mask[k, :ahead] = 0.0  # the network has not seen these frames
            if rng.uniform() < _LOST_SITES_SHARE:
                for s in rng.choice(SITE_COUNT, int(rng.integers(1, 4)), replace=False):
                    values[k, INPUTS_PER_SITE * s : INPUTS_PER_SITE * (s + 1)] = 0.0
            if take.rest is not None and rng.uniform() < _KNOWN_REST_SHARE:
                elsewhere = take.weights[int(rng.integers(len(take.weights)))]
                seen = np.where(_IS_GAZE_OR_BLINK, elsewhere, take.rest) + rng.normal(0, _REST_NOISE, len(ARKIT))
                rest[k] = np.append(np.clip(seen, 0, 1), 1.0)
        return Batch(values, weights, mask, rest)


class SampleSupply:
    """A store that worker processes fill, and renew while batches are drawn. Use it as a context manager.

    Parameters
    ----------
    source : ingredients of the takes
    capacity : largest number of takes
    windows_per_take : windows that are drawn per new take, which limits the load of the workers
    workers : number of processes; one per core if not given
    first_number : number of the first take, so that a resumed run gets new ones
    """

    def __init__(
        self,
        source: ExampleSource,
        *,
        capacity: int,
        windows_per_take: float,
        workers: int | None = None,
        first_number: int = 0,
    ) -> None:
        self.source, self.capacity, self.windows_per_take = source, capacity, windows_per_take
        self.workers = workers or max(os.cpu_count() or 1, 1)
        self.store = SampleStore()
        self.next_number, self.windows_drawn, self.next_slot = first_number, 0.0, 0
        self.pending: list[Future[TrainingSample | None]] = []

    def __enter__(self) -> SampleSupply:
        for name in (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
        ):  # one thread per worker, which reads these when it starts
            os.environ[name] = "1"
        self.pool = ProcessPoolExecutor(self.workers, get_context("spawn"), _initialise_worker, (self.source,))
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    def fill(self, count: int, progress: Callable[[float], None] = lambda _: None) -> None:
        """Wait until there are `count` takes. Raises the workers' errors, and RuntimeError without usable takes."""
        first_number = self.next_number
        while len(self.store.takes) < count:
            self._submit(min(count - len(self.store.takes), 4 * self.workers) - len(self.pending))
            self._add(self.pending.pop(0).result())
            progress(len(self.store.takes) / count)
            if self.next_number - first_number > 20 * count + 100:
                raise RuntimeError("hardly any simulated take can be calibrated")

    def batch(self, size: int, length: int, ahead: int, *, rng: np.random.Generator) -> Batch:
        """Draw a batch as `SampleStore.batch` does, and renew takes."""
        self.windows_drawn += size
        if self.windows_drawn > self.windows_per_take:
            self._submit(min(int(self.windows_drawn / self.windows_per_take), 2 * self.workers - len(self.pending)))
            self.windows_drawn %= self.windows_per_take
        while self.pending and self.pending[0].done():
            self._add(self.pending.pop(0).result())
        return self.store.batch(size, length, ahead, rng=rng)

    def _submit(self, count: int) -> None:
        for _ in range(count):
            self.pending.append(self.pool.submit(_make_sample, self.next_number))
            self.next_number += 1

    def _add(self, sample: TrainingSample | None) -> None:
        if sample is None:
            return
        if len(self.store.takes) < self.capacity:
            self.store.takes.append(sample)
        else:
            self.store.takes[self.next_slot] = sample
            self.next_slot = (self.next_slot + 1) % self.capacity
