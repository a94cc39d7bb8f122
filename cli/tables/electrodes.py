"""Two electrodes at one ear: BioFace-3D's figures on simulated users, what a network of another person is worth, real motion, and IMUs and electrodes
together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.bio import channels, infer, network
from ...core.bio.signal import bio_track, even
from ...core.bio.simulate import PRESETS, simulate
from ...core.channels import ARKIT
from ...core.face_model import FaceModel, Identities
from ...core.fusion import fuse
from ...core.imu import model as imu_models
from ...core.imu.effects import PRESETS as IMU_PRESETS
from ...core.imu.layout import layout
from ...core.imu.simulate import simulate as simulate_imu
from ...core.infer import infer as infer_imu
from ...core.landmarks import camera
from ...core.landmarks.metrics import SHARE_MM, distances, evaluate
from ...core.landmarks.points import interocular_mm, points_of
from ...core.performance.posed import SEVEN, posed
from ...core.resample import linear
from ...core.take import Take, Track
from . import Progress, Section, table

USERS, PAIRED_S, TEST_S, MINUTES = 16, 300.0, 120.0, 4.0
_REAL, _REAL_SEED = ("alex_rom_3", "alex_rom_4"), 40  # two takes of one real performer; whose simulated electrodes they wear
_PAPER = {"mae_mm": 1.85, "nme_percent": 3.38, "share_under_2_66mm": 0.80}


@dataclass(frozen=True)
class User:
    """A simulated performer: whose `face`, and the test take that nobody trained on, as electrodes' `signal`, the same after sticking them on again, and
    `truth`."""

    number: int
    face: FaceModel
    signal: Take
    again: Take
    truth: Track


def user(number: int, people: Identities, preset: str = "studio") -> User:
    """The `number`th: another face, other muscles, other places of the electrodes, other habits, other noise."""
    face, test = people.face(7000 + number), posed(TEST_S, number, 1)
    signal, again = (simulate(test, PRESETS[preset], number, mount) for mount in (0, 1))
    return User(number, face, signal, again, camera.from_weights(test, face))


def trained(who: User, folder: Path, preset: str = "studio") -> network.BioNetwork:
    """The user's own network, from five minutes of paired simulated data; one that lies in `folder` already is taken."""
    path = folder / f"{preset}-{who.number}.onnx"
    if not path.exists():
        from ...models.training import bio

        track = posed(PAIRED_S, who.number, 0)
        signal = even(bio_track(simulate(track, PRESETS[preset], who.number)))
        bio.train(signal, camera.from_weights(track, who.face), path, MINUTES, 1, weights=track)
    return network.load(path)


def electrodes(people: Identities, folder: Path, pictures: Path, progress: Progress, users: int = USERS) -> Section:
    """Tables of all users; `folder` keeps their networks, so that a run that was broken off goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, found, far = [], {}, {"network": [], "mean face": [], "rest face": []}
    before: network.BioNetwork | None = None
    crossed, again = [], []
    for k in range(users):
        who = user(k, people)
        own = trained(who, folder)
        guess = infer.infer(who.signal, own).tracks["landmarks"]
        done = evaluate(guess, who.truth)
        groups = done["mae_mm_by_group"]
        best = min(("mean_face", "rest_face"), key=lambda f: done[f]["mae_mm"])
        ratio = done["mae_mm"] / done[best]["mae_mm"]
        stuck = evaluate(infer.infer(who.again, own).tracks["landmarks"], who.truth)["mae_mm"]
        other = _crossed(who, before) if before is not None else None
        found[f"user {k}"] = {key: done[key] for key in _PAPER} | {
            "ratio": ratio, "mounted_again_mm": stuck, "constant_mm": done[best]["mae_mm"], "crossed_mm": other, "mm_by_group": groups["pred"],
        }  # fmt: skip
        cells = " | ".join(f"{groups['pred'][g]:.2f} / {groups[best][g]:.2f}" for g in ("brows", "lids", "mouth", "pupils"))
        rows.append(
            f"{k + 1} | {done['mae_mm']:.2f} | {done['nme_percent']:.2f} | {done['share_under_2_66mm']:.1%} | {done[best]['mae_mm']:.2f} | {ratio:.2f} | "
            f"{cells} | "
            f"{stuck:.2f} | " + (f"{other:.2f}" if other is not None else "")
        )
        for name, d in _distances(guess, who.truth).items():
            far[name].append(d)
        again.append(stuck)
        crossed += [other] if other is not None else []
        before = own
        progress((k + 1) / users)
    mean = {key: float(np.mean([f[key] for f in found.values()])) for key in (*_PAPER, "ratio", "constant_mm")}
    worst = max(f["ratio"] for f in found.values())
    found["mean"] = mean | {"worst_ratio": worst, "crossed_mm": float(np.mean(crossed)) if crossed else None}
    rows.append(
        f"**mean** | {mean['mae_mm']:.2f} | {mean['nme_percent']:.2f} | {mean['share_under_2_66mm']:.1%} | {mean['constant_mm']:.2f} | "
        f"{mean['ratio']:.2f} | | | | | "
        f"{np.mean(again):.2f} | {np.mean(crossed) if crossed else np.nan:.2f}"
    )
    _cumulative(far, pictures / "landmarks-cdf.png")
    lines = [
        "\n## Two electrodes at one ear",
        f"\n**Ours are simulated**: {users} made-up users with faces, muscles, electrode places and habits of their own (`innerface simulate bio`, preset "
        f"studio), seven posed expressions ({', '.join(SEVEN)}) with blinks and glances; each has a network of their own from {PAIRED_S / 60:.0f} minutes of "
        f"paired data, trained for at most {MINUTES:g} minutes on two cores, and is measured on {TEST_S / 60:.0f} minutes that it has not seen. The article's "
        f"are of 16 real people with its own device: {_PAPER['mae_mm']} mm, {_PAPER['nme_percent']} %, {_PAPER['share_under_2_66mm']:.0%} of the landmarks "
        f"under {SHARE_MM} mm. A constant face alone scores as the column *constant* says (the better of the take's mean and its rest), so the article's "
        "figures by themselves prove little, and neither do ours without the column *share*.",
        "\nPer group of points: network / constant face, mm. *Mounted again*: the electrodes taken off and stuck on again since training. *Other person's*: "
        "the network of the user before, from its own calm face to this one's.",
    ]
    lines += table(
        "user | MAE mm | NME % | under 2.66 mm | constant | share | brows | lids | mouth | pupils | mounted again | other person's", rows
    )
    lines += ["\n![Share of the landmarks that lie nearer than so many mm](images/landmarks-cdf.png)"]
    return Section(lines, found)


def presets(people: Identities, folder: Path, progress: Progress, users: int = 3) -> Section:
    """The same with worse skin and with a slower board."""
    rows, found = [], {}
    names = ("studio", "cyton", "rough")
    for p, preset in enumerate(names):
        got = []
        for k in range(users):
            who = user(k, people, preset)
            done = evaluate(infer.infer(who.signal, trained(who, folder, preset)).tracks["landmarks"], who.truth)
            got.append((done["mae_mm"], done["nme_percent"], min(done[f]["mae_mm"] for f in ("mean_face", "rest_face"))))
            progress((p * users + k + 1) / users / len(names))
        mae, nme, still = np.mean(got, axis=0)
        found[preset] = {"mae_mm": float(mae), "nme_percent": float(nme), "ratio": float(mae / still)}
        rows.append(f"{preset} | {PRESETS[preset].rate_hz:g} | {mae:.2f} | {nme:.2f} | {still:.2f} | {mae / still:.2f}")
    about = f"\nMeans over the first {users} users. *cyton*: 250 samples a second; *rough*: worse skin, more mains, drift, pops and losses."
    lines = ["\n### Boards and skin", about]
    return Section(lines + table("preset | samples/s | MAE mm | NME % | constant | share", rows), found)


def together(takes: dict[str, Track], people: Identities, folder: Path, progress: Progress) -> Section:
    """Both devices on one performer: gaze and blinks from electrodes, the rest from IMUs. Posed users, and a real performer: trained on alex_rom_3, measured
    on alex_rom_4."""
    rows, found, real = [], {}, {}
    users = [(f"user {k + 1}, posed", k, posed(TEST_S, k, 1)) for k in range(3)]
    cases = users + ([(_REAL[1], _REAL_SEED, takes[_REAL[1]])] if set(_REAL) <= set(takes) else [])
    for c, (name, seed, test) in enumerate(cases):
        face = people.face(7000 + seed)
        if seed == _REAL_SEED:
            path = folder / "real.onnx"
            if not path.exists():
                from ...models.training import bio

                learn = takes[_REAL[0]]
                signal = even(bio_track(simulate(learn, PRESETS["studio"], seed)))
                bio.train(signal, camera.from_weights(learn, face), path, MINUTES, 1, weights=learn)
            own = network.load(path)
        else:
            own = trained(user(seed, people), folder)
        ear = channels.weights(simulate(test, PRESETS["studio"], seed), own)
        if seed == _REAL_SEED:
            real = evaluate(ear.tracks["landmarks"], camera.from_weights(test, face))
        worn = infer_imu(simulate_imu(test, face, layout(), IMU_PRESETS["studio"], seed), layout(), imu_models.load()[0]).take
        both = fuse(worn, ear)
        truth = np.nan_to_num(test.select(ARKIT))
        figures_ = {}
        for title, take in (("IMUs", worn), ("electrodes", ear), ("both", both)):
            track = take.weights()
            off = (linear(track.time, np.nan_to_num(track.select(ARKIT)), test.time) - truth) ** 2
            figures_[title] = {part: float(off[:, which].mean()) for part, which in _parts().items()}
        still = {part: float(min((truth[:, w] ** 2).mean(), truth[:, w].var(axis=0).mean())) for part, w in _parts().items()}
        found[name] = figures_ | {"constant": still}
        for part in _parts():
            rows.append(f"{name} | {part} | {still[part]:.4f} | " + " | ".join(f"{figures_[t][part]:.4f}" for t in ("IMUs", "electrodes", "both")))
        progress((c + 1) / len(cases))
    lines = [
        "\n### IMUs and electrodes together",
        "\nWeights MSE with IMUs alone (cold: a network that does not know the performer), with electrodes alone (the performer's own network), and with both, "
        "each channel from whom is the surer of it (`core/fusion.py`). Neither paper has this. *Constant*: the better of the take's mean face and the neutral. "
        "Both devices are simulated.",
    ]
    lines += table("performer | channels | constant | IMUs | electrodes | both", rows)
    if real:
        found["landmarks, real motion"] = {key: real[key] for key in (*_PAPER, "mean_face", "rest_face")}
        still_mm = min(real[f]["mae_mm"] for f in ("mean_face", "rest_face"))
        lines += [
            f"\nReal motion is harder than seven poses: trained on {_REAL[0]} (a range of motion of 2.2 minutes) and measured on {_REAL[1]}, landmarks are "
            f"off by {real['mae_mm']:.2f} mm ({real['nme_percent']:.2f} %), the better constant face by {still_mm:.2f} mm."
        ]
    return Section(lines, found)


def _parts() -> dict[str, np.ndarray]:
    gaze = np.array([c.startswith("eyeLook") for c in ARKIT])
    blink = np.array([c.startswith("eyeBlink") for c in ARKIT])
    return {"gaze": gaze, "blink": blink, "the rest": ~gaze & ~blink}


def _crossed(who: User, other: network.BioNetwork) -> float:
    """MAE (mm) with the network of another person, whose calm face is replaced by this one's."""
    guess = infer.infer(who.signal, other).tracks["landmarks"]
    calm = np.nanmedian(points_of(who.truth), axis=0)
    moved = Track(guess.kind, guess.time, guess.columns, guess.values + (calm - other.rest).ravel(), guess.meta)
    return evaluate(moved, who.truth)["mae_mm"]


def _distances(guess: Track, truth: Track) -> dict[str, np.ndarray]:
    """Distances (N,) in mm of all points of all frames, of the network and of both constant faces."""
    true = points_of(truth)
    at = linear(guess.time, guess.values, truth.time).reshape(true.shape)
    unit = interocular_mm(truth)
    still = {"mean face": true.mean(axis=0), "rest face": np.median(true, axis=0)}
    return {"network": unit * distances(at, true).ravel()} | {n: unit * distances(np.broadcast_to(f, true.shape), true).ravel() for n, f in still.items()}


def _cumulative(far: dict[str, list[np.ndarray]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"})
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    grid = np.linspace(0, 8, 400)
    for name, colour, width in (("network", "#d1495b", 2.0), ("rest face", "#2f6fb3", 1.2), ("mean face", "#8a8172", 1.2)):
        parts = far[name]
        for part in parts if name == "network" else ():
            axes.plot(grid, np.searchsorted(np.sort(part), grid) / len(part), color=colour, alpha=0.18, lw=0.7)
        together_ = np.sort(np.concatenate(parts))
        axes.plot(grid, np.searchsorted(together_, grid) / len(together_), color=colour, lw=width, label=name)
    axes.axvline(SHARE_MM, color="#444", lw=0.8, ls=":")
    axes.plot([SHARE_MM], [_PAPER["share_under_2_66mm"]], "o", color="#444", ms=5, label="the article's users (real)")
    axes.set(xlabel="distance, mm", ylabel="share of landmarks", xlim=(0, 8), ylim=(0, 1.005))
    axes.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=140)
    plt.close(figure)

