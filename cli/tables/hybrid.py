"""Mended camera takes: how near to what they were, by what helped; how damage is found; the diffusion network held to what the camera knows; curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.channels import ARKIT, GROUPS
from ...core.face_model import Identities
from ...core.hybrid import mix, occluders
from ...core.hybrid.mend import Helper, mend, plain
from ...core.hybrid.ranges import mask, rows, runs
from ...core.imu import network
from ...core.imu.kinematics import Motion
from ...core.imu.layout import layout
from ...core.imu.motion import calibrate_take
from ...core.imu.signal import from_track
from ...core.resample import linear
from ...core.take import Take, Track
from . import Progress, Section, ablation, occlusion, table

_DAMAGES = ("microphone", "hand", "hair", "profile turn", "drop-out")
_PRESETS = ("studio", "rough")
_TINY = network.SHIPPED.parent / "ablation"
_SHOWN = (("microphone", "jawOpen"), ("microphone", "mouthSmileLeft"), ("hand", "mouthPucker"), ("hair", "browInnerUp"))
_WINDOW_S = 14.0


def hybrid(takes: dict[str, Track], trained: set[str], people: Identities, picture: Path, progress: Progress) -> Section:
    """All of it. Sensors and damage are simulated; the detector learned from damage to the takes in `trained`."""
    long = {name: track for name, track in takes.items() if track.duration > 20}
    total, done = len(long) * len(_DAMAGES) * len(_PRESETS) + 2 * len(long), 0
    lines = [
        "\n## Camera takes, mended",
        "\nReal takes with simulated damage (`core/hybrid/occluders.py`), "
        f"{occlusion.SHARE:.0%} of each; sensors simulated. Weights MSE over the hidden channels in the hidden ranges, which are given. *camera*: the "
        "damage itself (a lost face is held); *hold*, *mean face*, *line*: the last trusted value, the mean of the trusted rows, a line from edge to edge; "
        "*plain*: the paper's substitution, with our network's channels; then the hybrid with sensors, with another tracker's take (a second phone, "
        "simulated), and without any device.",
    ]  # fmt: skip
    figures: dict[str, Any] = {}
    for preset in _PRESETS:
        lines.append(f"\n### {preset.capitalize()} sensors")
        out = []
        for damage in _DAMAGES:
            for title, chosen in (("never seen", [n for n in long if n not in trained]), ("in training*", [n for n in long if n in trained])):
                sums = occlusion.Mending()
                for k, name in enumerate(chosen):
                    take = Take(name, {"weights": long[name]})
                    imu = occlusion.worn(long[name], people.face(60 + k), preset, 60 + k)
                    occlusion.mended(sums, take, imu, (damage,), np.random.default_rng(80 + k))
                    done += 1
                    progress(done / total)
                mse = {m: sums.mse(m) for m in occlusion.METHODS}
                figures[f"{preset} {damage} {title}"] = mse | {"seam": sums.seam, "outside": sums.outside}
                cells = " | ".join(f"{mse[m]:.4f}" for m in occlusion.METHODS)
                out.append(f"{damage} | {title} | {cells} | {mse['sensors'] / mse['plain']:.2f} | {sums.seam:.2f}")
        lines += table("damage | performers | camera | hold | mean face | line | plain | sensors | other take | no device | sensors / plain | seam", out)
    lines.append(
        "\n*Seam*: the largest step between a hidden and a trusted row, in units of the take's own 99.9th percentile of change from row to row. Outside of "
        f"the ranges nothing changes (largest difference {max(f['outside'] for f in figures.values()):g})."
    )  # fmt: skip
    found = _found(long, trained, people, progress, done, total)
    conditioned = _conditioned({n: t for n, t in long.items() if n not in trained}, people)
    _gallery(long["alex_rom_3"], people, picture)
    gallery = [
        "\n### What it looks like",
        "\nParts of alex_rom_3 (never in training), damage and studio sensors simulated: the camera's damage, the paper's plain substitution, the hybrid, "
        "and what was true.",
        f"\n![Curves before, with plain substitution, and with the hybrid](images/{picture.name})",
    ]  # fmt: skip
    return Section(lines + found.lines + conditioned.lines + gallery, figures | found.figures | conditioned.figures)


def _found(long: dict[str, Track], trained: set[str], people: Identities, progress: Progress, done: int, total: int) -> Section:
    """Detection by group and by damage, alone and with sensors."""
    out, by_damage, figures = [], [], {}
    for helped in (False, True):
        for title, chosen in (("never seen", [n for n in long if n not in trained]), ("in training*", [n for n in long if n in trained])):
            found, rng = occlusion.Found(), np.random.default_rng(31)
            for k, name in enumerate(chosen):
                track = long[name]
                helper = None
                if helped:
                    imu = occlusion.worn(track, people.face(90 + k), "studio", 90 + k)
                    helper = mix.help_from(Take(name, {"weights": track}), imu).helper.features()
                occlusion.untouched(found, track, helper)
                for _ in range(2):
                    occlusion.damaged(found, track, helper, rng)
                done += 1
                progress(min(done / total, 1.0))
            said = found.figures()
            who = "with sensors" if helped else "alone"
            figures[f"detector {who} {title}"] = said
            cells = " | ".join(f"{v:.3f}" for v in said["f1_by_group"].values())
            out.append(f"{who} | {title} | {cells} | {said['clean_flagged']:.2%} | {said['false_per_min']:.2f}")
            by_damage.append(f"{who} | {title} | " + " | ".join(f"{v:.3f}" for v in said["f1_by_damage"].values()))
    lines = [
        "\n### Damage, found",
        "\nF1 over rows; rows within 0.1 s of an edge count neither way. On takes that nobody damaged: rows in which anything was flagged, and false ranges "
        "a minute (where the app itself says that it lost the face is not counted). The detector learned from simulated damage to the takes marked *, "
        "so the rows *never seen* are what to expect.",
        *table("evidence | performers | " + " | ".join(GROUPS) + " | sound rows flagged | false ranges a minute", out),
        "\nBy damage. *Sure of itself* is damage that neither trembles nor stops, so that only its meaning gives it away: alone much of it cannot be found.",
        *table("evidence | performers | " + " | ".join(occluders.OCCLUDERS), by_damage),
    ]  # fmt: skip
    return Section(lines, figures)


def _conditioned(held: dict[str, Track], people: Identities) -> Section:
    """The smallest diffusion network filling in the mouth, held in every step to what the camera knows of the rest, beside a regressor of its size, mapped."""
    diffusion, stream = network.load(_TINY / "diffusion.onnx"), network.load(_TINY / "stream.onnx")
    square: dict[str, float] = {}
    samples = 0
    for k, track in enumerate(held.values()):
        motion = calibrate_take(from_track(occlusion.worn(track, people.face(70 + k), "studio", 70 + k).tracks["imu"]), layout())[1]
        hurt = occluders.occlude(track, ("microphone",), occlusion.SHARE, np.random.default_rng(90 + k))
        hidden, truth = mask(hurt.ranges, track.time), track.select(ARKIT)
        camera = linear(track.time, np.where(hidden, np.nan, hurt.track.select(ARKIT)), motion.time)
        gone = np.zeros((len(motion.time), len(ARKIT)), dtype=bool)
        at = rows(hurt.ranges, track.time, "mouth")
        for a, b in runs(at):
            inside = (motion.time >= track.time[a] - 1e-6) & (motion.time <= track.time[b - 1] + 1e-6)
            gone[np.ix_(inside, [ARKIT.index(c) for c in GROUPS["mouth"]])] = True

        def on_camera(values: np.ndarray, motion: Motion = motion, track: Track = track) -> np.ndarray:
            return linear(motion.time, np.nan_to_num(values), track.time)

        regressed = on_camera(stream.infer(motion)[0])
        helper = Helper(regressed, linear(motion.time, np.nan_to_num(motion.rotation.reshape(len(motion.time), -1)), track.time) * 2.0)
        said = {
            "diffusion, 10 steps": on_camera(diffusion.infer(motion, 10)[0]),
            "diffusion, 10 steps, the camera's other channels held": on_camera(_held(diffusion, motion, camera, ~gone, 10)),
            "regressor, plain": plain(hurt.track, hurt.ranges, helper).track.select(ARKIT),
            "regressor, hybrid": mend(hurt.track, hurt.ranges, helper).track.select(ARKIT),
        }
        for name, values in said.items():
            square[name] = square.get(name, 0.0) + float(((values - truth)[hidden] ** 2).sum())
        samples += int(hidden.sum())
    figures = {name: value / samples for name, value in square.items()}
    lines = [
        "\n### Conditioning",
        "\nThe other way to fill a gap: a diffusion network that sees sensors, and whose known channels are set to the camera's (at the noise of the step) in "
        f"every step of sampling. Networks of the smallest size (`models/ablation`), {', '.join(held)} behind a microphone, studio sensors; weights MSE of "
        "the mouth. The mapping with its ties to both edges is what measures best, so it is what `innerface hybrid` does.",
        *table("method | weights MSE", [f"{name} | {value:.4f}" for name, value in figures.items()]),
    ]  # fmt: skip
    return Section(lines, {"conditioning": figures})


def _held(model: network.Network, motion: Motion, camera: np.ndarray, known: np.ndarray, steps: int) -> np.ndarray:
    """DDIM as `Network.infer`, with the `known` channels of every noisy answer set to the camera's at that noise."""
    values = network.inputs(motion, model.sites, model.reference)
    values = values[np.minimum(np.arange(len(values) + model.ahead), len(values) - 1)]
    noise = np.random.default_rng(0).standard_normal((len(values), len(ARKIT)))
    late = np.clip(np.arange(len(values)) - model.ahead, 0, len(camera) - 1)  # answers lag behind inputs
    told, sure = 2 * np.clip(np.nan_to_num(camera), 0, 1)[late] - 1, known[late]
    noisy, weights, before = noise, noise, 1.0
    for k, level in enumerate(np.linspace(1.0, 0.0, steps + 1)[:-1]):
        keep, kept = np.cos(level * np.pi / 2), np.cos(before * np.pi / 2)
        if k:
            clean = 2 * np.clip(weights, 0.0, 1.0) - 1
            noisy = keep * clean + np.sqrt(1 - keep**2) / np.sqrt(1 - kept**2) * (noisy - kept * clean)
        noisy = np.where(sure, keep * told + np.sqrt(1 - keep**2) * noise, noisy)
        answers, state = [], model.start()
        for at in range(0, len(values), 3600):
            w, _, state = model.push(values[at : at + 3600], state, noisy[at : at + 3600], level)
            answers.append(w)
        weights, before = np.concatenate(answers), level
    return np.clip(weights[model.ahead :][: len(camera)].astype(np.float64), 0.0, 1.0)


def _gallery(track: Track, people: Identities, picture: Path) -> None:
    plt = ablation.plots()
    figure, cells = plt.subplots(len(_SHOWN), 1, figsize=(10, 2.1 * len(_SHOWN)), gridspec_kw={"hspace": 0.42})
    made: dict[str, Any] = {}
    imu = occlusion.worn(track, people.face(60), "studio", 60)
    for cell, (damage, channel) in zip(cells, _SHOWN):
        if damage not in made:
            occlusion.mended(
                occlusion.Mending(), Take("alex_rom_3", {"weights": track}), imu, (damage,), np.random.default_rng(80),
                lambda *x, damage=damage: made.__setitem__(damage, x),
            )  # fmt: skip
        _, hurt, said = made[damage]
        k, since = ARKIT.index(channel), track.time - track.time[0]
        bad = mask(hurt.ranges, track.time)[:, k]
        truth = track.select(ARKIT)[:, k]
        first = max(_WINDOW_S * j / 4 for j in range(int(4 * track.duration / _WINDOW_S)) if since[-1] - _WINDOW_S * j / 4 >= _WINDOW_S)
        score = {s: float(np.abs(np.diff(truth))[(since[1:] >= s) & (since[1:] < s + _WINDOW_S) & bad[1:]].sum()) for s in np.arange(0, first, 1.0)}
        begin = max(score, key=lambda s: score[s])  # where most happens behind the damage
        part = (since >= begin) & (since <= begin + _WINDOW_S)
        for a, b in runs(bad & part):
            cell.axvspan(since[a], since[b - 1], color="#f3e3e0", lw=0)
        cell.plot(since[part], truth[part], color="#9a9a9a", lw=3.2, label="true")
        cell.plot(since[part], hurt.track.select(ARKIT)[part, k], color="#d1495b", lw=0.9, label="camera")
        for method, colour, style in (("plain", "#d1953b", "--"), ("sensors", "#2f6fb3", "-")):
            values = np.where(bad, said[method][:, k], np.nan)
            cell.plot(since[part], values[part], color=colour, lw=1.5, ls=style, label="plain substitution" if method == "plain" else "hybrid")
        cell.set(ylabel=channel, xlim=(begin, begin + _WINDOW_S), ylim=(-0.03, None), title=damage)
        cell.title.set_fontsize(9)
    cells[0].legend(frameon=False, ncols=4, loc="upper right", bbox_to_anchor=(1.0, 1.45))
    cells[-1].set_xlabel("s of alex_rom_3 (damage and sensors simulated)")
    figure.savefig(picture, dpi=120, bbox_inches="tight", facecolor="white")
    plt.close(figure)
