"""Networks from motion to weights and their expected errors, by ONNX Runtime, in chunks or over whole takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..numerics.model_files import OnnxModel, load_onnx
from ..rates import FRAME_RATE
from .kinematics import Motion

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "imu.onnx"
LIVE = SHIPPED.with_name("imu-live.onnx")
# The same, but that they have not learned from the test takes, so that they can be measured on these.
EVALUATION = SHIPPED.parent / "evaluation"
KIND = "innerface-imu 1"
_UNREADABLE = "copy it again, or export it at an opset that this version knows"
INPUTS_PER_SITE = 7  # rotation vector, acceleration, whether it is present
SITE_COUNT = 11
INPUT_COUNT = SITE_COUNT * INPUTS_PER_SITE
_ROTATION_SCALE, _ACCELERATION_SCALE, _RATE_SCALE, _RATE_CHANGE_SCALE = 4.0, 0.3, 0.5, 0.05  # scale inputs to about 1
MIN_EXPLAINED = 0.4  # of a channel's variance; channels below this are guessed rather than observed
_CHUNK = 3600  # frames at a time, which bounds the memory
_BATCH = 32  # windows at a time
_THREADS = 2


def network_inputs(
    motion: Motion, sites: tuple[str, ...], reference: str, *, previous_head: Array | None = None
) -> Array:
    """Inputs (T, INPUTS_PER_SITE * len(sites)) float32 of a network: rotation vector, acceleration, presence of sites.

    All are 0 where a site is missing. The reference has the rate of the head's angles and its change instead, since
    calibration leaves traces of the head's motion. `previous_head` (2, 3): the head's angles in the two frames
    before; if not given, the head was still.
    """
    known = motion.present()
    out = np.zeros((len(motion.time), len(sites), INPUTS_PER_SITE), dtype=np.float32)
    for k, site in enumerate(sites):
        if site in motion.sites:
            s = motion.sites.index(site)
            measured = known[:, s]
            out[measured, k, :3] = motion.rotation[measured, s] * _ROTATION_SCALE
            out[measured, k, 3:6] = np.clip(motion.acceleration[measured, s] * _ACCELERATION_SCALE, -5, 5)
            out[measured, k, 6] = 1.0
        elif site == reference:
            head = np.concatenate(
                [np.repeat(motion.head[:1], 2, axis=0) if previous_head is None else previous_head, motion.head]
            )
            rate = np.diff(head, axis=0) * FRAME_RATE
            rate, rate_change = rate[1:], np.diff(rate, axis=0) * FRAME_RATE
            measured = np.isfinite(rate_change).all(axis=1)
            out[measured, k, :3] = np.clip(rate[measured] * _RATE_SCALE, -3, 3)
            out[measured, k, 3:6] = np.clip(rate_change[measured] * _RATE_CHANGE_SCALE, -3, 3)
            out[measured, k, 6] = 1.0
    return out.reshape(len(out), -1)


@dataclass
class Network:
    """A trained network.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
    sites : in the order of its inputs
    reference : that of the sites whose inputs are the head's motion
    ahead : frames by which its outputs lag behind its inputs
    width, memory : size of its state
    window : frames that it sees at once; 0 for a stream
    diffusion : whether it can refine its output in steps
    uses_rest : whether it can be told the performer's relaxed face
    spread : (52,), mean distance of each channel from its median in training, the scale of expected errors
    explained : (52,), share of each channel's variance within unseen simulated takes that the network explained
    card : what it was trained on
    id : start of its file's SHA-256
    partner : another network, with whose result `infer` averages its own
    """

    session: Any
    sites: tuple[str, ...]
    reference: str
    ahead: int
    width: int
    memory: int
    window: int
    diffusion: bool
    uses_rest: bool
    spread: Array
    explained: Array
    card: dict[str, str] = field(default_factory=dict[str, str])
    id: str = ""
    partner: Network | None = None

    def start(self) -> Array:
        """The state before the first frame."""
        return np.zeros((1, self.width, self.memory), dtype=np.float32)

    def push(
        self,
        values: Array,
        state: Array,
        *,
        rest: Array | None = None,
        noisy: Array | None = None,
        noise_level: float = 1.0,
    ) -> tuple[Array, Array, Array]:
        """Run n frames of a stream: weights (n, 52), not clipped, expected absolute errors (n, 52), and the state.

        Outputs belong to the frames `ahead` earlier.

        Parameters
        ----------
        values : (n, INPUT_COUNT), from `network_inputs`
        state : of the frames before
        rest : (52,), the relaxed face, if it is known
        noisy : (n, 52), a diffusion network's estimate so far
        noise_level : of `noisy`; 1 is nothing but noise
        """
        feed = {"motion": values.T[None].astype(np.float32), "state": state} | self._rest_input(rest, 1)
        if self.diffusion:
            noisy = np.zeros((len(values), len(ARKIT))) if noisy is None else noisy
            feed |= {"noisy": noisy.T[None].astype(np.float32), "level": np.array([noise_level], dtype=np.float32)}
        weights, error, state = self.session.run(None, feed)
        return weights[0].T, error[0].T, state

    def _rest_input(self, rest: Array | None, windows: int) -> dict[str, Array]:
        """The relaxed face and 1 for every window; 0 everywhere where it is not known."""
        if not self.uses_rest:
            return {}
        row = np.zeros(len(ARKIT) + 1) if rest is None else np.append(rest, 1.0)
        return {"rest": np.tile(row.astype(np.float32), (windows, 1))}

    def infer(self, motion: Motion, steps: int = 1, rest: Array | None = None) -> tuple[Array, Array]:
        """Weights (T, 52) in 0..1 and confidence (T, 52) in 0..1 of a whole motion; NaN where no site is present.

        Confidence is 1 minus the expected error over the channel's `spread`, and 0 for unobserved channels: 0 is no
        better than guessing. A network that looks ahead sees the last frame repeated at the end. `steps`: of a
        diffusion network (DDIM, eta 0); the first one alone is a regression. `rest` (52,): the relaxed face, if it is
        known. Raises InnerfaceError where the motion has none of the sites.
        """
        self.require_sites(motion.sites)
        values = network_inputs(motion, self.sites, self.reference)
        rows = np.arange(len(values) + self.ahead) if not self.window else np.arange(max(len(values), self.window))
        values = values[np.minimum(rows, len(values) - 1)]
        noise = np.random.default_rng(0).standard_normal((len(values), len(ARKIT)))
        noise_levels = np.linspace(1.0, 0.0, (steps if self.diffusion else 1) + 1)[:-1]
        weights = error = noisy = noise
        for k, noise_level in enumerate(noise_levels):
            if k:
                signal_scale, previous_scale = np.cos(noise_level * np.pi / 2), np.cos(noise_levels[k - 1] * np.pi / 2)
                clean = 2 * np.clip(weights, 0.0, 1.0) - 1
                noisy = signal_scale * clean + np.sqrt(1 - signal_scale**2) / np.sqrt(1 - previous_scale**2) * (
                    noisy - previous_scale * clean
                )
            weights, error = (
                self._infer_windows(values, noisy, noise_level, rest=rest)
                if self.window
                else self._infer_stream(values, noisy, noise_level, rest=rest)
            )
        own = self.postprocess(motion, weights[: len(motion.time)], error[: len(motion.time)])
        if self.partner is None:
            return own
        other = self.partner.infer(motion, 1, rest)
        return (own[0] + other[0]) / 2, (own[1] + other[1]) / 2

    def _infer_stream(
        self, values: Array, noisy: Array, noise_level: float, *, rest: Array | None
    ) -> tuple[Array, Array]:
        """One pass over a whole take; the outputs of the last `ahead` rows repeat."""
        weights: list[Array] = []
        errors: list[Array] = []
        state = self.start()
        for at in range(0, len(values), _CHUNK):
            w, e, state = self.push(
                values[at : at + _CHUNK], state, rest=rest, noisy=noisy[at : at + _CHUNK], noise_level=noise_level
            )
            weights.append(w)
            errors.append(e)
        rows = np.minimum(np.arange(len(values)) + self.ahead, len(values) - 1)
        return np.concatenate(weights)[rows], np.concatenate(errors)[rows]

    def _infer_windows(
        self, values: Array, noisy: Array, noise_level: float, *, rest: Array | None
    ) -> tuple[Array, Array]:
        """One pass in windows that overlap by half and are cross-faded."""
        n, half = self.window, self.window // 2
        starts = np.unique(np.append(np.arange(0, len(values) - n + 1, half), len(values) - n))
        rows = starts[:, None] + np.arange(n)
        fade = np.hanning(n + 2)[1:-1, None]
        weights, error, total = (
            np.zeros((len(values), len(ARKIT))),
            np.zeros((len(values), len(ARKIT))),
            np.zeros((len(values), 1)),
        )
        for at in range(0, len(rows), _BATCH):
            part = rows[at : at + _BATCH]
            feed = {"motion": values[part].transpose(0, 2, 1).astype(np.float32)} | self._rest_input(rest, len(part))
            if self.diffusion:
                feed |= {
                    "noisy": noisy[part].transpose(0, 2, 1).astype(np.float32),
                    "level": np.full(len(part), noise_level, dtype=np.float32),
                }
            for r, w, e in zip(part, *self.session.run(None, feed)):
                weights[r] += w.T * fade
                error[r] += e.T * fade
                total[r] += fade
        return weights / total, error / total

    def postprocess(self, motion: Motion, weights: Array, error: Array) -> tuple[Array, Array]:
        """Weights in 0..1 and confidence from the outputs of `push`; NaN where no site is present."""
        confidence = np.where(self.unobserved, 0.0, np.clip(1 - error.astype(np.float64) / self.spread, 0.0, 1.0))
        out = np.clip(weights.astype(np.float64), 0.0, 1.0)
        missing = ~motion.present().any(axis=1)
        out[missing], confidence[missing] = np.nan, np.nan
        return out, confidence

    @property
    def unobserved(self) -> Array:
        """Channels (52,) bool that no sensor measures, and that the network infers from the rest of the face."""
        return self.explained < MIN_EXPLAINED

    def require_sites(self, sites: tuple[str, ...]) -> None:
        """Raise InnerfaceError where none of these sites is the network's."""
        if not set(sites) & set(self.sites):
            raise InnerfaceError(
                f"none of the sites that the network knows ({', '.join(self.sites)}) is in the take; use its layout"
            )


def load_pair(folder: Path = SHIPPED.parent) -> Network:
    """The offline network of a folder together with the live one: their mean is nearer to the truth than either.

    Raises InnerfaceError as `load`.
    """
    offline, live = load(folder / SHIPPED.name), load(folder / LIVE.name)
    return replace(offline, partner=live, id=offline.id[:8] + live.id[:8])


def load(path: str | Path = SHIPPED) -> Network:
    """Read a network.

    Raises InnerfaceError for a file that is missing, damaged, of another kind or too new, and where ONNX Runtime does
    not load.
    """
    model = load_onnx(path, threads=_THREADS, without_runtime="use --model linear", unreadable=_UNREADABLE)
    card = dict(model.metadata)
    if card.pop("kind", "") != KIND:
        raise InnerfaceError(
            f"{path}: not a network of this version from face sensors to weights; train one with 'innerface train imu'"
        )
    input_shapes: dict[str, list[Any]] = {i.name: list(i.shape) for i in model.session.get_inputs()}
    try:
        network = _parse_network(model, card, input_shapes)
    except Exception as error:  # of any kind: the file may be a stranger's
        raise InnerfaceError(f"{path}: a network of another layout; train one with 'innerface train imu'") from error
    return network


def _parse_network(model: OnnxModel, card: dict[str, str], input_shapes: dict[str, list[Any]]) -> Network:
    """Make a network from a file's metadata; what is left of `card` is its card. Raises ValueError, KeyError."""
    sites, channels = tuple(json.loads(card.pop("sites"))), tuple(json.loads(card.pop("channels")))
    card.pop("shape")  # of use to training only
    _, width, memory = input_shapes.get("state", [1, 0, 0])
    network = Network(
        session=model.session,
        sites=sites,
        reference=card.pop("reference"),
        ahead=int(card.pop("ahead")),
        width=width,
        memory=memory,
        window=int(card.pop("window")),
        diffusion="noisy" in input_shapes,
        uses_rest="rest" in input_shapes,
        spread=np.array(json.loads(card.pop("spread")), dtype=np.float64),
        explained=np.array(json.loads(card.pop("explained")), dtype=np.float64),
        card=card,
        id=model.id,
    )
    inputs = {
        "motion",
        *(("noisy", "level") if network.diffusion else ()),
        *(("rest",) if network.uses_rest else ()),  # networks of earlier versions cannot be told
        *(() if network.window else ("state",)),
    }
    if (
        channels != ARKIT
        or len(sites) != SITE_COUNT
        or network.spread.shape != (len(ARKIT),)
        or network.explained.shape != (len(ARKIT),)
        or not (network.spread > 0).all()
        or not np.isfinite(network.explained).all()
        or set(input_shapes) != inputs
        or input_shapes["motion"][1] != INPUT_COUNT
        or (network.uses_rest and input_shapes["rest"][1] != len(ARKIT) + 1)
        or not 0 <= network.ahead <= max(memory, 0)
        or network.window not in (0, input_shapes["motion"][2])
    ):
        raise ValueError("sizes do not match")
    return network
