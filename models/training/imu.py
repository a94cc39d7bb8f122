"""Training of networks from face sensors to weights: `innerface train imu`.

Runs can be resumed: a checkpoint and the learning curve lie beside the model until it is complete.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, mirrored
from ...core.face.face_model import FaceModel, load_bundled, load_ict
from ...core.files import atomic_write
from ...core.imu.layout import load_layout
from ...core.numerics.model_files import content_id
from . import export
from .budget import Budget
from .example_supply import ExampleSource, SampleStore, SampleSupply
from .linear import HELD_OUT
from .network import WINDOW, NetworkShape, StreamNetwork, TransformerNetwork, build, predict_windows

# Width, depth and cycle of dilations: 0.2, 1.1 and 4.1 million parameters.
SIZES = {"tiny": (64, 10, 5), "small": (160, 10, 5), "full": (288, 12, 6)}
_WINDOW_FRAMES = 320
_BATCH_SIZE = {"tiny": 14, "small": 14, "full": 64}
_STORE_CAPACITY = {"tiny": 300, "small": 600, "full": 6000}
_WINDOWS_PER_TAKE = {"tiny": 200.0, "small": 100.0, "full": 40.0}  # limits the simulator's load beside the training
_LEARNING_RATE, _WARM_UP_STEPS, _AVERAGE_DECAY = 1e-3, 200, 0.998
_FINE_TUNING_RATE = 2e-4
_MILLIMETRE_WEIGHT, _SQUARE_WEIGHT, _ABSOLUTE_WEIGHT = 1.0, 20.0, 2.0  # parts of the loss
_SAMPLED_VERTICES = 200
_FRESH = 40  # unseen takes to evaluate the network on
_PAIRED_SHARE = 0.8  # of the windows in fine-tuning: four of the performer's own to one simulated
_SAVE_S, _CURVE_STEPS = 90.0, 100


@dataclass(frozen=True)
class TrainingPlan:
    """Plan of a training run.

    Attributes
    ----------
    size : key of SIZES
    live : whether the network must not look ahead; else it sees as much of what follows as of what was before
    budget : limit of the training, without the simulation of the first takes
    seed : of all random numbers
    source : ingredients of simulated takes
    kind : "stream" (a plain regressor), "diffusion" (the same with steps) or "paper" (its transformer diffusion)
    """

    size: str
    live: bool
    budget: Budget
    seed: int
    source: ExampleSource
    kind: str = "stream"

    @property
    def shape(self) -> NetworkShape:
        """Shape of the network. The paper's has the paper's depth, and as many parameters as the others."""
        width, depth, cycle = SIZES[self.size]
        if self.kind == "paper":
            return NetworkShape("transformer", 4 * round(0.28 * width), 4, 0, True, True)
        shape = NetworkShape("stream", width, depth, 0, self.kind == "diffusion", True, cycle)
        return shape if self.live else replace(shape, ahead=shape.state_frames // 2)


class VertexDistance:
    """Converts weight errors to millimetres on a sample of a face's vertices (IMUSIC's PVE)."""

    def __init__(self, face: FaceModel, device: torch.device) -> None:
        rows = np.random.default_rng(0).choice(face.region, min(_SAMPLED_VERTICES, len(face.region)), replace=False)
        rows = np.concatenate([rows, face.inner_lips.ravel()])
        self.basis = torch.tensor(
            face.deltas[:, rows].reshape(len(ARKIT), -1) * 1000, dtype=torch.float32, device=device
        )

    def __call__(self, difference: torch.Tensor) -> torch.Tensor:
        """Mean distances (B, T) of weight errors (B, 52, T)."""
        moved = torch.matmul(difference.transpose(1, 2), self.basis)
        return moved.view(*moved.shape[:2], -1, 3).norm(dim=-1).mean(-1)


def losses(
    vertex_distance: VertexDistance,
    weights: torch.Tensor,
    error: torch.Tensor,
    *,
    truth: torch.Tensor,
    mask: torch.Tensor,
) -> tuple[torch.Tensor, float, float]:
    """The loss over the frames in `mask` (B, T), and its parts in millimetres and in mean squares."""
    difference, count = weights - truth, mask.sum().clamp(min=1)
    millimetres = (vertex_distance(difference) * mask).sum() / count
    square = (difference.square().mean(1) * mask).sum() / count
    absolute = (difference.abs().mean(1) * mask).sum() / count
    error_estimate = (
        (error - difference.detach().abs()).abs().mean(1) * mask
    ).sum() / count  # estimates the median of |error|
    total = _MILLIMETRE_WEIGHT * millimetres + _SQUARE_WEIGHT * square + _ABSOLUTE_WEIGHT * absolute + error_estimate
    return total, float(millimetres.detach()), float(square.detach())


def noisy_truth(truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy weights (B, 52, T) at random levels (B,), by EgoEgo's cosine schedule, to train a diffusion network.

    Two in five are nothing but noise, where sampling starts, and where it ends with one step.
    """
    level = torch.rand(len(truth), device=truth.device)
    level = torch.where(torch.rand_like(level) < 0.4, torch.ones_like(level), level)
    signal_share = torch.cos(level * np.pi / 2)[:, None, None]
    noisy = signal_share * (2 * truth - 1) + torch.sqrt(1 - signal_share**2) * torch.randn_like(truth)
    return noisy, level


def channel_spread(store: SampleStore) -> Array:
    """Mean distance (52,) of each channel from its median in the take: the error of guessing that median."""
    takes = [s.weights[s.mask].astype(np.float32) for s in store.takes[:400]]
    return np.maximum(np.mean([np.abs(w - np.median(w, axis=0)).mean(0) for w in takes], axis=0), 0.01)


def explained_variance(net: StreamNetwork | TransformerNetwork, unseen: SampleStore) -> Array:
    """Share (52,) of each channel's variance within unseen takes that a network explains; 0 for still channels.

    Constant errors, as of a performer's resting face, do not count.
    """
    error_power, true_power, count = np.zeros(len(ARKIT)), np.zeros(len(ARKIT)), 0
    for take in unseen.takes:
        values, truth, mask = take.inputs.astype(np.float32), take.weights.astype(np.float32), take.mask.copy()
        if isinstance(net, StreamNetwork):
            rows = np.minimum(np.arange(len(values) + net.shape.ahead), len(values) - 1)
            windows = values[rows][None]
        else:
            rows = len(values) // WINDOW * WINDOW
            windows, truth, mask = values[:rows].reshape(-1, WINDOW, values.shape[1]), truth[:rows], mask[:rows]
        motion = torch.from_numpy(np.ascontiguousarray(windows.transpose(0, 2, 1)))
        with torch.no_grad():
            start = (
                (torch.zeros(len(motion), len(ARKIT), motion.shape[2]), torch.ones(len(motion)))
                if net.shape.diffusion
                else None
            )
            weights = (
                predict_windows(net, motion, start)[0]
                .numpy()
                .transpose(0, 2, 1)
                .reshape(-1, len(ARKIT))[net.shape.ahead :]
            )
        error = (np.clip(weights, 0, 1) - truth)[mask]
        error_power += ((error - error.mean(0)) ** 2).sum(0)
        true_power += ((truth - truth[mask].mean(0))[mask] ** 2).sum(0)
        count += int(mask.sum())
    share = np.where(true_power > 1e-6 * count, 1 - error_power / np.maximum(true_power, 1e-12), 0.0)
    return (share + share[[ARKIT.index(mirrored(c)) for c in ARKIT]]) / 2  # equal on both sides of the face


def _comparable(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan without its budget, which may differ where a run is resumed."""
    return {k: v for k, v in plan.items() if k not in ("budget", "minutes")}


def train(
    plan: TrainingPlan,
    out: str | Path,
    paired_takes: SampleStore | None = None,
    *,
    start_file: Path | None = None,
    fill_progress: Callable[[float], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, str]:
    """Train, write `out`, and return its card. A run that was interrupted is resumed. Raises InnerfaceError.

    Parameters
    ----------
    plan : what to train
    out : .onnx file
    paired_takes : of a performer, to fine-tune on
    start_file : network to begin from
    fill_progress, progress : called with the shares of the first takes, and of the training, that are done
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(plan.seed)
    folder = Path(f"{out}.training")
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    net = export.read(start_file) if start_file else build(plan.shape)
    length = _WINDOW_FRAMES if isinstance(net, StreamNetwork) else WINDOW
    rate = _FINE_TUNING_RATE if paired_takes else _LEARNING_RATE
    average = build(net.shape)
    average.load_state_dict(net.state_dict())
    net, average = net.to(device), average.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=1e-3)
    step, seconds_spent, takes_made, curve = 0, 0.0, 0, []
    plan_fields = json.loads(json.dumps(asdict(plan), default=str))
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        if _comparable(saved["plan"]) != _comparable(plan_fields):
            raise InnerfaceError(f"{folder}: holds a run of another plan; delete it, or train with the same options")
        net.load_state_dict(saved["net"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, seconds_spent, takes_made, curve = saved["step"], saved["spent"], saved["made"], saved["curve"]
    vertex_distance = VertexDistance(load_ict(plan.source.ict) if plan.source.ict else load_bundled(), device)
    rng = np.random.default_rng([plan.seed, step])

    def save() -> None:
        with atomic_write(checkpoint) as temporary:
            state = {"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save(
                state
                | {
                    "step": step,
                    "spent": seconds_spent,
                    "made": supply.next_number,
                    "curve": curve,
                    "plan": plan_fields,
                },
                temporary,
            )
        with atomic_write(folder / "curve.csv") as temporary:
            temporary.write_text(
                "step,minutes,pve_mm,mse\n" + "".join(f"{a},{b:.2f},{c:.4f},{d:.5f}\n" for a, b, c, d in curve)
            )

    batch_size, recent = _BATCH_SIZE[plan.size], []
    with SampleSupply(
        plan.source,
        capacity=_STORE_CAPACITY[plan.size],
        windows_per_take=_WINDOWS_PER_TAKE[plan.size],
        first_number=takes_made,
    ) as supply:
        supply.fill(_STORE_CAPACITY["tiny" if paired_takes else plan.size] // (4 if paired_takes else 1), fill_progress)
        last_time = saved_at = time.monotonic()
        while (completed := plan.budget.spent(seconds_spent, step)) < 1:
            source = paired_takes if paired_takes is not None and rng.uniform() < _PAIRED_SHARE else supply
            batch = source.batch(batch_size * _WINDOW_FRAMES // length, length, net.shape.ahead, rng=rng)
            values, truth, mask, rest = (
                torch.from_numpy(a).to(device) for a in (batch.inputs, batch.weights, batch.mask, batch.rest)
            )
            for group in optimiser.param_groups:
                group["lr"] = (
                    rate
                    * min((step + 1) / _WARM_UP_STEPS, 1.0)
                    * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * completed)))
                )
            noise = noisy_truth(truth) if net.shape.diffusion else None
            weights, error = predict_windows(net, values, noise, rest=rest if net.shape.rest else None)
            loss, millimetres, square = losses(vertex_distance, weights, error, truth=truth, mask=mask)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step += 1
            decay = min(_AVERAGE_DECAY, step / (step + 10))
            with torch.no_grad():
                for a, b in zip(average.parameters(), net.parameters()):
                    a.mul_(decay).add_(b, alpha=1 - decay)
            recent.append((millimetres, square))
            now = time.monotonic()
            seconds_spent += now - last_time
            last_time = now
            if step % _CURVE_STEPS == 0:
                curve.append(
                    (
                        step,
                        seconds_spent / 60,
                        float(np.mean([r[0] for r in recent])),
                        float(np.mean([r[1] for r in recent])),
                    )
                )
                recent = []
            progress(min(plan.budget.spent(seconds_spent, step), 1.0))
            if now - saved_at > _SAVE_S:
                save()
                saved_at = time.monotonic()
        save()
        card = {
            "data": ("a performer's own take, 4 to 1 beside " if paired_takes else "")
            + f"{supply.next_number} simulated takes of up to 60 s: "
            + ("generated" if plan.source.generated else "none generated")
            + (f" and real takes ({', '.join(plan.source.take_names)})" if plan.source.real else ""),
            "held out": "none" if plan.source.held_out else ", ".join(HELD_OUT),
            "faces": "the bundled head" + (" and random identities of ICT-FaceKit" if plan.source.ict else ""),
            "sensors": "simulated, random boards and errors, between perfect and worse than rough "
            "(core/imu/simulation/examples.py)" + (", calibrated as live" if plan.source.live else ""),
            "parameters": str(sum(p.numel() for p in net.parameters())),
            "training": f"{step} steps of {batch_size * _WINDOW_FRAMES // length} windows of {length} frames "
            f"in {seconds_spent / 60:.0f} minutes on {device.type}",
            "seed": str(plan.seed),
            **({"begun from": f"{start_file.name} ({content_id(start_file.read_bytes())})"} if start_file else {}),
            "licence": "GPL-3.0-or-later; trained on MIT and BSD-2 data",
        }
        with SampleSupply(
            replace(plan.source, seed=plan.seed + 1_000_000), capacity=_FRESH, windows_per_take=1e9
        ) as unseen:
            unseen.fill(_FRESH)
        average = average.cpu()
        export.write(
            average,
            out,
            load_layout(),
            spread=channel_spread(supply.store),
            explained=explained_variance(average, unseen.store),
            card=card,
        )
    for file in folder.iterdir():
        if file.name != "curve.csv":
            file.unlink()
    (folder / "curve.csv").replace(f"{out}.curve.csv")
    folder.rmdir()
    return card
