"""A trained network at work (ONNX Runtime): calibrated motion in, weights and their expected errors out, chunk by chunk or whole takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..channels import ARKIT
from ..errors import InnerfaceError
from ..files import read_bytes
from .kinematics import Motion
from .signal import FRAME_RATE

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "imu.onnx"
LIVE = SHIPPED.with_name("imu-live.onnx")
KIND = "innerface-imu 1"
PARTS = 7  # per site: rotation vector, acceleration, whether it is present
SITES = 11
INPUTS = SITES * PARTS
_ROTATION, _ACCELERATION, _RATE, _SWING = 4.0, 0.3, 0.5, 0.05  # bring inputs to about 1
_CHUNK = 3600  # frames at a time: bounds memory, changes nothing
_THREADS = 2


def inputs(motion: Motion, sites: tuple[str, ...], reference: str) -> np.ndarray:
    """What a network sees of a motion, (T, PARTS * len(sites)) float32: per site rotation vector, acceleration and whether it is present,
    all 0 where it is not. The reference's place is taken by how the head turns (rate, its change), which calibration leaves traces of."""
    known = motion.present()
    out = np.zeros((len(motion.time), len(sites), PARTS), dtype=np.float32)
    for k, site in enumerate(sites):
        if site in motion.sites:
            s = motion.sites.index(site)
            there = known[:, s]
            out[there, k, :3] = motion.rotation[there, s] * _ROTATION
            out[there, k, 3:6] = np.clip(motion.acceleration[there, s] * _ACCELERATION, -5, 5)
            out[there, k, 6] = 1.0
        elif site == reference:
            rate = np.diff(motion.head, axis=0, prepend=motion.head[:1]) * FRAME_RATE
            swing = np.diff(rate, axis=0, prepend=rate[:1]) * FRAME_RATE
            there = np.isfinite(swing).all(axis=1)
            out[there, k, :3] = np.clip(rate[there] * _RATE, -3, 3)
            out[there, k, 3:6] = np.clip(swing[there] * _SWING, -3, 3)
            out[there, k, 6] = 1.0
    return out.reshape(len(out), -1)


@dataclass
class Network:
    """A stream network. `sites`: as its inputs are ordered, `reference` among them; `ahead`: frames that its answers lag behind its inputs;
    `spread` (52,): how far each channel lies from its own median in training, which expected errors are measured by;
    `card`: what it was trained on; `session`: ONNX Runtime's."""

    session: Any
    sites: tuple[str, ...]
    reference: str
    ahead: int
    width: int
    memory: int
    spread: np.ndarray
    card: dict[str, str] = field(default_factory=dict)

    def start(self) -> np.ndarray:
        """The state before anything was seen."""
        return np.zeros((1, self.width, self.memory), dtype=np.float32)

    def push(self, values: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs (n, INPUTS) -> weights (n, 52) not clipped, expected absolute errors (n, 52), both of the frames `ahead` before; state."""
        weights, error, state = self.session.run(None, {"motion": values.T[None].astype(np.float32), "state": state})
        return weights[0].T, error[0].T, state

    def infer(self, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
        """Weights (T, 52) in 0..1 and confidence (T, 52) in 0..1 of a whole motion; NaN where no site is present.

        Confidence is 1 less the expected error by the channel's `spread`: 0 is as good as guessing. Live or offline is the same: frames beyond
        the end, which a network that looks ahead asks for, repeat the last. Raises InnerfaceError where the motion has none of the sites.
        """
        if not set(motion.sites) & set(self.sites):
            raise InnerfaceError(f"none of the sites that the model knows ({', '.join(self.sites)}) is in the take; use its layout")
        values = inputs(motion, self.sites, self.reference)
        values = np.concatenate([values, np.repeat(values[-1:], self.ahead, axis=0)])
        weights, errors, state = [], [], self.start()
        for at in range(0, len(values), _CHUNK):
            w, e, state = self.push(values[at : at + _CHUNK], state)
            weights.append(w)
            errors.append(e)
        confidence = np.clip(1 - np.concatenate(errors)[self.ahead :] / self.spread, 0.0, 1.0).astype(np.float64)
        out = np.clip(np.concatenate(weights)[self.ahead :], 0.0, 1.0).astype(np.float64)
        gone = ~motion.present().any(axis=1)
        out[gone], confidence[gone] = np.nan, np.nan
        return out, confidence


def load(path: str | Path = SHIPPED) -> Network:
    """Read a network. Raises InnerfaceError for a file that is missing, damaged, of another kind or too new, and where ONNX Runtime does not load."""
    data = read_bytes(path, limit=64 << 20)
    try:
        import onnxruntime
    except ImportError as error:
        raise InnerfaceError(f"the network needs ONNX Runtime, which does not load ({error}); use --model linear") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = _THREADS, 1, 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no base
        said = str(error).strip().splitlines()[-1][:160] if str(error).strip() else type(error).__name__
        raise InnerfaceError(f"{path}: ONNX Runtime cannot open it ({said}); copy it again, or export it at an opset that this version knows") from None
    card = dict(session.get_modelmeta().custom_metadata_map)
    if card.pop("kind", "") != KIND:
        raise InnerfaceError(f"{path}: is not a network of this version from face sensors to weights; train one with 'innerface train imu'")
    try:
        sites, channels = tuple(json.loads(card.pop("sites"))), tuple(json.loads(card.pop("channels")))
        spread = np.array(json.loads(card.pop("spread")), dtype=np.float64)
        ahead, reference = int(card.pop("ahead")), card.pop("reference")
        wanted = {i.name: i.shape for i in session.get_inputs()}
        width, memory = wanted["state"][1:]
        fits = channels == ARKIT and len(sites) == SITES and spread.shape == (len(ARKIT),) and wanted["motion"][1] == INPUTS
        fits = fits and 0 <= ahead <= memory and bool((spread > 0).all()) and set(wanted) == {"motion", "state"}
    except (KeyError, ValueError, TypeError):
        fits = False
    if not fits:
        raise InnerfaceError(f"{path}: is a network of another layout; train one with 'innerface train imu'")
    return Network(session, sites, reference, ahead, width, memory, spread, card)
