"""Simulate electrodes at one ear: what they would record while a performer performs a weights take.

`Effects` lists every disturbance with its source.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import zlib

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, firwin, lfilter, sosfilt, sosfiltfilt

from ...arrays import Array
from ...errors import InnerfaceError
from ...face.channels import ARKIT
from ...landmarks.camera import gaze
from ...take import Take, Track, TrackKind
from ...take.resample import check_pauses, fill_gaps, resample_linear
from . import muscles
from .effects import Effects
from .performer import ELECTRODES_MM, SimulatedPerformer, draw_performer

MIN_SIMULATION_HZ = 1000.0  # internal rate of EMG at least, before the board's low-pass filter
# Before the first row: a relaxed face, a triple blink, a triple bite.
LEAD_IN_S, BITE_TIMES_S, BLINK_TIMES_S = 6.0, (-2.6, -2.1, -1.6), (-4.4, -3.9, -3.4)
_EXPRESSION_COLUMNS = [k for k, c in enumerate(ARKIT) if not c.startswith("eyeLook")]
_BLINK_COLUMNS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
_JAW_COLUMN = ARKIT.index("jawOpen")


def simulate(track: Track, effects: Effects, seed: int = 0, *, mount: int = 0, ear: str = "left") -> Take:
    """Simulate a biosignal take of performer number `seed`, on the track's clock.

    Parameters
    ----------
    track : weights
    effects : sizes of the disturbances
    seed, mount, ear : as for `draw_performer`

    Returns
    -------
    a take with the channels `lower` and `front` in µV; a relaxed face, three blinks and three bites precede the track

    Raises
    ------
    InnerfaceError
        if the track has none of the 52 channels
    """
    if not any(c in track.columns for c in ARKIT) or len(track.time) < 2:
        raise InnerfaceError("electrodes are simulated from a weights take of at least two rows; give one")
    check_pauses(track.time)
    performer = draw_performer(effects, seed, mount=mount, ear=ear)
    noise_seed = zlib.crc32(np.ascontiguousarray(track.values).tobytes())  # other noise for another performance
    rng = np.random.default_rng([seed, mount, noise_seed])
    internal_rate = effects.rate_hz * np.ceil(MIN_SIMULATION_HZ / effects.rate_hz)
    decimation = round(internal_rate / effects.rate_hz)
    t = -LEAD_IN_S + np.arange(int((track.duration + LEAD_IN_S) * internal_rate + 1e-6) + 1) / internal_rate
    weights = _performance_weights(track, t, performer.delay_s, rate=internal_rate)
    values = _emg(t, weights["ahead"], performer, rate=internal_rate, rng=rng)
    values += _eog(weights["now"], performer) + _disturbances(t, effects, performer, rate=internal_rate, rng=rng)
    values = np.asarray(
        sosfilt(
            butter(1, effects.high_pass_hz, btype="high", fs=internal_rate, output="sos"), values - values[0], axis=0
        )
    )
    if decimation > 1:
        values = np.asarray(lfilter(firwin(8 * decimation + 1, 0.8 / decimation), 1.0, values, axis=0))
        delay = 4 * decimation  # of the board's filter
        values = np.concatenate([values[delay:], np.repeat(values[-1:], delay, axis=0)])
    values = values[::decimation]
    time = float(track.time[0]) + t[::decimation]
    values += rng.normal(0, 1, values.shape) * performer.rest_uv
    for _ in range(rng.poisson(effects.gaps_per_min * (t[-1] - t[0]) / 60)):
        gap_start, gap_s = rng.uniform(time[0], time[-1]), rng.uniform(0.02, 0.2)
        values[(time >= gap_start) & (time < gap_start + gap_s)] = np.nan
    meta = {"unit": "uV", "rate_hz": f"{effects.rate_hz:g}", "simulated": "yes"}
    return Take(
        "simulated electrodes",
        {TrackKind.BIOSIGNAL: Track(TrackKind.BIOSIGNAL, time, tuple(ELECTRODES_MM), values, meta)},
    )


def _performance_weights(track: Track, t: Array, delay_s: float, *, rate: float) -> dict[str, Array]:
    """Weights (T, 52) at times t with lead-in: as they show ("now") and `delay_s` earlier, as muscles act ("ahead")."""
    track_weights = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    calm = track_weights[track_weights[:, _EXPRESSION_COLUMNS].sum(axis=1).argmin()]
    time = np.concatenate([[-LEAD_IN_S - 1, -1.0], track.time - track.time[0]])
    rows = np.concatenate([[calm, calm], track_weights])
    out: dict[str, Array] = {}
    for name, shift in (("now", 0.0), ("ahead", delay_s)):
        values = resample_linear(time, rows, t + shift)
        for blink_time in BLINK_TIMES_S:
            values[:, _BLINK_COLUMNS] = np.maximum(
                values[:, _BLINK_COLUMNS], np.exp(-(((t + shift - blink_time) / 0.07) ** 2))[:, None]
            )
        out[name] = np.clip(values, 0, None)
    return out


def _emg(t: Array, weights: Array, performer: SimulatedPerformer, *, rate: float, rng: np.random.Generator) -> Array:
    """EMG (T, 2) µV: coloured noise per muscle, the same at both electrodes, by its activation and distance."""
    speed = np.gradient(weights[:, _JAW_COLUMN]) * rate
    closing = gaussian_filter1d(np.clip(-speed, 0, None), 0.02 * rate) * 0.12
    bite = sum(np.exp(-(((t - at) / 0.08) ** 2)) for at in BITE_TIMES_S)
    effort = weights @ performer.recruitment
    effort *= np.exp(0.15 * _slow_noise(len(t), hz=1.5, rate=rate, rng=rng))[:, None]  # contractions are never steady
    for k, name in enumerate(muscles.NAMES):
        if name.rpartition("_")[0] in muscles.JAW_CLOSERS:
            effort[:, k] += closing + bite
    out = np.zeros((len(t), 2))
    for k in range(effort.shape[1]):
        if np.abs(performer.lead[k]).max() < 0.02 or not effort[:, k].any():
            continue
        activation = np.clip(effort[:, k], 0, 1.5) ** performer.gamma[k]
        out += (
            activation
            * _coloured_noise(
                len(t), peak_hz=performer.peaks_hz[k], level_uv=np.abs(performer.lead[k]).max(), rate=rate, rng=rng
            )
        )[:, None] * performer.lead[k]
    return out


def _coloured_noise(count: int, *, peak_hz: float, level_uv: float, rate: float, rng: np.random.Generator) -> Array:
    """Noise (count,) of rms 1 between 20 and 450 Hz, with most power near `peak_hz`.

    Tissue attenuates the high frequencies of distant muscles, which have a low level.
    """
    top = min(450.0 if level_uv > 20 else 250.0 if level_uv > 5 else 160.0, 0.45 * rate)
    white = rng.normal(0, 1, count)
    band = sosfilt(butter(2, [20.0, top], btype="band", fs=rate, output="sos"), white)
    peak_band = sosfilt(butter(1, [0.7 * peak_hz, 1.5 * peak_hz], btype="band", fs=rate, output="sos"), white)
    mixed = np.asarray(band) / np.std(band) + 1.5 * np.asarray(peak_band) / np.std(peak_band)
    return mixed / mixed.std()


def _eog(weights: Array, performer: SimulatedPerformer) -> Array:
    """EOG (T, 2) µV: the eyes' dipoles rotate, eyelids slide over them, and the jaw moves the skin."""
    yaw, pitch = gaze(weights)
    degrees = np.degrees(np.stack([yaw.mean(axis=1), pitch.mean(axis=1)], axis=1))
    return (
        degrees @ performer.eog.T
        + np.outer(weights[:, _BLINK_COLUMNS].mean(axis=1), performer.blink_uv)
        + np.outer(weights[:, _JAW_COLUMN], performer.jaw_uv)
    )


def _disturbances(
    t: Array, effects: Effects, performer: SimulatedPerformer, *, rate: float, rng: np.random.Generator
) -> Array:
    """Drift, mains, pulse, heart, electrode pops and knocks (T, 2) µV."""
    n = len(t)
    out = np.zeros((n, 2))
    if effects.drift_uv:
        stride = max(int(rate / 10), 1)
        steps = rng.normal(0, effects.drift_uv / 10, (n // stride + 2, 2)).cumsum(axis=0)  # after 10 s, 100 steps
        out += resample_linear(np.arange(len(steps)) * stride / rate, steps, np.arange(n) / rate)
    phase = rng.uniform(0, 2 * np.pi, (2, 2))
    mains_frequency = effects.mains_hz * (1 + 2e-4 * _slow_noise(n, hz=0.2, rate=rate, rng=rng))
    mains_phase = 2 * np.pi * np.cumsum(mains_frequency) / rate
    out += performer.mains_uv * (
        np.sin(mains_phase[:, None] + phase[0]) + 0.25 * np.sin(3 * mains_phase[:, None] + phase[1])
    )
    if effects.pulse_uv:
        pulse_phase = (
            np.cumsum(rng.uniform(1.0, 1.25) * (1 + 0.05 * _slow_noise(n, hz=0.3, rate=rate, rng=rng))) / rate % 1
        )
        out += (
            effects.pulse_uv
            * (np.exp(-(((pulse_phase - 0.3) / 0.08) ** 2)) + 0.3 * np.exp(-(((pulse_phase - 0.6) / 0.1) ** 2)))[
                :, None
            ]
            * rng.uniform(0.5, 1.0, 2)
        )
    for _ in range(rng.poisson(effects.pops_per_min * (t[-1] - t[0]) / 60)):
        pop_index, electrode = int(rng.integers(n)), int(rng.integers(2))
        out[pop_index:, electrode] += rng.normal(0, 100) * np.exp(
            -np.arange(n - pop_index) / (rng.uniform(0.05, 0.5) * rate)
        )
    if effects.heart_uv[1]:
        out += np.outer(_heartbeats(n, rate=rate, rng=rng), rng.uniform(*effects.heart_uv) * rng.uniform(0.6, 1.0, 2))
    for _ in range(rng.poisson(effects.knocks_per_min * (t[-1] - t[0]) / 60)):
        knock_index = int(rng.integers(n))
        since = np.arange(min(n - knock_index, int(2 * rate))) / rate
        ringing = np.sin(2 * np.pi * rng.uniform(5, 25) * since) * np.exp(-since / rng.uniform(0.05, 0.25))
        out[knock_index : knock_index + len(since)] += np.outer(ringing, rng.uniform(50, 500) * rng.uniform(0.3, 1, 2))
    return out


def _heartbeats(count: int, *, rate: float, rng: np.random.Generator) -> Array:
    """Electrocardiogram (count,) with R waves of height 1: Q, R, S and T as Gaussians, at 60 to 90 beats a minute."""
    beats = np.cumsum(rng.uniform(0.67, 1.0) * (1 + 0.04 * rng.normal(0, 1, int(count / rate / 0.5) + 2)))
    t = np.arange(count) / rate
    after = t - np.concatenate([[-1.0], beats])[np.searchsorted(beats, t + 0.1)]  # negative just before a beat
    waves = ((-0.025, 0.010, -0.15), (0.0, 0.012, 1.0), (0.028, 0.012, -0.25), (0.25, 0.05, 0.3))
    return np.sum([height * np.exp(-0.5 * ((after - at) / width) ** 2) for at, width, height in waves], axis=0)


def _slow_noise(count: int, *, hz: float, rate: float, rng: np.random.Generator) -> Array:
    """Noise (count,) of standard deviation 1 below `hz`."""
    step = max(int(rate / (8 * hz)), 1)
    coarse = rng.normal(0, 1, count // step + 64)
    smooth = sosfiltfilt(butter(2, hz, fs=rate / step, output="sos"), coarse)[16:]
    smooth = smooth / max(smooth.std(), 1e-9)
    return np.interp(np.arange(count) / step, np.arange(len(smooth)), smooth)
