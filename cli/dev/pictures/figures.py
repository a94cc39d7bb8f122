"""Draws the documentation's plots: `python3 build.py pictures` does it after the renderings."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.collections import PolyCollection

from ....core.bio import filters
from ....core.bio.signal import bio_track, to_uniform_rate
from ....core.bio.simulation.effects import PRESETS as BIO_PRESETS
from ....core.bio.simulation.simulate import simulate as simulate_bio
from ....core.face.channels import ARKIT
from ....core.face.face_model import load_bundled
from ....core.face.head import load
from ....core.imu.layout import load_layout
from ....core.imu.motion import calibrate_take
from ....core.imu.signal import from_track
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.simulate import simulate
from ....core.performance.pose_sequence import pose_sequence
from ....core.take import Track, TrackKind

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
ACTIONS = {
    "smile": {
        "mouthSmileLeft": 0.8,
        "mouthSmileRight": 0.8,
        "cheekSquintLeft": 0.5,
        "cheekSquintRight": 0.5,
        "mouthDimpleLeft": 0.2,
    },
    "brow raise": {"browInnerUp": 0.85, "browOuterUpLeft": 0.9, "browOuterUpRight": 0.8},
    "jaw drop": {"jawOpen": 0.7},
    "cheek puff": {"cheekPuff": 0.9, "mouthPressLeft": 0.2, "mouthPressRight": 0.2},
}
ACTION_S, AXIS_COLOURS = 2.6, ("#d1495b", "#2e8b57", "#2f6fb3")


def action_performance() -> tuple[Track, list[float]]:
    """The four actions one after the other, and when each begins."""
    starts = [0.6 + k * ACTION_S for k in range(len(ACTIONS))]
    time = np.arange(int((starts[-1] + ACTION_S + 0.5) * 60)) / 60
    weights = np.zeros((len(time), len(ARKIT)))
    for start, apex in zip(starts, ACTIONS.values()):
        rise, fall = (np.clip((time - start - a) / b, 0, 1) for a, b in ((0.4, 0.28), (1.5, 0.4)))
        shape = rise**3 * (10 - 15 * rise + 6 * rise**2) * (1 - fall**3 * (10 - 15 * fall + 6 * fall**2))
        for channel, value in apex.items():
            weights[:, ARKIT.index(channel)] += value * shape
    return Track(TrackKind.WEIGHTS, time, ARKIT, weights), starts


def plot_traces(path: Path) -> None:
    """Calibrated rotations and accelerations of ten face sites for four actions, sensors simulated as in a studio."""
    track, starts = action_performance()
    motion = calibrate_take(
        from_track(
            simulate(track, load_bundled(), load_layout(), effects=PRESETS["studio"], seed=4).tracks[TrackKind.IMU]
        ),
        load_layout(),
    )[1]
    rows, columns = len(motion.sites), len(ACTIONS)
    plt.rcParams.update(
        {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
    )
    figure, axes = plt.subplots(
        rows, columns, figsize=(11, 13), sharex=True, sharey="row", gridspec_kw={"hspace": 0.18, "wspace": 0.06}
    )
    for c, (name, start) in enumerate(zip(ACTIONS, starts)):
        inside = (motion.time >= start) & (motion.time < start + ACTION_S)
        t = motion.time[inside] - start
        for r, site in enumerate(motion.sites):
            ax = axes[r, c]
            scaled_acceleration = 5 * np.linalg.norm(motion.acceleration[inside, r], axis=-1)
            ax.axvspan(0.4, 1.9, color="#f3efe6", zorder=0)
            ax.fill_between(
                t,
                0,
                scaled_acceleration,
                color="#b9b2a3",
                alpha=0.55,
                lw=0,
                label="5 × |acceleration|, m/s²" if r == c == 0 else None,
            )
            for axis, colour in enumerate(AXIS_COLOURS):
                label = f"turn about {'xyz'[axis]}, degrees" if r == c == 0 else None
                ax.plot(t, np.degrees(motion.rotation[inside, r, axis]), color=colour, lw=1.3, label=label)
            ax.axhline(0, color="#cccccc", lw=0.6, zorder=0)
            if r == 0:
                ax.set_title(name, fontsize=10)
            if c == 0:
                side, _, muscle = site.rpartition("_")[2], "", site.rpartition("_")[0]
                ax.set_ylabel(f"{muscle}\n{side}", rotation=0, ha="right", va="center")
            if r == rows - 1:
                ax.set_xlabel("s")
    figure.legend(loc="upper center", ncols=4, frameon=False, bbox_to_anchor=(0.52, 0.935))
    figure.suptitle(
        "Simulated face-worn IMUs (preset studio): motion of each site after calibration", fontsize=12, y=0.945
    )
    figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def plot_placement(path: Path) -> None:
    """Where the sensors go: the bundled head from the front and from its left, shaded, with the layout's sites."""
    head, sites = load(), load_layout()
    material_colours = {
        "skin": (0.93, 0.80, 0.72),
        "lips": (0.80, 0.52, 0.49),
        "brows": (0.35, 0.26, 0.22),
        "sclera": (0.96, 0.96, 0.95),
        "iris": (0.35, 0.45, 0.5),
    }
    base_colours = np.array([material_colours.get(name, (0.2, 0.16, 0.16)) for name in head.materials])[
        head.material_index
    ]
    corners = head.vertices[head.quads] * 1000
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    figure, axes = plt.subplots(1, 2, figsize=(9, 5.6), width_ratios=(1, 1.05))
    views = (("front", (0, 1), (1.0, 1.0), 2), ("the performer's left", (2, 1), (-1.0, 1.0), 0))
    for ax, (title, (across, up), flip, depth) in zip(axes, views):
        visible = normal[:, depth] > 0
        order = np.argsort(corners[visible][:, :, depth].mean(1))
        outlines = corners[visible][order][:, :, [across, up]] * flip
        light = np.clip(
            normal[visible][order] @ (np.array([0.35, 0.5, 0.79]) if depth == 2 else np.array([0.8, 0.45, 0.4])), 0, 1
        )
        shade = base_colours[visible][order] * (0.45 + 0.55 * light[:, None])
        ax.add_collection(PolyCollection(list(outlines), facecolors=shade, edgecolors=shade, linewidths=0.4))
        for k, (site, position) in enumerate(zip(sites.sites, sites.positions * 1000)):
            if depth == 0 and site.endswith("_right"):
                continue
            x, y = position[across] * flip[0], position[up] * flip[1]
            hidden = depth == 2 and site == sites.reference
            colour = "#2f6fb3" if site == sites.reference else "#d1495b"
            ax.plot(x, y, "o", ms=17, color=colour, alpha=0.35 if hidden else 0.95, mec="white", mew=1.2)
            ax.text(x, y - 0.3, str(k), ha="center", va="center", color="white", fontsize=9, fontweight="bold")
        ax.text(0.5, 1.0, title, transform=ax.transAxes, ha="center", fontsize=11)
        ax.set_aspect("equal")
        ax.autoscale_view()
        ax.set_ylim(-120, 175)
        ax.axis("off")
    names = ", ".join(f"{k} {site}" for k, site in enumerate(sites.sites))
    figure.text(0.5, 0.03, names, ha="center", fontsize=8, color="#444444", wrap=True)
    figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def plot_electrodes(path: Path) -> None:
    """Half a minute of two simulated electrodes, in the bands of muscles and of eyes, above the face's motion."""
    track = pose_sequence(34, 3)
    signal = to_uniform_rate(bio_track(simulate_bio(track, BIO_PRESETS["studio"], 3)))
    in_view = (signal.time > -5) & (signal.time < 29)
    t = signal.time[in_view]
    emg = filters.zero_phase(
        np.concatenate([filters.emg_sos(signal.rate), filters.mains_sos(signal.rate, 50)]), signal.values
    )[in_view]
    eog = filters.zero_phase(filters.eog_sos(signal.rate), signal.values)[in_view]
    plt.rcParams.update(
        {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
    )
    figure, axes = plt.subplots(
        7, 1, figsize=(11, 8.5), sharex=True, gridspec_kw={"hspace": 0.12, "height_ratios": (1, 1, 1, 1, 1, 1, 1.6)}
    )
    for k, (name, colour) in enumerate(zip(signal.channels, ("#2f6fb3", "#d1495b"))):
        for ax, values, band_name in (
            (axes[k], signal.values[in_view], "as recorded"),
            (axes[2 + k], emg, "20-450 Hz"),
            (axes[4 + k], eog, "0.05-35 Hz"),
        ):
            ax.plot(t, values[:, k], color=colour, lw=0.5 if ax in axes[:4] else 0.9)
            ax.set_ylabel(f"{name}\n{band_name}\nuV", rotation=0, ha="right", va="center")
    groups = {
        "smile": ("mouthSmileLeft", "#d1495b"),
        "brows up": ("browInnerUp", "#2e8b57"),
        "brows down": ("browDownLeft", "#8a6d3b"),
        "jaw": ("jawOpen", "#2f6fb3"),
        "mouth stretched": ("mouthStretchLeft", "#7d5ba6"),
        "blink": ("eyeBlinkLeft", "#bbbbbb"),
    }
    for name, (channel, colour) in groups.items():
        axes[6].plot(track.time, track.column(channel), color=colour, lw=1.2, label=name)
    axes[6].plot(
        track.time,
        track.column("eyeLookOutLeft") - track.column("eyeLookInLeft"),
        color="#444444",
        lw=0.9,
        ls=":",
        label="gaze to the left",
    )
    axes[6].set(ylabel="the face", xlabel="s (three blinks and three bites before 0)", xlim=(-5, 29))
    axes[6].legend(ncols=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.32))
    figure.suptitle("Simulated electrodes at the left ear (preset studio)", fontsize=12, y=0.92)
    figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    plot_traces(IMAGES / "traces.png")
    plot_electrodes(IMAGES / "electrodes.png")
    plot_placement(IMAGES / "placement.png")
