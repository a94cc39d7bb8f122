"""Repaired camera takes: error by helping take, detection of damage, diffusion in-filling, curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ....core.face.channels import ARKIT, GROUPS, ChannelGroup
from ....core.face.face_model import IdentityModel
from ....core.hybrid import occlusion_simulation
from ....core.hybrid.helper import Helper
from ....core.hybrid.helper_alignment import align_helper
from ....core.hybrid.infill import infill, substitute
from ....core.hybrid.ranges import row_mask, runs, sample_mask
from ....core.imu import network
from ....core.imu.kinematics import Motion
from ....core.imu.layout import load_layout
from ....core.imu.motion import calibrate_take
from ....core.imu.signal import from_track
from ....core.take import Take, Track, TrackKind
from ....core.take.resample import resample_linear
from . import ProgressCallback, Section, markdown_table, occlusion, plots
from .models import evaluation_pair

_DAMAGES = ("microphone", "hand", "hair", "profile turn", "drop-out")
_PRESETS = ("studio", "rough")
_ABLATION_FOLDER = network.SHIPPED.parent / "ablation"
_GALLERY_CHANNELS = (
    ("microphone", "jawOpen"),
    ("microphone", "mouthSmileLeft"),
    ("hand", "mouthPucker"),
    ("hair", "browInnerUp"),
)
_WINDOW_S = 14.0


def hybrid_section(
    takes: dict[str, Track],
    trained_names: set[str],
    identities: IdentityModel,
    *,
    image_path: Path,
    progress: ProgressCallback,
) -> Section:
    """All parts of the section. Sensors and damage are simulated; the detector was trained on some of the takes."""
    long_takes = {name: track for name, track in takes.items() if track.duration > 20}
    total, finished = len(long_takes) * len(_DAMAGES) * len(_PRESETS) + 2 * len(long_takes), 0
    lines = [
        "\n## Camera takes, repaired",
        f"\nReal takes with simulated damage (`core/hybrid/occlusion_simulation.py`), {occlusion.DAMAGED_SHARE:.0%} "
        "of each; sensors simulated. Weights MSE over the hidden channels in the hidden ranges, which are given. "
        "*camera*: the damage itself (a lost face is held); *hold*, *mean face*, *line*: the last trusted value, the "
        "mean of the trusted rows, a line from edge to edge; *plain*: the paper's substitution, with the channels of "
        "Innerface's network; then the hybrid with sensors, with another tracker's take (a second phone, simulated), "
        "and without any device.",
    ]
    figures: dict[str, Any] = {}
    for preset in _PRESETS:
        lines.append(f"\n### {preset.capitalize()} sensors")
        table_rows = []
        for damage in _DAMAGES:
            for title, names in (
                ("never seen", [n for n in long_takes if n not in trained_names]),
                ("in training*", [n for n in long_takes if n in trained_names]),
            ):
                score = occlusion.RepairScore()
                for k, name in enumerate(names):
                    take = Take(name, {TrackKind.WEIGHTS: long_takes[name]})
                    imu = occlusion.simulate_sensors(long_takes[name], identities.sample(60 + k), preset, seed=60 + k)
                    occlusion.score_repair(score, take, imu, damages=(damage,), rng=np.random.default_rng(80 + k))
                    finished += 1
                    progress(finished / total)
                mse = {m: score.mse(m) for m in occlusion.METHODS}
                figures[f"{preset} {damage} {title}"] = mse | {
                    "seam": score.seam_ratio,
                    "outside": score.outside_change,
                }
                cells = " | ".join(f"{mse[m]:.4f}" for m in occlusion.METHODS)
                table_rows.append(
                    f"{damage} | {title} | {cells} | {mse['sensors'] / mse['plain']:.2f} | {score.seam_ratio:.2f}"
                )
        lines += markdown_table(
            "damage | performers | camera | hold | mean face | line | plain | sensors | other take | no device | "
            "sensors / plain | seam",
            table_rows,
        )
    lines.append(
        "\n*Seam*: the largest step between a hidden and a trusted row, in units of the take's own 99.9th percentile "
        "of change from row to row. Outside of the ranges nothing changes (largest difference "
        f"{max(f['outside'] for f in figures.values()):g})."
    )
    detection = _detection_section(
        long_takes, trained_names, identities, progress=progress, finished=finished, total=total
    )
    conditioned = _conditioning_section({n: t for n, t in long_takes.items() if n not in trained_names}, identities)
    _plot_gallery(long_takes["alex_rom_3"], identities, image_path)
    gallery = [
        "\n### Examples",
        "\nParts of alex_rom_3 (never in training), damage and studio sensors simulated: the camera's damage, the "
        "paper's plain substitution, the hybrid, and the true values.",
        f"\n![Curves before, with plain substitution, and with the hybrid](images/{image_path.name})",
    ]
    return Section(
        lines + detection.lines + conditioned.lines + gallery, figures | detection.figures | conditioned.figures
    )


def _detection_section(
    long_takes: dict[str, Track],
    trained_names: set[str],
    identities: IdentityModel,
    *,
    progress: ProgressCallback,
    finished: int,
    total: int,
) -> Section:
    """Detection by group and by damage, alone and with sensors."""
    table_rows, by_damage, figures = [], [], {}
    for with_sensors in (False, True):
        for title, names in (
            ("never seen", [n for n in long_takes if n not in trained_names]),
            ("in training*", [n for n in long_takes if n in trained_names]),
        ):
            detection, rng = occlusion.DetectionScore(), np.random.default_rng(31)
            for k, name in enumerate(names):
                track = long_takes[name]
                helper = None
                if with_sensors:
                    imu = occlusion.simulate_sensors(track, identities.sample(90 + k), "studio", seed=90 + k)
                    helper = align_helper(
                        Take(name, {TrackKind.WEIGHTS: track}), imu, model=evaluation_pair()
                    ).helper.features()
                occlusion.score_undamaged(detection, track, helper)
                for _ in range(2):
                    occlusion.score_damaged(detection, track, helper, rng=rng)
                finished += 1
                progress(min(finished / total, 1.0))
            detection_figures = detection.figures()
            evidence = "with sensors" if with_sensors else "alone"
            figures[f"detector {evidence} {title}"] = detection_figures
            cells = " | ".join(f"{v:.3f}" for v in detection_figures["f1_by_group"].values())
            table_rows.append(
                f"{evidence} | {title} | {cells} | {detection_figures['clean_flagged']:.2%} | "
                f"{detection_figures['false_per_min']:.2f}"
            )
            by_damage.append(
                f"{evidence} | {title} | " + " | ".join(f"{v:.3f}" for v in detection_figures["f1_by_damage"].values())
            )
    lines = [
        "\n### Detection of damage",
        "\nF1 over rows; rows within 0.1 s of an edge count neither way. On undamaged takes: rows with anything "
        "flagged, and false ranges per minute (rows in which the app itself lost the face are not counted). The "
        "detector learned from simulated damage to the takes marked *, so the rows *never seen* show what to expect.",
        *markdown_table(
            "evidence | performers | " + " | ".join(GROUPS) + " | undamaged rows flagged | false ranges a minute",
            table_rows,
        ),
        "\nBy damage. *Sure of itself* is damage that neither jitters nor freezes, so that only its meaning gives it "
        "away: alone much of it cannot be found.",
        *markdown_table("evidence | performers | " + " | ".join(occlusion_simulation.OCCLUDERS), by_damage),
    ]
    return Section(lines, figures)


def _conditioning_section(held_out_takes: dict[str, Track], identities: IdentityModel) -> Section:
    """In-fill of the mouth by the smallest diffusion network, beside a regressor of its size with the mapping."""
    diffusion, regressor = (
        network.load(_ABLATION_FOLDER / "diffusion.onnx"),
        network.load(_ABLATION_FOLDER / "stream.onnx"),
    )
    squared_errors: dict[str, float] = {}
    samples = 0
    for k, track in enumerate(held_out_takes.values()):
        motion = calibrate_take(
            from_track(
                occlusion.simulate_sensors(track, identities.sample(70 + k), "studio", seed=70 + k).tracks[
                    TrackKind.IMU
                ]
            ),
            load_layout(),
        )[1]
        occluded = occlusion_simulation.occlude(
            track, ("microphone",), occlusion.DAMAGED_SHARE, rng=np.random.default_rng(90 + k)
        )
        hidden, truth = sample_mask(occluded.ranges, track.time), track.select(ARKIT)
        camera = resample_linear(track.time, np.where(hidden, np.nan, occluded.track.select(ARKIT)), motion.time)
        hidden_frames = np.zeros((len(motion.time), len(ARKIT)), dtype=bool)
        mouth_rows = row_mask(occluded.ranges, track.time, ChannelGroup.MOUTH)
        for a, b in runs(mouth_rows):
            in_range = (motion.time >= track.time[a] - 1e-6) & (motion.time <= track.time[b - 1] + 1e-6)
            hidden_frames[np.ix_(in_range, [ARKIT.index(c) for c in GROUPS[ChannelGroup.MOUTH]])] = True

        def resample_to_camera(values: np.ndarray, motion: Motion = motion, track: Track = track) -> np.ndarray:
            return resample_linear(motion.time, np.nan_to_num(values), track.time)

        regressed = resample_to_camera(regressor.infer(motion)[0])
        helper = Helper(
            regressed,
            resample_linear(motion.time, np.nan_to_num(motion.rotation.reshape(len(motion.time), -1)), track.time)
            * 2.0,
        )
        predictions = {
            "diffusion, 10 steps": resample_to_camera(diffusion.infer(motion, 10)[0]),
            "diffusion, 10 steps, the camera's other channels held": resample_to_camera(
                _infer_conditioned(diffusion, motion, camera, known=~hidden_frames, steps=10)
            ),
            "regressor, plain": substitute(occluded.track, occluded.ranges, helper).track.select(ARKIT),
            "regressor, hybrid": infill(occluded.track, occluded.ranges, helper=helper).track.select(ARKIT),
        }
        for name, values in predictions.items():
            squared_errors[name] = squared_errors.get(name, 0.0) + float(((values - truth)[hidden] ** 2).sum())
        samples += int(hidden.sum())
    figures = {name: value / samples for name, value in squared_errors.items()}
    lines = [
        "\n### Conditioning",
        "\nThe other way to fill a gap: a diffusion network that sees sensors, and whose known channels are set to "
        "the camera's (at the noise of the step) in every step of sampling. Networks of the smallest size "
        f"(`models/ablation`), {', '.join(held_out_takes)} behind a microphone, studio sensors; weights MSE of the "
        "mouth. The mapping with its ties to both edges is what measures best, so it is what `innerface hybrid` "
        "does.",
        *markdown_table("method | weights MSE", [f"{name} | {value:.4f}" for name, value in figures.items()]),
    ]
    return Section(lines, {"conditioning": figures})


def _infer_conditioned(
    model: network.Network, motion: Motion, camera: np.ndarray, *, known: np.ndarray, steps: int
) -> np.ndarray:
    """DDIM as in `Network.infer`, with the known channels set to the camera's, at each step's noise level."""
    values = network.network_inputs(motion, model.sites, model.reference)
    values = values[np.minimum(np.arange(len(values) + model.ahead), len(values) - 1)]
    noise = np.random.default_rng(0).standard_normal((len(values), len(ARKIT)))
    delayed = np.clip(np.arange(len(values)) - model.ahead, 0, len(camera) - 1)  # outputs lag behind inputs
    camera_values, known_delayed = 2 * np.clip(np.nan_to_num(camera), 0, 1)[delayed] - 1, known[delayed]
    noisy, weights, previous_level = noise, noise, 1.0
    for k, level in enumerate(np.linspace(1.0, 0.0, steps + 1)[:-1]):
        signal_share, previous_signal_share = np.cos(level * np.pi / 2), np.cos(previous_level * np.pi / 2)
        if k:
            clean = 2 * np.clip(weights, 0.0, 1.0) - 1
            noisy = signal_share * clean + np.sqrt(1 - signal_share**2) / np.sqrt(1 - previous_signal_share**2) * (
                noisy - previous_signal_share * clean
            )
        noisy = np.where(known_delayed, signal_share * camera_values + np.sqrt(1 - signal_share**2) * noise, noisy)
        answers, state = [], model.start()
        for start in range(0, len(values), 3600):
            w, _, state = model.push(
                values[start : start + 3600], state, noisy=noisy[start : start + 3600], noise_level=level
            )
            answers.append(w)
        weights, previous_level = np.concatenate(answers), level
    return np.clip(weights[model.ahead :][: len(camera)].astype(np.float64), 0.0, 1.0)


def _plot_gallery(track: Track, identities: IdentityModel, image_path: Path) -> None:
    size = {"nrows": len(_GALLERY_CHANNELS), "figsize": (10, 2.1 * len(_GALLERY_CHANNELS))}
    with plots.image(image_path, **size, gridspec_kw={"hspace": 0.42}) as axes_list:
        results_by_damage: dict[str, Any] = {}
        imu = occlusion.simulate_sensors(track, identities.sample(60), "studio", seed=60)
        for axes, (damage, channel) in zip(axes_list, _GALLERY_CHANNELS):
            if damage not in results_by_damage:
                occlusion.score_repair(
                    occlusion.RepairScore(),
                    Take("alex_rom_3", {TrackKind.WEIGHTS: track}),
                    imu,
                    damages=(damage,),
                    rng=np.random.default_rng(80),
                    on_result=lambda *x, damage=damage: results_by_damage.__setitem__(damage, x),
                )
            _, occluded, predictions = results_by_damage[damage]
            k, seconds = ARKIT.index(channel), track.time - track.time[0]
            hidden = sample_mask(occluded.ranges, track.time)[:, k]
            truth = track.select(ARKIT)[:, k]
            latest_start = max(
                _WINDOW_S * j / 4
                for j in range(int(4 * track.duration / _WINDOW_S))
                if seconds[-1] - _WINDOW_S * j / 4 >= _WINDOW_S
            )
            motion_by_start = {
                s: float(np.abs(np.diff(truth))[(seconds[1:] >= s) & (seconds[1:] < s + _WINDOW_S) & hidden[1:]].sum())
                for s in np.arange(0, latest_start, 1.0)
            }
            start = max(motion_by_start, key=lambda s: motion_by_start[s])  # most motion behind the damage
            window = (seconds >= start) & (seconds <= start + _WINDOW_S)
            for a, b in runs(hidden & window):
                axes.axvspan(seconds[a], seconds[b - 1], color="#f3e3e0", lw=0)
            axes.plot(seconds[window], truth[window], color="#9a9a9a", lw=3.2, label="true")
            axes.plot(seconds[window], occluded.track.select(ARKIT)[window, k], color="#d1495b", lw=0.9, label="camera")
            for method, colour, style in (("plain", "#d1953b", "--"), ("sensors", "#2f6fb3", "-")):
                values = np.where(hidden, predictions[method][:, k], np.nan)
                axes.plot(
                    seconds[window],
                    values[window],
                    color=colour,
                    lw=1.5,
                    ls=style,
                    label="plain substitution" if method == "plain" else "hybrid",
                )
            axes.set(ylabel=channel, xlim=(start, start + _WINDOW_S), ylim=(-0.03, None), title=damage)
            axes.title.set_fontsize(9)
        axes_list[0].legend(frameon=False, ncols=4, loc="upper right", bbox_to_anchor=(1.0, 1.45))
        axes_list[-1].set_xlabel("s of alex_rom_3 (damage and sensors simulated)")
