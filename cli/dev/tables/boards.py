"""Errors with boards that measure and fuse: cold, with the relaxed face known, and adapted, over seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import welch  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ....core.arrays import Array
from ....core.errors import InnerfaceError
from ....core.face.face_model import FaceModel, IdentityModel
from ....core.imu import linear_model, network
from ....core.imu.adapter import Adapter
from ....core.imu.inference import infer
from ....core.imu.layout import load_layout
from ....core.imu.model import Model
from ....core.imu.signal import ImuSignal, from_track, resample
from ....core.imu.simulation.boards import BOARDS
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.head_motion import NOD, RELAX, TAPS
from ....core.imu.simulation.simulate import random_relaxed_face, simulate
from ....core.numerics import quaternion as quat
from ....core.take import Take, Track, TrackKind
from . import ProgressCallback, Section, markdown_table
from .models import evaluate_columns, evaluation_pair, live_evaluation_network
from .personal import PAIRED_S, fit_adapter, paired_capture

_SENSORS = ("icm45686", "bmi270", "qmi8658", "bno085", "clean", "rough")
_METHODS = ("neutral", "mean face", "ridge", "ridge, rest known", "live", "live, rest known", "cold", "rest known")
_ADAPTED = "adapted, mounted again"
_LONG, _NO_NOD, _PUSHED = (
    "cold, long takes",
    "cold, long takes without a nod",
    "cold, long takes, a sensor pushed aside",
)
_CHIN_HZ = 100.0
_AFTER_TAPS_S = 0.3  # in which the last tap on the chin has died away


def boards_section(
    takes: dict[str, Track],
    identities: IdentityModel,
    seeds: int,
    *,
    progress: ProgressCallback,
) -> Section:
    """Table of all sensors: means over takes and seeds, and the spread of the seeds' means."""
    ridge, offline, live = (
        linear_model.load(),
        evaluation_pair(),
        live_evaluation_network(),
    )
    figures: dict[str, Any] = {}
    rows: list[str] = []
    total, finished = len(_SENSORS) * seeds * len(takes), 0
    for sensors in _SENSORS:
        errors: dict[str, list[list[list[float]]]] = {}  # by method, seed and take
        for seed in range(seeds):
            for k, track in enumerate(takes.values()):
                for method, pair in _errors(
                    track, identities, sensors=sensors, seed=seed * 100 + k, models=(ridge, offline, live)
                ).items():
                    errors.setdefault(method, [[] for _ in range(seeds)])[seed].append(pair)
                finished += 1
                progress(finished / total)
        means = {method: np.array([np.mean(s, axis=0) for s in by_seed]) for method, by_seed in errors.items()}
        figures[sensors] = {
            m: {"pve_mm": float(v[:, 0].mean()), "mse": float(v[:, 1].mean()), "pve_spread_mm": float(np.ptp(v[:, 0]))}
            for m, v in means.items()
        }
        label = BOARDS[sensors].label if sensors in BOARDS else f"no board, {sensors}"
        for method in (*_METHODS, _LONG, _NO_NOD, _PUSHED, _ADAPTED):
            if method not in means:
                continue
            f = figures[sensors][method]
            rows.append(f"{label} | {method} | {f['pve_mm']:.2f} | {f['pve_spread_mm']:.2f} | {f['mse']:.4f}")
    lines = [
        "\n## Boards",
        "\nRaw gyroscope and accelerometer of each part, fused as its firmware does "
        f"(`innerface simulate imu --board`), on {', '.join(takes)}, whose performers no network here has learned from "
        f"(`models/evaluation`). Each of {seeds} seeds is another face, mounting, relaxed face and set of errors; "
        "*spread* is between the seeds' means. *Rest known*: `--rest`, one second of the relaxed face. *Adapted*: "
        f"`innerface adapt` on {PAIRED_S:.0f} s of another mounting, measured on the rest of the take; long takes, of "
        f"over {1.5 * PAIRED_S:.0f} s, only. *Without a nod*: nod and shake are cut out, and ordinary motion "
        "calibrates (a take that is refused for that counts with its mean face). *Pushed aside*: one face sensor turns "
        "by 10 to 40 degrees at some moment, and stays so.",
    ]
    return Section(lines + markdown_table("sensors | method | PVE mm | spread | weights MSE", rows), figures)


def chin_section(takes: dict[str, Track], identities: IdentityModel) -> Section:
    """How a simulated chin turns, beside a real jaw with a sensor taped to it."""
    rows: list[str] = []
    figures: dict[str, Any] = {}
    for k, (name, track) in enumerate(takes.items()):
        take = simulate(
            track,
            identities.sample(k),
            load_layout(),
            effects=PRESETS["studio"],
            seed=k,
            board=BOARDS[_SENSORS[0]],
        )
        signal = from_track(take.tracks[TrackKind.IMU])
        chin = np.degrees(_rates(signal, signal.sites.index("mentalis_left"), start=float(track.time[0])))
        speed = np.linalg.norm(chin, axis=1)
        utterances = [float(np.percentile(s, 99)) for s in np.array_split(speed, max(round(track.duration / 3), 1))]
        frequency, power = welch(chin, _CHIN_HZ, nperseg=min(512, len(chin)), axis=0)
        share = np.cumsum(power.sum(axis=1)) / power.sum()
        below = [float(np.interp(s, share, frequency)) for s in (0.5, 0.9, 0.99)]
        low, middle, high = np.percentile(utterances, [10, 50, 90])
        figures[name] = {"p99_dps": float(middle), "half_hz": below[0], "p90_hz": below[1], "p99_hz": below[2]}
        rows.append(f"{name} | {middle:.0f} ({low:.0f} to {high:.0f}) | " + " | ".join(f"{f:.1f}" for f in below))
    rows.append("a real jaw, speaking | 130 (60 to 197) | 2 | 4 | 13.5")
    header = "take | 99th percentile of 3 s, deg/s | half of the power below, Hz | 90 % | 99 %"
    lines = [
        "\n### The chin beside a real one",
        f"\nThe rate of the site mentalis_left with the {BOARDS[_SENSORS[0]].label}, and that of a sensor which was "
        "taped to a jaw (five minutes of speech, public; limits over its utterances). Ranges of motion and acting are "
        "no speech: they are compared in size and spectrum only.",
    ]
    return Section(lines + markdown_table(header, rows), figures)


def _rates(signal: ImuSignal, site: int, *, start: float) -> Array:
    """Rates (T, 3) rad/s of a site at _CHIN_HZ, from `start` on, without those next to a gap."""
    q = resample(signal, np.arange(start, signal.time[-1], 1 / _CHIN_HZ)).rotation[:, site]
    rates = quat.to_rotvec(quat.multiply(quat.conjugate(q[:-1]), q[1:])) * _CHIN_HZ
    return rates[np.isfinite(rates).all(axis=1)]


def _errors(
    track: Track,
    identities: IdentityModel,
    *,
    sensors: str,
    seed: int,
    models: tuple[Model, network.Network, network.Network],
) -> dict[str, list[float]]:
    """PVE in mm and MSE of every method on one take, simulated once and, for the adapter, mounted again."""
    rng = np.random.default_rng([seed, 21])
    face = identities.sample(rng)
    board, effects = BOARDS.get(sensors), PRESETS["studio" if sensors in BOARDS else sensors]
    relaxed = random_relaxed_face(track, effects, rng)

    def mount(number: int, loose: float = effects.loose) -> Take:
        return simulate(
            track,
            face,
            load_layout(),
            effects=replace(effects, loose=loose),
            seed=1000 * seed + number,
            board=board,
            relaxed=relaxed,
        )

    ridge, offline, live = models
    take, rest = mount(0), Adapter(rest=relaxed)
    is_long = track.duration > 1.5 * PAIRED_S
    out: dict[str, list[float]] = {}
    for title, model, sensors_take, adapter, causal in (
        ("ridge", ridge, take, None, False),
        ("ridge, rest known", ridge, take, rest, False),
        ("live", live, take, None, True),
        ("live, rest known", live, take, rest, True),
        ("cold", offline, take, None, False),
        ("rest known", offline, take, rest, False),
        *([(_NO_NOD, offline, _without_nod(take), None, False)] if is_long else []),
        *([(_PUSHED, offline, mount(0, 1.0), None, False)] if is_long else []),
    ):
        try:
            inferred = infer(sensors_take, load_layout(), model, adapter=adapter, causal=causal).take.weights()
        except InnerfaceError:
            out[title] = out["mean face"]
            continue
        row = evaluate_columns(inferred, track, face)[0]
        out[title] = [row[0], row[4]]
        out["neutral"], out["mean face"] = [row[1], row[8]], [row[2], row[9]]
    if is_long:
        out[_LONG] = out["cold"]
        out[_ADAPTED] = _adapted(track, take, mount(1), model=offline, face=face)
    return out


def _without_nod(take: Take) -> Take:
    """The take without nod, shake and taps: what was before them is moved to where they ended."""
    track = take.tracks[TrackKind.IMU]
    start, end = track.time[0] + NOD[0] - RELAX[0], track.time[0] + TAPS[-1] + _AFTER_TAPS_S - RELAX[0]
    before, kept = track.time < start, (track.time < start) | (track.time > end)
    time = np.where(before, track.time + (end - start), track.time)
    return Take(take.name, {TrackKind.IMU: replace(track, time=time[kept], values=track.values[kept])})


def _adapted(track: Track, paired: Take, take: Take, *, model: network.Network, face: FaceModel) -> list[float]:
    split = track.time[0] + PAIRED_S
    adapter = fit_adapter(model, paired_capture(paired, track, split))
    found = infer(take, load_layout(), model, adapter=adapter).take.weights()
    after = [
        Track(TrackKind.WEIGHTS, t.time[t.time >= split], t.columns, t.values[t.time >= split]) for t in (found, track)
    ]
    row = evaluate_columns(after[0], after[1], face)[0]
    return [row[0], row[4]]
