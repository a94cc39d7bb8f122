"""Simulated electrodes at one ear: what they would pick up while a performer performs a weights take.

Simulated, not recorded: `Effects` lists every disturbance with its source. Letters grade the sources: [A] read in a primary text or code, [B] an abstract or
a vendor's page, [C] computed or assumed for this project.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, firwin, lfilter, sosfilt, sosfiltfilt

from ...errors import InnerfaceError
from ...face.channels import ARKIT
from ...landmarks.camera import gaze
from ...take import Take, Track, TrackKind
from ...take.resample import fill_gaps, resample_linear
from . import muscles

Range = tuple[float, float]
MIN_SIMULATION_HZ = (
    1000.0  # EMG is made at so many samples a second at least, and then goes through the board's own low-pass
)
LEAD_IN_S, BITE_TIMES_S, BLINK_TIMES_S = (
    6.0,
    (-2.6, -2.1, -1.6),
    (-4.4, -3.9, -3.4),
)  # before the first row: a calm face, a triple blink, a triple bite
_ELECTRODES_MM = {  # head frame, left ear; Park 2024 [B]: lower ear for blinks and vertical EOG, before the ear for the jaw and horizontal EOG
    "lower": np.array([76.0, -30.0, 8.0]),
    "front": np.array([70.0, 2.0, 28.0]),
}
_REFERENCE_MM = np.array([72.0, 0.0, -35.0])  # the mastoid of the same side


@dataclass(frozen=True)
class Effects:
    """Sizes of all effects; the defaults are a perfect amplifier on a performer without a pulse.

    rate_hz: samples a second of the board (Cyton 250, Ganglion 200 [A]; facial EMG wants 1,000 or more: van Boxtel 2001 [B]).
    placement_mm: sd of where the electrodes stick [C]. anatomy: sd of the log of each muscle's strength, and of each channel's call on it [C].
    reach: range of the power by which a muscle fades with distance; a dipole in a volume conductor fades by 2 to 3, mixed tissue less [C].
    emg_uv: range of the masseter's rms at full contraction beneath an electrode (surface EMG reaches 1 to 3 mV over large muscles; behind an ear less [C]).
    gamma: range of how rms grows with effort; near 1 for small muscles [C]. delay_s: range of how long force lags EMG; no value for faces was found, other
        muscles have 20-80 ms [C]. rest_uv: range of noise at rest, 1-3 uV [B].
    eog_uv_per_degree: 20 at the eye's own corners [B]; horizontal and vertical share at the ear: ranges (earEOG 2025: r = 0.81 and 0.28 [B], shares [C]).
    blink_uv: range of a blink's bump at the lower ear [C]. jaw_uv: sd of the slow potential as the jaw moves the skin at the ear [C].
    drift_uv: sd of the electrode's wander after 10 s; high_pass_hz: of the amplifier (0.05 [B]).
    mains_uv: range; mains_hz. pulse_uv: of the carotid's pulse wave [C]. pops_per_min: electrode pops of up to 200 uV [C].
    remount: sd of the log gain of each electrode since the network was trained (30 % [C]); used with a `mount` other than 0.
    gaps_per_min: radio losses of 20 to 200 ms [C].
    """

    rate_hz: float = 1000.0
    placement_mm: float = 0.0
    anatomy: float = 0.0
    reach: Range = (2.0, 2.0)
    emg_uv: Range = (300.0, 300.0)
    gamma: Range = (1.0, 1.0)
    delay_s: Range = (0.04, 0.04)
    rest_uv: Range = (0.0, 0.0)
    eog_uv_per_degree: float = 20.0
    eog_horizontal: Range = (0.4, 0.4)
    eog_vertical: Range = (0.08, 0.08)
    blink_uv: Range = (40.0, 40.0)
    jaw_uv: float = 0.0
    drift_uv: float = 0.0
    high_pass_hz: float = 0.05
    mains_uv: Range = (0.0, 0.0)
    mains_hz: float = 50.0
    pulse_uv: float = 0.0
    pops_per_min: float = 0.0
    remount: float = 0.3
    gaps_per_min: float = 0.0


PRESETS: dict[str, Effects] = {
    "clean": Effects(),
    "studio": Effects(
        placement_mm=4.0,
        anatomy=0.25,
        reach=(1.5, 2.5),
        emg_uv=(150.0, 500.0),
        gamma=(0.8, 1.3),
        delay_s=(0.02, 0.08),
        rest_uv=(1.0, 3.0),
        eog_horizontal=(0.3, 0.5),
        eog_vertical=(0.05, 0.1),
        blink_uv=(20.0, 60.0),
        jaw_uv=20.0,
        drift_uv=40.0,
        mains_uv=(1.0, 8.0),
        pulse_uv=2.0,
        pops_per_min=0.2,
    ),
    "rough": Effects(
        placement_mm=7.0,
        anatomy=0.4,
        reach=(1.5, 2.8),
        emg_uv=(80.0, 400.0),
        gamma=(0.7, 1.5),
        delay_s=(0.02, 0.08),
        rest_uv=(2.0, 5.0),
        eog_horizontal=(0.2, 0.5),
        eog_vertical=(0.03, 0.1),
        blink_uv=(10.0, 50.0),
        jaw_uv=40.0,
        drift_uv=120.0,
        mains_uv=(5.0, 40.0),
        pulse_uv=4.0,
        pops_per_min=2.0,
        gaps_per_min=1.0,
    ),
}
PRESETS["cyton"] = replace(PRESETS["studio"], rate_hz=250.0)


@dataclass(frozen=True)
class SimulatedPerformer:
    """A person and how the electrodes sit, with what lasts as long as they do: `lead` (M, C) uV rms per unit of activation, `recruitment` (52, M), `gamma`
    (M,), `delay_s`, per channel `eog` (C, 2) uV per degree to the left and down, `blink_uv`, `jaw_uv`, `rest_uv`, `mains_uv` (C,), `humps_hz` (M,)."""

    lead: np.ndarray
    recruitment: np.ndarray
    gamma: np.ndarray
    delay_s: float
    eog: np.ndarray
    blink_uv: np.ndarray
    jaw_uv: np.ndarray
    peaks_hz: np.ndarray
    rest_uv: np.ndarray
    mains_uv: np.ndarray


def draw_performer(effects: Effects, seed: int, mount: int = 0, ear: str = "left") -> SimulatedPerformer:
    """The `seed`th person; `mount` above 0: the electrodes were taken off and stuck on again."""
    rng = np.random.default_rng([seed, 71])
    positions = np.stack(list(_ELECTRODES_MM.values())) + rng.normal(0, 1, (2, 3)) * effects.placement_mm
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
    delay, peaks_hz = (
        rng.uniform(*effects.delay_s),
        muscles.PEAKS_HZ * np.exp((effects.anatomy > 0) * rng.normal(0, 0.1, len(strength))),
    )
    eog_gain = (
        np.array([rng.uniform(*effects.eog_horizontal), rng.uniform(*effects.eog_vertical)]) * effects.eog_uv_per_degree
    )
    electrode_sensitivity = rng.uniform(0.6, 1.0, (2, 2)) * np.array(
        [[0.7, 1.0], [1.0, 0.6]]
    )  # the lower electrode sees more of what is vertical
    blink = rng.uniform(*effects.blink_uv) * np.array([1.0, rng.uniform(0.3, 0.7)])
    jaw = effects.jaw_uv * rng.normal(0, 1, 2)
    if mount:
        remount_rng = np.random.default_rng([seed, 72, mount])
        positions = positions + remount_rng.normal(0, 0.5 * max(effects.placement_mm, 2.0), positions.shape)
        mount_gain = np.exp(effects.remount * remount_rng.normal(0, 1, 2))
    else:
        mount_gain = np.ones(2)
    contact_rng = np.random.default_rng([seed, 74, mount])  # how well the skin was cleaned
    rest, mains = contact_rng.uniform(*effects.rest_uv, 2), contact_rng.uniform(*effects.mains_uv, 2)
    attenuation = (
        _attenuation(np.linalg.norm(muscle_positions[:, None] - positions * side, axis=2), reach)
        - _attenuation(np.linalg.norm(muscle_positions - reference * side, axis=1), reach)[:, None]
    )
    lead, eog = (
        max_emg_uv * strength[:, None] * attenuation * mount_gain,
        electrode_sensitivity * eog_gain * side[:2] * mount_gain[:, None],
    )
    return SimulatedPerformer(
        lead, channel_recruitment, gamma, delay, eog, blink * mount_gain, jaw * mount_gain, peaks_hz, rest, mains
    )


def _attenuation(distance_mm: np.ndarray, power: float) -> np.ndarray:
    return 1.0 / (1.0 + (distance_mm / 25.0) ** 2) ** (power / 2)


def simulate(track: Track, effects: Effects, seed: int = 0, mount: int = 0, ear: str = "left") -> Take:
    """A biosignal take (channels `lower`, `front`; uV) of the `seed`th simulated performer who performs `track`, on its clock; a calm face, three blinks and
    three bites lie before its first row. Raises InnerfaceError for a track without any of the 52 channels."""
    if not any(c in track.columns for c in ARKIT) or len(track.time) < 2:
        raise InnerfaceError("only a weights take of at least two rows can be performed; give one")
    performer = draw_performer(effects, seed, mount, ear)
    rng = np.random.default_rng(
        [seed, mount, zlib.crc32(np.ascontiguousarray(track.values).tobytes())]
    )  # another performance, another noise
    internal_rate = effects.rate_hz * np.ceil(MIN_SIMULATION_HZ / effects.rate_hz)
    decimation = round(internal_rate / effects.rate_hz)
    t = -LEAD_IN_S + np.arange(int((track.duration + LEAD_IN_S) * internal_rate + 1e-6) + 1) / internal_rate
    weights = _performance_weights(track, t, performer.delay_s, internal_rate)
    values = _emg(t, weights["ahead"], performer, internal_rate, rng)
    values += _eog(weights["now"], performer) + _disturbances(t, effects, performer, internal_rate, rng)
    values = np.asarray(
        sosfilt(
            butter(1, effects.high_pass_hz, btype="high", fs=internal_rate, output="sos"), values - values[0], axis=0
        )
    )
    if decimation > 1:
        values = lfilter(firwin(8 * decimation + 1, 0.8 / decimation), 1.0, values, axis=0)
        values = np.concatenate(
            [values[4 * decimation :], np.repeat(values[-1:], 4 * decimation, axis=0)]
        )  # the board's filter, its delay taken out
    values = values[::decimation]
    time = float(track.time[0]) + t[::decimation]
    values += rng.normal(0, 1, values.shape) * performer.rest_uv
    for _ in range(rng.poisson(effects.gaps_per_min * (t[-1] - t[0]) / 60)):
        gap_start, gap_s = rng.uniform(time[0], time[-1]), rng.uniform(0.02, 0.2)
        values[(time >= gap_start) & (time < gap_start + gap_s)] = np.nan
    meta = {"unit": "uV", "rate_hz": f"{effects.rate_hz:g}", "simulated": "yes"}
    return Take(
        "simulated electrodes",
        {TrackKind.BIOSIGNAL: Track(TrackKind.BIOSIGNAL, time, tuple(_ELECTRODES_MM), values, meta)},
    )


def _performance_weights(track: Track, t: np.ndarray, delay_s: float, rate: float) -> dict[str, np.ndarray]:
    """Weights (T, 52) at 200 Hz as they show ("now"), and as muscles are called upon, `delay_s` earlier ("ahead"); the calm and the gestures before them."""
    track_weights = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    calm = track_weights[track_weights[:, _EXPRESSION_COLUMNS].sum(axis=1).argmin()]
    time = np.concatenate([[-LEAD_IN_S - 1, -1.0], track.time - track.time[0]])
    rows = np.concatenate([[calm, calm], track_weights])
    out = {}
    for name, shift in (("now", 0.0), ("ahead", delay_s)):
        values = resample_linear(time, rows, t + shift)
        for blink_time in BLINK_TIMES_S:
            values[:, _BLINK_COLUMNS] = np.maximum(
                values[:, _BLINK_COLUMNS], np.exp(-(((t + shift - blink_time) / 0.07) ** 2))[:, None]
            )
        out[name] = np.clip(values, 0, None)
    return out


_EXPRESSION_COLUMNS = [k for k, c in enumerate(ARKIT) if not c.startswith("eyeLook")]
_BLINK_COLUMNS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
_JAW_COLUMN = ARKIT.index("jawOpen")


def _emg(
    t: np.ndarray, weights: np.ndarray, performer: SimulatedPerformer, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """(T, 2) uV: every muscle is noise of its own colour, the same at both electrodes, as loud as it works and as it is near."""
    speed = np.gradient(weights[:, _JAW_COLUMN]) * rate
    closing = gaussian_filter1d(np.clip(-speed, 0, None), 0.02 * rate) * 0.12
    bite = sum(np.exp(-(((t - at) / 0.08) ** 2)) for at in BITE_TIMES_S)
    effort = weights @ performer.recruitment
    effort *= np.exp(0.15 * _slow_noise(len(t), 1.5, rate, rng))[:, None]  # nobody holds a contraction steadily
    for k, name in enumerate(muscles.NAMES):
        if name.rpartition("_")[0] in muscles.JAW_CLOSERS:
            effort[:, k] += closing + bite
    out = np.zeros((len(t), 2))
    for k in range(effort.shape[1]):
        if np.abs(performer.lead[k]).max() < 0.02 or not effort[:, k].any():
            continue
        activation = np.clip(effort[:, k], 0, 1.5) ** performer.gamma[k]
        out += (
            activation * _coloured_noise(len(t), performer.peaks_hz[k], np.abs(performer.lead[k]).max(), rate, rng)
        )[:, None] * performer.lead[k]
    return out


def _coloured_noise(count: int, peak_hz: float, level_uv: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (count,) of rms 1 between 20 and 450 Hz, strongest near `hump_hz`; of faint (far) muscles the tissue has taken the high frequencies."""
    top = min(450.0 if level_uv > 20 else 250.0 if level_uv > 5 else 160.0, 0.45 * rate)
    white = rng.normal(0, 1, count)
    band = sosfilt(butter(2, [20.0, top], btype="band", fs=rate, output="sos"), white)
    peak_band = sosfilt(butter(1, [0.7 * peak_hz, 1.5 * peak_hz], btype="band", fs=rate, output="sos"), white)
    mixed = np.asarray(band) / np.std(band) + 1.5 * np.asarray(peak_band) / np.std(peak_band)
    return mixed / mixed.std()


def _eog(weights: np.ndarray, performer: SimulatedPerformer) -> np.ndarray:
    """(T, 2) uV: the eyes' dipoles turn with the gaze, the lids slide over them, and the jaw moves the skin."""
    yaw, pitch = gaze(weights)
    degrees = np.degrees(np.stack([yaw.mean(axis=1), pitch.mean(axis=1)], axis=1))
    return (
        degrees @ performer.eog.T
        + np.outer(weights[:, _BLINK_COLUMNS].mean(axis=1), performer.blink_uv)
        + np.outer(weights[:, _JAW_COLUMN], performer.jaw_uv)
    )


def _disturbances(
    t: np.ndarray, effects: Effects, performer: SimulatedPerformer, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """(T, 2) uV: wander, mains, pulse and pops."""
    n = len(t)
    out = np.zeros((n, 2))
    if effects.drift_uv:
        stride = max(int(rate / 10), 1)
        steps = rng.normal(0, effects.drift_uv / 10, (n // stride + 2, 2)).cumsum(axis=0)  # after 10 s, 100 steps
        out += resample_linear(np.arange(len(steps)) * stride / rate, steps, np.arange(n) / rate)
    phase = rng.uniform(0, 2 * np.pi, (2, 2))
    mains_frequency = effects.mains_hz * (1 + 2e-4 * _slow_noise(n, 0.2, rate, rng))
    mains_phase = 2 * np.pi * np.cumsum(mains_frequency) / rate
    out += performer.mains_uv * (
        np.sin(mains_phase[:, None] + phase[0]) + 0.25 * np.sin(3 * mains_phase[:, None] + phase[1])
    )
    if effects.pulse_uv:
        pulse_phase = np.cumsum(rng.uniform(1.0, 1.25) * (1 + 0.05 * _slow_noise(n, 0.3, rate, rng))) / rate % 1
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
    return out


def _slow_noise(count: int, hz: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (count,) of sd 1 below `hz`."""
    step = max(int(rate / (8 * hz)), 1)
    coarse = rng.normal(0, 1, count // step + 64)
    smooth = sosfiltfilt(butter(2, hz, fs=rate / step, output="sos"), coarse)[16:]
    smooth = smooth / max(smooth.std(), 1e-9)
    return np.interp(np.arange(count) / step, np.arange(len(smooth)), smooth)
