"""Augmentation of performances: mirroring, time warping, other gains, other rests, splicing.

Functions take tracks as recorded (at any rate, with gaps) and return new ones at an even rate without gaps.
"""

# NumPy 1.26's stubs leave results of random generators untyped.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS, HEAD_ANGLES, OUTPUT_CHANNELS, ChannelGroup, mirrored
from ..take import Track, TrackKind
from ..take.resample import resample_linear
from .actions import single_channels
from .generate import MOUTH_CLOSE_TOLERANCE
from .style import random_style
from .timeline import CHANNEL_INDEX, Timeline, minimum_jerk

_MIRROR_INDEX = [OUTPUT_CHANNELS.index(mirrored(c)) for c in OUTPUT_CHANNELS]
_MIRROR_SIGN = np.array([-1.0 if c in ("headYaw", "headRoll") else 1.0 for c in OUTPUT_CHANNELS])
_COUPLED_CHANNELS = [
    [CHANNEL_INDEX[c] for g in groups for c in GROUPS[g]]
    for groups in (
        (ChannelGroup.MOUTH,),
        (ChannelGroup.BROW,),
        (ChannelGroup.CHEEK,),
        (ChannelGroup.MOUTH, ChannelGroup.CHEEK),
    )
]
_FADE_FRAMES = 40  # of a cross-fade between pieces
_REGIONS = (
    GROUPS[ChannelGroup.MOUTH],
    GROUPS[ChannelGroup.BROW],
    GROUPS[ChannelGroup.CHEEK],
    GROUPS[ChannelGroup.EYE_LEFT] + GROUPS[ChannelGroup.EYE_RIGHT],
    HEAD_ANGLES,
)


def at_rate(track: Track, rate: float = 60.0) -> Track:
    """The track's OUTPUT_CHANNELS at an even rate, from time 0, with gaps filled and absent channels 0."""
    time = np.arange(max(int(track.duration * rate), 1) + 1) / rate
    values = np.nan_to_num(resample_linear(track.time - track.time[0], track.select(OUTPUT_CHANNELS), time))
    return Track(TrackKind.WEIGHTS, time, OUTPUT_CHANNELS, values)


def mirror(track: Track) -> Track:
    """Mirror a performance, head angles included."""
    resampled = at_rate(track)
    return Track(TrackKind.WEIGHTS, resampled.time, OUTPUT_CHANNELS, resampled.values[:, _MIRROR_INDEX] * _MIRROR_SIGN)


def time_warp(track: Track, rng: np.random.Generator, *, min_speed: float = 0.7, max_speed: float = 1.5) -> Track:
    """Play a performance at a speed that varies smoothly between `min_speed` and `max_speed`."""
    resampled = at_rate(track)
    knots = max(int(resampled.duration / 4) + 2, 2)
    speed = np.exp(rng.uniform(np.log(min_speed), np.log(max_speed), knots))
    frame_speed = np.interp(resampled.time, np.linspace(0, resampled.time[-1], knots), speed)
    # new time of each original frame
    warped_time = np.concatenate([[0.0], np.cumsum(2 / (frame_speed[1:] + frame_speed[:-1]) * np.diff(resampled.time))])
    time = np.arange(int(warped_time[-1] * 60) + 1) / 60
    return Track(TrackKind.WEIGHTS, time, OUTPUT_CHANNELS, resample_linear(warped_time, resampled.values, time))


def random_gains(track: Track, rng: np.random.Generator, *, min_gain: float = 0.6, max_gain: float = 1.4) -> Track:
    """Scale channels at random, pairs of sides mostly alike, up to 1.08; mouthClose stays in step with the jaw."""
    resampled = at_rate(track)
    gain = rng.uniform(min_gain, max_gain, len(OUTPUT_CHANNELS))
    gain = 0.75 * np.sqrt(gain * gain[_MIRROR_INDEX]) + 0.25 * gain
    gain[OUTPUT_CHANNELS.index("mouthClose")] = gain[OUTPUT_CHANNELS.index("jawOpen")]
    values = resampled.values * gain
    values[:, : len(ARKIT)] = np.minimum(values[:, : len(ARKIT)], np.maximum(1.08, resampled.values[:, : len(ARKIT)]))
    return Track(TrackKind.WEIGHTS, resampled.time, OUTPUT_CHANNELS, values)


def offset_rest(track: Track, rng: np.random.Generator) -> Track:
    """Add a resting face (52,) beneath the motion: w -> rest + (1 - rest) w."""
    resampled = at_rate(track)
    rest = np.concatenate([random_style(rng).rest, np.zeros(len(HEAD_ANGLES))])
    return Track(TrackKind.WEIGHTS, resampled.time, OUTPUT_CHANNELS, rest + (1 - rest) * resampled.values)


def add_actions(track: Track, rng: np.random.Generator) -> Track:
    """Add random motion of channels, alone or a few at once; mouthClose stays in step with the jaw."""
    resampled = at_rate(track)
    who, timeline = random_style(rng), Timeline(len(resampled.time) / 60, 60.0)
    for _ in range(int(rng.integers(1, 4))):
        single_channels(timeline, 0.0, timeline.seconds, style=who, rng=rng)
    values, added = resampled.values.copy(), np.zeros((len(resampled.time), len(ARKIT)))
    overlap = min(len(timeline.values), len(added))
    added[:overlap] = timeline.values[:overlap] * rng.uniform(0.4, 1.0)
    weights = values[:, : len(ARKIT)]
    weights = np.maximum(weights, added) if rng.uniform() < 0.3 else weights + added
    values[:, : len(ARKIT)] = _clip_to_plausible(weights, resampled.values[:, : len(ARKIT)])
    return Track(TrackKind.WEIGHTS, resampled.time, OUTPUT_CHANNELS, values)


def vary_style(track: Track, rng: np.random.Generator) -> Track:
    """Change gains of channels and couplings within regions, as another performer would move; the rest stays.

    Pairs of sides are treated mostly alike; mouthClose stays in step with the jaw.
    """
    resampled = at_rate(track)
    weights, n = resampled.values[:, : len(ARKIT)], len(ARKIT)
    coupling_size, coupling = rng.uniform(0.0, 0.35), np.zeros((n, n))
    for region in _COUPLED_CHANNELS:
        channels = np.array(region)
        coupling[np.ix_(channels, channels)] += rng.normal(0, coupling_size, (len(channels), len(channels))) * (
            rng.uniform(size=(len(channels), len(channels))) < 0.12
        )
    mirror_index, jaw, close = _MIRROR_INDEX[:n], CHANNEL_INDEX["jawOpen"], CHANNEL_INDEX["mouthClose"]
    mirrored_coupling = coupling[np.ix_(mirror_index, mirror_index)]
    coupling = 0.65 * (coupling + mirrored_coupling) + 0.25 * (coupling - mirrored_coupling)
    np.fill_diagonal(coupling, 0.0)
    coupling[:, jaw] *= 0.3
    coupling[close], coupling[:, close] = 0.0, 0.0
    gain = np.exp(rng.normal(0, 0.35, n))
    gain = np.sqrt(gain * gain[mirror_index]) * (gain / gain[mirror_index]) ** 0.12
    gain[close] = gain[jaw]
    rest = np.percentile(weights, 5, axis=0)
    motion = weights - rest
    out = rest + (motion + np.clip(motion, 0, None) @ coupling) * gain
    values = resampled.values.copy()
    values[:, :n] = _clip_to_plausible(out, weights)
    return Track(TrackKind.WEIGHTS, resampled.time, OUTPUT_CHANNELS, values)


def _clip_to_plausible(weights: Array, reference: Array) -> Array:
    """Weights (T, 52) in range, with mouthClose at most a little above jawOpen, or what it was `before` (T, 52)."""
    close, jaw = CHANNEL_INDEX["mouthClose"], CHANNEL_INDEX["jawOpen"]
    out = np.clip(weights, -0.02, np.maximum(1.08, reference))
    out[:, close] = np.minimum(
        out[:, close], out[:, jaw] + np.maximum(MOUTH_CLOSE_TOLERANCE, reference[:, close] - reference[:, jaw])
    )
    return out


def splice(tracks: list[Track], rng: np.random.Generator, seconds: float) -> Track:
    """Performance of `seconds` spliced from pieces of tracks, each region from another one, with cross-fades."""
    resampled = [at_rate(t) for t in tracks]
    time = np.arange(max(int(seconds * 60), 2)) / 60
    out = np.zeros((len(time), len(OUTPUT_CHANNELS)))
    for region in _REGIONS:
        columns = [OUTPUT_CHANNELS.index(c) for c in region]
        at = 0
        while at < len(time):
            source = resampled[int(rng.integers(len(resampled)))]
            length = int(rng.uniform(3.0, 12.0) * 60)
            first = int(rng.integers(max(len(source.time) - length, 1)))
            piece = source.values[first : first + length][: len(time) - at, columns]
            blend = np.ones((len(piece), 1)) if at == 0 else minimum_jerk(np.arange(len(piece)) / _FADE_FRAMES)[:, None]
            previous = out[at : at + len(piece), columns]
            out[at : at + len(piece), columns] = previous * (1 - blend) + piece * blend
            end = at + len(piece)
            out[end:, columns] = out[end - 1, columns]  # hold the last row, for the next cross-fade
            at = max(end - _FADE_FRAMES, at + 1) if end < len(time) else end
    return Track(TrackKind.WEIGHTS, time, OUTPUT_CHANNELS, out)
