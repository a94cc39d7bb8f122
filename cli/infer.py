"""Turn a sensor take into a weights take: calibrate, infer, smooth.

Of IMUs, the take holds a relaxed face, a nod and a shake of the head somewhere, best at its start; both spans are found, or given. Electrodes go through the
performer's network (--electrodes, innerface train bio), and a take of both through both.
Writes Live Link Face CSV at 60 rows a second over the whole take, with timecode = the take's own time.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from ..core import formats
from ..core.channels import ARKIT
from ..core.errors import InnerfaceError
from ..core.imu.layout import layout
from ..core.imu.signal import FRAME_RATE
from ..core.resample import linear
from ..core.take import Take, Track
from .spans import span


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("take", metavar="TAKE", help="a take of face IMUs, of electrodes, or of both: .imu.csv, .bio.csv or .mcap")
    parser.add_argument("--out", required=True, metavar="W.csv", help="the weights take to write")
    parser.add_argument("--neutral", metavar="START:END", help="seconds in which the face is relaxed (default: found)")
    parser.add_argument("--turn", metavar="START:END", help="seconds in which the head nods and shakes (default: found)")
    parser.add_argument(
        "--model", metavar="M", help="a network (.onnx), linear, or a linear model's .npz (default: the shipped network)"
    )
    parser.add_argument(
        "--electrodes", metavar="M.onnx",
        help="the performer's network for electrodes; simulated: the shipped one, of a simulated performer (default without IMUs)",
    )  # fmt: skip
    parser.add_argument("--adapter", metavar="P.npz", help="what was learned of this performer by innerface adapt")
    parser.add_argument("--steps", type=int, default=1, metavar="N", help="of a diffusion network (default 1); others answer in one step")
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")
    parser.add_argument("--causal", action="store_true", help="as live: at most 2 frames of look-ahead")
    parser.add_argument("--raw", action="store_true", help="no smoothing")
    parser.add_argument(
        "--smooth", action="append", default=[], metavar="GROUP=STRENGTH",
        help="smooth mouth, brow, cheek, eye_left or eye_right otherwise than usual (1): 0 is off, up to 5; repeat for several",
    )  # fmt: skip
    parser.add_argument(
        "--minute", action="append", default=[], metavar="CHANNEL=SITE@START:END",
        help="minute motion: drive a channel by one site's turn, learned from the seconds in which it is done once, fully; repeat for several",
    )  # fmt: skip


_OF_IMUS = ("neutral", "turn", "adapter", "smooth", "minute")


def run(options: argparse.Namespace) -> dict[str, Any]:
    take = formats.read_take(options.take)
    kinds = {t.kind for t in take.tracks.values()}
    if "biosignal" in kinds and "imu" not in kinds:
        return _electrodes(take, options)
    if options.electrodes and "biosignal" not in kinds:
        raise InnerfaceError(f"--electrodes: {options.take} holds no electrodes; leave it away")
    return _imus(take, options)


def _electrodes(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    for name in _OF_IMUS:
        if getattr(options, name):
            raise InnerfaceError(f"--{name}: is of IMUs, and {options.take} holds electrodes; leave it away")
    if options.out.lower().endswith((".bio.csv", ".imu.csv", ".landmarks.csv")):
        raise InnerfaceError(f"{options.out}: is to hold weights; end its name in .csv alone, or in .mcap or .json")
    if options.model and options.electrodes:
        raise InnerfaceError("--model and --electrodes: mean the same for a take of electrodes; give one of them")
    began = time.perf_counter()
    done, quality = _from_electrodes(take, options, options.electrodes or options.model)
    seconds = time.perf_counter() - began
    weights = done.weights()
    at = weights.time[0] + np.arange(int(weights.duration * FRAME_RATE + 1e-6) + 1) / FRAME_RATE
    track = Track("weights", at, weights.columns, linear(weights.time, weights.values, at), weights.meta)
    formats.write_take(Take(done.name, done.tracks | {"weights": track}, done.notes, done.sound), options.out)
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    speed = track.duration / max(seconds, 1e-9)
    if not options.json:
        size = f"{len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights"
        print(f"{options.out}: {size} from {len(quality)} electrodes, {speed:.0f} x real time")
        _tell(quality)
    return {"out": options.out, "rows": len(track.time), "quality": quality, "x_realtime": speed, "notes": done.notes, "from": "electrodes"}


def _from_electrodes(take: Take, options: argparse.Namespace, path: str | None) -> tuple[Take, list[dict[str, Any]]]:
    """Weights by way of the points, and how each electrode was."""
    try:
        from ..core.bio import channels, network, quality
        from ..core.bio.signal import bio_track, even
    except ImportError as error:
        raise InnerfaceError(f"inference needs SciPy, which does not load ({error}); pip install scipy") from None
    done = channels.weights(take, network.load(path), options.causal, options.raw)
    return done, [asdict(e) for e in quality.report(even(bio_track(take)))]


def _tell(quality: list[dict[str, Any]]) -> None:
    for e in quality:
        print(f"  {e['channel']:<12} rest {e['rest_uv']:.1f} uV, loudest {e['peak_uv']:.1f} uV, mains {e['mains_uv']:.1f} uV, missing {e['missing']:.1%}")


def _imus(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core import infer
        from ..core.imu import adapt, model
        from ..core.smooth import strengths
    except ImportError as error:
        raise InnerfaceError(f"inference needs SciPy, which does not load ({error}); pip install scipy") from None
    neutral, turn = span(options.neutral, "--neutral"), span(options.turn, "--turn")
    smooth = dict(_smoothing(text) for text in options.smooth)
    strengths(smooth)
    driven = tuple(_driven(text, infer.Driven) for text in options.minute)
    chosen, notes = model.load(options.model, options.causal)
    if not 1 <= options.steps <= 1000:
        raise InnerfaceError(f"--steps {options.steps}: give a whole number from 1 to 1000")
    adapter = adapt.load(options.adapter) if options.adapter else None
    if adapter is not None:
        adapter.correction(chosen.id, options.adapter)
    began = time.perf_counter()
    done = infer.infer(take, layout(options.layout), chosen, neutral, turn, options.causal, options.raw, driven, adapter, options.steps, smooth)
    done.take.notes += notes
    whole, electrodes = done.take, []
    if options.electrodes:
        from ..core.fusion import fuse

        other, electrodes = _from_electrodes(take, options, options.electrodes)
        whole = fuse(done.take, other)
    elif any(t.kind == "biosignal" for t in take.tracks.values()):
        whole.notes.append("the take holds electrodes too, which need the performer's own network (--electrodes M.onnx); the IMUs alone are used")
    seconds = time.perf_counter() - began
    formats.write_take(whole, options.out)
    track, found = whole.weights(), done.calibration
    for note in whole.notes:
        print(f"note: {note}", file=sys.stderr)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights and the head from "
            f"{len(done.motion.sites)} face sites, {track.duration / max(seconds, 1e-9):.0f} x real time"
        )
        print("neutral {:.2f}:{:.2f}, turn {:.2f}:{:.2f} (seconds from the first row)".format(*found.neutral_span, *found.turn_span))
        if done.invented:
            print(f"invented, for no sensor sees them: {', '.join(done.invented)}")
        print(f"{'site':<20}{'noise deg':>10}{'m/s^2':>8}{'drift deg/min':>15}{'loss':>8}")
        for q in done.quality:
            print(f"{q.site:<20}{q.noise_deg:>10.3f}{q.noise_accel:>8.3f}{q.drift_dpm:>15.1f}{q.loss:>8.1%}")
        _tell(electrodes)
    return {
        "out": options.out,
        "rows": len(track.time),
        "neutral": list(found.neutral_span),
        "turn": list(found.turn_span),
        "renamed": found.renamed,
        "quality": [asdict(q) for q in done.quality],
        "x_realtime": track.duration / max(seconds, 1e-9),
        "invented": list(done.invented),
        "notes": whole.notes,
    } | ({"electrodes": electrodes} if electrodes else {})


def _smoothing(text: str) -> tuple[str, float]:
    group, _, strength = text.partition("=")
    try:
        return group, float(strength)
    except ValueError:
        raise InnerfaceError(f"--smooth {text}: is not GROUP=STRENGTH, such as mouth=0.5") from None


def _driven(text: str, kind: Any) -> Any:
    channel, _, rest = text.partition("=")
    site, _, seconds = rest.partition("@")
    example = span(seconds or None, "--minute")
    if not channel or not site or example is None:
        raise InnerfaceError(f"--minute {text}: is not CHANNEL=SITE@START:END; such as cheekPuff=buccinator_left@12:14")
    return kind(channel, site, example)

