"""Two electrodes at one ear: BioFace-3D's figures on simulated users, boards, and electrodes with IMUs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.bio import channels, inference, network
from ....core.bio.signal import bio_track, to_uniform_rate
from ....core.bio.simulation.effects import PRESETS
from ....core.bio.simulation.simulate import simulate
from ....core.face.channels import ARKIT
from ....core.face.face_model import FaceModel, IdentityModel
from ....core.fusion import fuse
from ....core.imu.inference import infer as infer_imu
from ....core.imu.layout import load_layout
from ....core.imu.simulation.effects import PRESETS as IMU_PRESETS
from ....core.imu.simulation.simulate import simulate as simulate_imu
from ....core.landmarks import camera
from ....core.landmarks.metrics import SHARE_MM, distances, evaluate
from ....core.landmarks.points import interocular_mm, points_of
from ....core.performance.pose_sequence import POSED_EXPRESSIONS, pose_sequence
from ....core.take import Take, Track, TrackKind
from ....core.take.resample import resample_linear
from . import ProgressCallback, Section, markdown_table, plots
from .models import evaluation_pair

USERS, PAIRED_S, TEST_S, TRAINING_MINUTES = 16, 300.0, 120.0, 4.0
_REAL_TAKES = ("alex_rom_3", "alex_rom_4")  # two takes of one real performer
_REAL_SEED = 40  # of the simulated electrodes that they wear
_PAPER_FIGURES = {"mae_mm": 1.85, "nme_percent": 3.38, "share_under_2_66mm": 0.80}


@dataclass(frozen=True)
class SimulatedUser:
    """A simulated performer with a test take that was not used for training.

    Attributes
    ----------
    number : of the performer
    face : of the performer
    signal, remounted : the test take by the electrodes, and after mounting them again
    truth : its true landmarks
    """

    number: int
    face: FaceModel
    signal: Take
    remounted: Take
    truth: Track


def simulate_user(number: int, identities: IdentityModel, preset: str = "studio") -> SimulatedUser:
    """Simulate performer `number`, with a face, muscles, electrode placement, habits and noise of their own."""
    face, test_track = identities.sample(7000 + number), pose_sequence(TEST_S, number, take=1)
    signal, remounted = (simulate(test_track, PRESETS[preset], number, mount=mount) for mount in (0, 1))
    return SimulatedUser(number, face, signal, remounted, camera.landmarks_from_weights(test_track, face))


def user_network(performer: SimulatedUser, networks_folder: Path, preset: str = "studio") -> network.BioNetwork:
    """The performer's network, trained on five minutes of paired simulated data unless the folder has it."""
    path = networks_folder / f"{preset}-{performer.number}.onnx"
    if not path.exists():
        from ....models.training import bio
        from ....models.training.budget import Budget

        track = pose_sequence(PAIRED_S, performer.number, take=0)
        signal = to_uniform_rate(bio_track(simulate(track, PRESETS[preset], performer.number)))
        bio.train(
            signal,
            camera.landmarks_from_weights(track, performer.face),
            path,
            budget=Budget(minutes=TRAINING_MINUTES),
            seed=1,
            weights=track,
        )
    return network.load(path)


def electrode_section(
    identities: IdentityModel,
    networks_folder: Path,
    images_folder: Path,
    *,
    progress: ProgressCallback,
    users: int = USERS,
) -> Section:
    """Tables of all users; their networks are kept in a folder, so that an interrupted run continues."""
    networks_folder.mkdir(parents=True, exist_ok=True)
    rows, figures, distances_by_method = [], {}, {"network": [], "mean face": [], "rest face": []}
    previous_network: network.BioNetwork | None = None
    crossed_errors, remounted_errors = [], []
    for k in range(users):
        performer = simulate_user(k, identities)
        own_network = user_network(performer, networks_folder)
        predicted = inference.infer(performer.signal, own_network).tracks[TrackKind.LANDMARKS]
        evaluation = evaluate(predicted, performer.truth)
        groups = evaluation["mae_mm_by_group"]
        best_constant = min(("mean_face", "rest_face"), key=lambda f: evaluation[f]["mae_mm"])
        ratio = evaluation["mae_mm"] / evaluation[best_constant]["mae_mm"]
        remounted_error = evaluate(
            inference.infer(performer.remounted, own_network).tracks[TrackKind.LANDMARKS], performer.truth
        )["mae_mm"]
        crossed_error = _crossed_error(performer, previous_network) if previous_network is not None else None
        figures[f"user {k}"] = {key: evaluation[key] for key in _PAPER_FIGURES} | {
            "ratio": ratio,
            "mounted_again_mm": remounted_error,
            "constant_mm": evaluation[best_constant]["mae_mm"],
            "crossed_mm": crossed_error,
            "mm_by_group": groups["pred"],
        }
        cells = " | ".join(
            f"{groups['pred'][g]:.2f} / {groups[best_constant][g]:.2f}" for g in ("brows", "lids", "mouth", "pupils")
        )
        rows.append(
            f"{k + 1} | {evaluation['mae_mm']:.2f} | {evaluation['nme_percent']:.2f} | "
            f"{evaluation['share_under_2_66mm']:.1%} | {evaluation[best_constant]['mae_mm']:.2f} | {ratio:.2f} | "
            f"{cells} | "
            f"{remounted_error:.2f} | " + (f"{crossed_error:.2f}" if crossed_error is not None else "")
        )
        for name, d in _point_distances(predicted, performer.truth).items():
            distances_by_method[name].append(d)
        remounted_errors.append(remounted_error)
        crossed_errors += [crossed_error] if crossed_error is not None else []
        previous_network = own_network
        progress((k + 1) / users)
    means = {
        key: float(np.mean([f[key] for f in figures.values()])) for key in (*_PAPER_FIGURES, "ratio", "constant_mm")
    }
    worst_ratio = max(f["ratio"] for f in figures.values())
    figures["mean"] = means | {
        "worst_ratio": worst_ratio,
        "crossed_mm": float(np.mean(crossed_errors)) if crossed_errors else None,
    }
    rows.append(
        f"**mean** | {means['mae_mm']:.2f} | {means['nme_percent']:.2f} | {means['share_under_2_66mm']:.1%} | "
        f"{means['constant_mm']:.2f} | {means['ratio']:.2f} | | | | | {np.mean(remounted_errors):.2f} | "
        f"{np.mean(crossed_errors) if crossed_errors else np.nan:.2f}"
    )
    _plot_cumulative(distances_by_method, images_folder / "landmarks-cdf.png")
    lines = [
        "\n## Two electrodes at one ear",
        f"\n**These users are simulated**: {users} generated users, each with their own face, muscles, electrode "
        "placement and habits (`innerface simulate bio`, preset studio), seven posed expressions "
        f"({', '.join(POSED_EXPRESSIONS)}) with blinks and glances; each has a network of their own from "
        f"{PAIRED_S / 60:.0f} minutes of paired data, trained for at most {TRAINING_MINUTES:g} minutes on two cores, "
        f"and is measured on {TEST_S / 60:.0f} minutes that it has not seen. The article's are of 16 real people with "
        f"its own device: {_PAPER_FIGURES['mae_mm']} mm, {_PAPER_FIGURES['nme_percent']} %, "
        f"{_PAPER_FIGURES['share_under_2_66mm']:.0%} of the landmarks under {SHARE_MM} mm. A constant face alone "
        "scores as the column *constant* says (the better of the take's mean and its rest), so the article's figures "
        "by themselves prove little, and neither do these without the column *share*.",
        "\nPer group of points: network / constant face, mm. *Mounted again*: the electrodes taken off and stuck on "
        "again since training. *Other person's*: the network of the user before, from its own calm face to this "
        "one's.",
    ]
    lines += markdown_table(
        "user | MAE mm | NME % | under 2.66 mm | constant | share | brows | lids | mouth | pupils | mounted again | "
        "other person's",
        rows,
    )
    lines += ["\n![Share of the landmarks that lie nearer than so many mm](images/landmarks-cdf.png)"]
    return Section(lines, figures)


def preset_section(
    identities: IdentityModel, networks_folder: Path, progress: ProgressCallback, *, users: int = 4
) -> Section:
    """Section on other boards, skin and muscles, between which real electrodes are expected."""
    rows, figures = [], {}
    names = ("studio", "cyton", "rough", "weak")
    for p, preset in enumerate(names):
        errors = []
        for k in range(users):
            performer = simulate_user(k, identities, preset)
            own_network = user_network(performer, networks_folder, preset)
            evaluation = evaluate(
                inference.infer(performer.signal, own_network).tracks[TrackKind.LANDMARKS], performer.truth
            )
            constant_mm = min(evaluation[f]["mae_mm"] for f in ("mean_face", "rest_face"))
            errors.append((evaluation["mae_mm"], evaluation["nme_percent"], constant_mm, own_network.hardly_better))
            progress((p * users + k + 1) / users / len(names))
        mae, nme, constant_mm, refused = np.mean(errors, axis=0)
        shares = np.array([e[0] / e[2] for e in errors])
        figures[preset] = {
            "mae_mm": float(mae),
            "nme_percent": float(nme),
            "ratio": float(shares.mean()),
            "best_ratio": float(shares.min()),
            "worst_ratio": float(shares.max()),
            "refused": round(float(refused * users)),
        }
        rows.append(
            f"{preset} | {PRESETS[preset].rate_hz:g} | {mae:.2f} | {nme:.2f} | {constant_mm:.2f} | "
            f"{shares.mean():.2f} | {shares.min():.2f} to {shares.max():.2f} | {refused * users:.0f} of {users}"
        )
    description = (
        f"\nMeans over the first {users} users. *cyton*: 250 samples a second; *rough*: worse skin, more mains, drift, "
        "pops and losses; *weak*: far muscles hardly reach the ear, beside the heart, more mains, and knocks on the "
        "cable. Where real electrodes lie between *studio* and *weak* is not known: no recording of expressions with "
        "electrodes at an ear is public. *Told*: networks of which training, bridge and `infer` say that they are "
        "hardly better than a still face."
    )
    lines = ["\n### Boards, skin and muscles", description]
    header = "preset | samples/s | MAE mm | NME % | constant | share | of the users | told"
    return Section(lines + markdown_table(header, rows), figures)


def combined_section(
    takes: dict[str, Track], identities: IdentityModel, networks_folder: Path, *, progress: ProgressCallback
) -> Section:
    """IMUs and electrodes together: on posed users, and on a real performer with a training and a test take."""
    rows, figures, real_evaluation = [], {}, {}
    imu_network = evaluation_pair()
    users = [(f"user {k + 1}, posed", k, pose_sequence(TEST_S, k, take=1)) for k in range(3)]
    cases = users + ([(_REAL_TAKES[1], _REAL_SEED, takes[_REAL_TAKES[1]])] if set(_REAL_TAKES) <= set(takes) else [])
    for c, (name, seed, test_track) in enumerate(cases):
        face = identities.sample(7000 + seed)
        if seed == _REAL_SEED:
            path = networks_folder / "real.onnx"
            if not path.exists():
                from ....models.training import bio
                from ....models.training.budget import Budget

                training_track = takes[_REAL_TAKES[0]]
                signal = to_uniform_rate(bio_track(simulate(training_track, PRESETS["studio"], seed)))
                bio.train(
                    signal,
                    camera.landmarks_from_weights(training_track, face),
                    path,
                    budget=Budget(minutes=TRAINING_MINUTES),
                    seed=1,
                    weights=training_track,
                )
            own_network = network.load(path)
        else:
            own_network = user_network(simulate_user(seed, identities), networks_folder)
        electrode_take = channels.infer_weights(simulate(test_track, PRESETS["studio"], seed), own_network)
        if seed == _REAL_SEED:
            real_evaluation = evaluate(
                electrode_take.tracks[TrackKind.LANDMARKS], camera.landmarks_from_weights(test_track, face)
            )
        imu_take = infer_imu(
            simulate_imu(test_track, face, load_layout(), effects=IMU_PRESETS["studio"], seed=seed),
            load_layout(),
            imu_network,
        ).take
        fused_take = fuse(imu_take, electrode_take)
        truth = np.nan_to_num(test_track.select(ARKIT))
        mse_by_device = {}
        for title, take in (("IMUs", imu_take), ("electrodes", electrode_take), ("both", fused_take)):
            track = take.weights()
            squared_errors = (
                resample_linear(track.time, np.nan_to_num(track.select(ARKIT)), test_track.time) - truth
            ) ** 2
            mse_by_device[title] = {
                group: float(squared_errors[:, mask].mean()) for group, mask in _channel_groups().items()
            }
        constant_mse = {
            group: float(min((truth[:, w] ** 2).mean(), truth[:, w].var(axis=0).mean()))
            for group, w in _channel_groups().items()
        }
        figures[name] = mse_by_device | {"constant": constant_mse}
        for group in _channel_groups():
            rows.append(
                f"{name} | {group} | {constant_mse[group]:.4f} | "
                + " | ".join(f"{mse_by_device[t][group]:.4f}" for t in ("IMUs", "electrodes", "both"))
            )
        progress((c + 1) / len(cases))
    lines = [
        "\n### IMUs and electrodes together",
        "\nWeights MSE with IMUs alone (cold: a network that does not know the performer), with electrodes alone (the "
        "performer's own network), and with both, each channel from the device with the higher confidence "
        "(`core/fusion.py`). Neither paper has this. *Constant*: the better of the take's mean face and the neutral. "
        "Both devices are simulated.",
    ]
    lines += markdown_table("performer | channels | constant | IMUs | electrodes | both", rows)
    if real_evaluation:
        figures["landmarks, real motion"] = {
            key: real_evaluation[key] for key in (*_PAPER_FIGURES, "mean_face", "rest_face")
        }
        constant_mm = min(real_evaluation[f]["mae_mm"] for f in ("mean_face", "rest_face"))
        lines += [
            f"\nReal motion is harder than seven poses: trained on {_REAL_TAKES[0]} (a range of motion of 2.2 minutes) "
            f"and measured on {_REAL_TAKES[1]}, landmarks are off by {real_evaluation['mae_mm']:.2f} mm "
            f"({real_evaluation['nme_percent']:.2f} %), the better constant face by {constant_mm:.2f} mm."
        ]
    return Section(lines, figures)


def _channel_groups() -> dict[str, np.ndarray]:
    gaze = np.array([c.startswith("eyeLook") for c in ARKIT])
    blink = np.array([c.startswith("eyeBlink") for c in ARKIT])
    return {"gaze": gaze, "blink": blink, "the rest": ~gaze & ~blink}


def _crossed_error(performer: SimulatedUser, other_network: network.BioNetwork) -> float:
    """MAE (mm) of another person's network, with that person's neutral face replaced by this one's."""
    predicted = inference.infer(performer.signal, other_network).tracks[TrackKind.LANDMARKS]
    rest_face = np.nanmedian(points_of(performer.truth), axis=0)
    shifted = Track(
        predicted.kind,
        predicted.time,
        predicted.columns,
        predicted.values + (rest_face - other_network.rest).ravel(),
        predicted.meta,
    )
    return evaluate(shifted, performer.truth)["mae_mm"]


def _point_distances(predicted: Track, truth: Track) -> dict[str, np.ndarray]:
    """Distances (N,) in mm of all points and frames, for the network and for both static faces."""
    truth_points = points_of(truth)
    predicted_points = resample_linear(predicted.time, predicted.values, truth.time).reshape(truth_points.shape)
    interocular = interocular_mm(truth)
    constant_faces = {"mean face": truth_points.mean(axis=0), "rest face": np.median(truth_points, axis=0)}
    return {"network": interocular * distances(predicted_points, truth_points).ravel()} | {
        n: interocular * distances(np.broadcast_to(f, truth_points.shape), truth_points).ravel()
        for n, f in constant_faces.items()
    }


def _plot_cumulative(distances_by_method: dict[str, list[np.ndarray]], image_path: Path) -> None:
    grid = np.linspace(0, 8, 400)
    styles = (("network", "#d1495b", 2.0), ("rest face", "#2f6fb3", 1.2), ("mean face", "#8a8172", 1.2))
    with plots.image(image_path, figsize=(6.4, 3.8)) as axes:
        for name, colour, width in styles:
            samples = distances_by_method[name]
            for sample in samples if name == "network" else ():
                share = np.searchsorted(np.sort(sample), grid) / len(sample)
                axes.plot(grid, share, color=colour, alpha=0.18, lw=0.7)
            all_distances = np.sort(np.concatenate(samples))
            share = np.searchsorted(all_distances, grid) / len(all_distances)
            axes.plot(grid, share, color=colour, lw=width, label=name)
        axes.axvline(SHARE_MM, color="#444", lw=0.8, ls=":")
        paper_share = _PAPER_FIGURES["share_under_2_66mm"]
        axes.plot([SHARE_MM], [paper_share], "o", color="#444", ms=5, label="the article's users (real)")
        axes.set(xlabel="distance, mm", ylabel="share of landmarks", xlim=(0, 8), ylim=(0, 1.005))
        axes.legend(frameon=False, loc="lower right")
