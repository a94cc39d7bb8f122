"""Whole takes: a non-causal pass for each of camera, IMUs and electrodes, then fusion and mixing as live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, OUTPUT_CHANNELS
from ..face.neutral import Neutral
from ..rates import FRAME_RATE
from ..take import Take, Track, TrackKind
from .camera import HOLD_AFTER_S, remove_neutral
from .settings import PerformerSettings, SolvedWeights, TakeOptions

if TYPE_CHECKING:
    from ..imu.inference import ImuInference

_SENSOR_KINDS = {TrackKind.IMU, TrackKind.BIOSIGNAL}
_NO_NETWORK = (
    "the take holds electrodes too, which need the performer's own network "
    "(innerface train bio, then --electrodes M.onnx)"
)
_MIN_CONFIDENCE = 0.2  # of a channel that electrodes observe


def solve(take: Take, performer: PerformerSettings, options: TakeOptions, *, causal: bool = False) -> SolvedWeights:
    """A take's faces.

    A camera's weights less the neutral that was set while they were recorded; IMUs through the network, or the linear
    model where ONNX Runtime does not load; electrodes through the performer's network; landmarks by least squares.
    Where there are several, IMUs and electrodes are fused, and the camera is shown where it sees the face. `causal`: of
    sensors, as live. Raises InnerfaceError.
    """
    kinds = take.kinds
    if not has_camera(take) and kinds & _SENSOR_KINDS:
        return _solve_sensors(take, performer, options, causal=causal)
    if TrackKind.LANDMARKS in kinds and TrackKind.WEIGHTS not in kinds:
        return SolvedWeights(_solve_landmarks(take))
    camera = _without_neutral(take)
    if not kinds & _SENSOR_KINDS:
        return SolvedWeights(camera)
    if TrackKind.IMU not in kinds and not performer.electrodes:
        return SolvedWeights(_with_note(camera, f"{_NO_NETWORK}; the camera alone is used"))
    try:
        sensors = _solve_sensors(take, performer, options, causal=causal)
    except InnerfaceError as error:  # takes of a camera were of use before
        return SolvedWeights(_with_note(camera, f"{error}; the camera alone is used"))
    return SolvedWeights(mix_takes(camera, sensors.take), imu=sensors.imu)


def has_camera(take: Take) -> bool:
    """Whether a camera saw a face in the take."""
    return any(not t.lost_rows().all() for t in take.tracks_of(TrackKind.WEIGHTS).values())


def _solve_sensors(take: Take, performer: PerformerSettings, options: TakeOptions, *, causal: bool) -> SolvedWeights:
    try:  # takes of weights work where SciPy does not load
        if TrackKind.IMU in take.kinds:
            imu_weights = _solve_imu(take, performer, options, causal=causal)
            if TrackKind.BIOSIGNAL in take.kinds:
                return _fuse_electrodes(take, imu_weights, performer, options=options, causal=causal)
            return imu_weights
        return SolvedWeights(_solve_electrodes(take, performer, causal))
    except ImportError as error:
        raise InnerfaceError(
            f"{take.name}: is a sensor take, and inference needs SciPy, which does not load ({error})"
        ) from None


def _solve_imu(take: Take, performer: PerformerSettings, options: TakeOptions, *, causal: bool) -> SolvedWeights:
    from ..imu import model as models
    from ..imu.inference import infer
    from ..imu.layout import load_layout
    from .performer_files import load_adapter

    model, notes = models.load(performer.model, causal)
    adapter, rest_notes = load_adapter(performer.adapter, performer.rest)
    if adapter is not None:
        adapter.check(model.id, performer.adapter)
    result = infer(
        take,
        load_layout(performer.layout),
        model,
        neutral=options.neutral,
        turn=options.turn,
        causal=causal,
        raw=performer.raw,
        drive_examples=options.drive_examples,
        adapter=adapter,
        steps=options.steps,
        smooth=performer.smoothing_by_group(),
    )
    result.take.notes += [*notes, *rest_notes]
    result.take.sound = take.sound
    return SolvedWeights(result.take, frozenset(result.unobserved), result)


def measure_imus(take: Take, performer: PerformerSettings, options: TakeOptions) -> ImuInference | None:
    """How a take's IMUs were calibrated, and what they measured; None where it has none. Raises InnerfaceError."""
    return _solve_imu(take, performer, options, causal=True).imu if TrackKind.IMU in take.kinds else None


def _solve_electrodes(take: Take, performer: PerformerSettings, causal: bool) -> Take:
    from ..bio import channels, network

    return channels.infer_weights(take, network.load(performer.electrodes or None), causal=causal, raw=performer.raw)


def _solve_landmarks(take: Take) -> Take:
    try:
        from ..face.face_model import load_bundled
        from ..landmarks import channel_solver, sources

        track, notes = sources.landmarks_of(take, load_bundled())
        return Take(
            take.name,
            {TrackKind.WEIGHTS: channel_solver.to_weights(track), TrackKind.LANDMARKS: track},
            notes,
            take.sound,
        )
    except ImportError as error:
        raise InnerfaceError(
            f"{take.name}: is a take of landmarks, and solving it needs SciPy, which does not load ({error})"
        ) from None


def _fuse_electrodes(
    take: Take, imu_weights: SolvedWeights, performer: PerformerSettings, *, options: TakeOptions, causal: bool
) -> SolvedWeights:
    """IMUs and electrodes worn together. Without a network of the performer's own, electrodes cannot be trusted."""
    from ..fusion import fuse

    if not performer.electrodes:
        imu_weights.take.notes.append(f"{_NO_NETWORK}; the IMUs alone are used")
        return imu_weights
    try:
        fused = fuse(imu_weights.take, _solve_electrodes(take, performer, causal))
    except InnerfaceError as error:  # an electrode that came off does not end a take of IMUs
        if options.require_electrodes:
            raise
        imu_weights.take.notes.append(f"{error}; the IMUs alone are used")
        return imu_weights
    mean_confidence = fused.tracks[TrackKind.CONFIDENCE].select(ARKIT).mean(axis=0)
    unobserved = frozenset(c for c in imu_weights.unobserved if mean_confidence[ARKIT.index(c)] < _MIN_CONFIDENCE)
    return SolvedWeights(fused, unobserved, imu_weights.imu)


def neutral_track(take: Take) -> Track | None:
    """The neutrals that were set while the take was recorded."""
    return next(iter(take.tracks_of(TrackKind.NEUTRAL).values()), None)


def _without_neutral(take: Take) -> Take:
    """The take with the last neutral that was set in it taken out of all its rows."""
    neutrals = neutral_track(take)
    if neutrals is None:
        return take
    neutral, tracks = Neutral(neutrals.select(ARKIT)[-1]), dict(take.tracks)
    for name, track in take.tracks.items():
        if track.kind == TrackKind.WEIGHTS:
            tracks[name] = track.replace_columns(ARKIT, remove_neutral(neutral, track.select(ARKIT)))
    return Take(take.name, tracks, [*take.notes, "the neutral that was set while recording was taken out"], take.sound)


def _with_note(take: Take, note: str) -> Take:
    return Take(take.name, take.tracks, [*take.notes, note], take.sound)


def mix_takes(camera: Take, sensors: Take) -> Take:
    """The camera's take where it sees the face and the sensors' where it does not, group by group and without a step.

    Rows are the sensors', with the camera's own before and after them. The sensors' scale is learned in a first pass
    over the whole take, by the rule of the live pipeline.
    """
    from ..hybrid.live import LiveRepair

    camera_track, sensor_track = camera.weights(), sensors.weights()
    time, sensor_values = sensor_track.time, np.nan_to_num(sensor_track.select(OUTPUT_CHANNELS))
    camera_values, visible, fresh = _camera_at(camera_track, time)
    dt = np.diff(time, prepend=time[0] - 1 / FRAME_RATE)
    mixer, mixed = LiveRepair(), np.empty_like(sensor_values)
    for _ in ("learn", "mix"):
        mixer, from_sensors = mixer.restart(), 0
        for k in range(len(time)):
            camera_row = camera_values[k] if visible[k] else None
            mixed[k] = mixer.push(camera_row, sensor_values[k], float(dt[k]), fresh=bool(fresh[k]))
            from_sensors += bool(mixer.from_sensors)
    outside = (camera_track.time < time[0]) | (camera_track.time > time[-1])
    rows = camera_track.select(OUTPUT_CHANNELS)[outside]
    all_time = np.concatenate([camera_track.time[outside], time])
    order = np.argsort(all_time, kind="stable")
    values = np.concatenate([rows, mixed])[order]
    track = Track(TrackKind.WEIGHTS, all_time[order], OUTPUT_CHANNELS, values, _shared_meta(camera_track))
    confidence = {name: t for name, t in sensors.tracks.items() if t.kind == TrackKind.CONFIDENCE}
    notes = [*camera.notes, *(n for n in sensors.notes if n not in camera.notes)]
    notes.append(
        f"camera and sensors were mixed; {from_sensors / len(time):.0%} of the frames are at least partly from sensors"
    )
    return Take(camera.name, {TrackKind.WEIGHTS: track} | confidence, notes, camera.sound)


def _shared_meta(camera_track: Track) -> dict[str, str]:
    return {k: v for k, v in camera_track.meta.items() if k in ("utc", "device")}


def _camera_at(track: Track, time: Array) -> tuple[Array, Array, Array]:
    """The camera's faces (T, 55) at the sensors' times, whether it sees one (T,), and whether it is a new row (T,)."""
    rows, seen = np.nan_to_num(track.select(OUTPUT_CHANNELS)), ~track.lost_rows()
    found = np.searchsorted(track.time, time, side="right") - 1
    left, right = np.maximum(found, 0), np.minimum(found + 1, len(rows) - 1)
    visible = (found >= 0) & seen[left] & (time - track.time[left] <= HOLD_AFTER_S + 2 / FRAME_RATE)
    gap = track.time[right] - track.time[left]
    blend = np.where(
        (gap > 0) & (gap <= HOLD_AFTER_S) & seen[right], (time - track.time[left]) / np.maximum(gap, 1e-9), 0
    )
    values = rows[left] * (1 - blend[:, None]) + rows[right] * blend[:, None]
    return values, visible, np.diff(found, prepend=-1) > 0
