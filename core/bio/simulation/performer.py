"""Draw a simulated performer with electrodes at one ear: what lasts as long as the electrodes stay on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from ...face.channels import ARKIT
from . import muscles
from .effects import Effects

# Electrode positions in the head frame, left ear; Park 2024 [B]: the lower ear shows blinks and vertical EOG, the front
# of the ear the jaw and horizontal EOG.
ELECTRODES_MM = {
    "lower": np.array([76.0, -30.0, 8.0]),
    "front": np.array([70.0, 2.0, 28.0]),
}
_REFERENCE_MM = np.array([72.0, 0.0, -35.0])  # the mastoid of the same side


@dataclass(frozen=True)
class SimulatedPerformer:
    """A performer's anatomy and mounted electrodes, for M muscles and C electrodes.

    Attributes
    ----------
    lead : (M, C) µV rms per unit of activation
    recruitment : (52, M), how strongly each channel recruits each muscle
    gamma : (M,), exponent of rms against effort
    delay_s : by which force lags EMG
    eog : (C, 2) µV per degree of gaze to the left and down
    blink_uv, jaw_uv : (C,) µV per full weight
    peaks_hz : (M,), frequency with most power
    rest_uv, mains_uv : (C,) µV
    """

    lead: Array
    recruitment: Array
    gamma: Array
    delay_s: float
    eog: Array
    blink_uv: Array
    jaw_uv: Array
    peaks_hz: Array
    rest_uv: Array
    mains_uv: Array


def draw_performer(effects: Effects, seed: int, *, mount: int = 0, ear: str = "left") -> SimulatedPerformer:
    """Draw person number `seed`; another `mount` than 0 is the electrodes taken off and mounted again."""
    rng = np.random.default_rng([seed, 71])
    positions = np.stack(list(ELECTRODES_MM.values())) + rng.normal(0, 1, (2, 3)) * effects.placement_mm
    reference = _REFERENCE_MM + rng.normal(0, 1, 3) * effects.placement_mm
    side = np.array([1.0 if ear == "left" else -1.0, 1.0, 1.0])
    strength = muscles.STRENGTHS * np.exp(effects.anatomy * rng.normal(0, 1, len(muscles.STRENGTHS)))
    channel_recruitment = muscles.recruitment() * np.exp(
        effects.anatomy * rng.normal(0, 1, (len(ARKIT), len(strength)))
    )
    muscle_positions = muscles.POSITIONS_MM + rng.normal(0, 3.0, muscles.POSITIONS_MM.shape) * (
        effects.placement_mm > 0
    )
    reach, max_emg_uv = rng.uniform(*effects.reach), rng.uniform(*effects.emg_uv)
    gamma = rng.uniform(*effects.gamma, len(strength))
    delay = rng.uniform(*effects.delay_s)
    peaks_hz = muscles.PEAKS_HZ * np.exp((effects.anatomy > 0) * rng.normal(0, 0.1, len(strength)))
    eog_gain = (
        np.array([rng.uniform(*effects.eog_horizontal), rng.uniform(*effects.eog_vertical)]) * effects.eog_uv_per_degree
    )
    # The lower electrode picks up more of vertical eye motion.
    electrode_sensitivity = rng.uniform(0.6, 1.0, (2, 2)) * np.array([[0.7, 1.0], [1.0, 0.6]])
    blink = rng.uniform(*effects.blink_uv) * np.array([1.0, rng.uniform(0.3, 0.7)])
    jaw = effects.jaw_uv * rng.normal(0, 1, 2)
    if mount:
        remount_rng = np.random.default_rng([seed, 72, mount])
        positions = positions + remount_rng.normal(0, 0.5 * max(effects.placement_mm, 2.0), positions.shape)
        mount_gain = np.exp(effects.remount * remount_rng.normal(0, 1, 2))
    else:
        mount_gain = np.ones(2)
    contact_rng = np.random.default_rng([seed, 74, mount])  # skin contact
    rest, mains = contact_rng.uniform(*effects.rest_uv, 2), contact_rng.uniform(*effects.mains_uv, 2)
    attenuation = (
        _attenuation(np.linalg.norm(muscle_positions[:, None] - positions * side, axis=2), reach)
        - _attenuation(np.linalg.norm(muscle_positions - reference * side, axis=1), reach)[:, None]
    )
    return SimulatedPerformer(
        lead=max_emg_uv * strength[:, None] * attenuation * mount_gain,
        recruitment=channel_recruitment,
        gamma=gamma,
        delay_s=delay,
        eog=electrode_sensitivity * eog_gain * side[:2] * mount_gain[:, None],
        blink_uv=blink * mount_gain,
        jaw_uv=jaw * mount_gain,
        peaks_hz=peaks_hz,
        rest_uv=rest,
        mains_uv=mains,
    )


def _attenuation(distance_mm: Array, power: float) -> Array:
    """Attenuation of a source at a distance, 1 at 0 mm, falling with `power` far away."""
    return 1.0 / (1.0 + (distance_mm / 25.0) ** 2) ** (power / 2)
