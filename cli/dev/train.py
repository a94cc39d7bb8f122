"""Train a model.

imu is a network for IMUs, bio a performer's network for electrodes, linear and occlusion are small models. They learn
from simulated sensors on generated performances and, if their folder is found, on real ones; ICT-FaceKit's identities
are used if its arrays are found. bio needs electrodes and a camera's take of the same performance. Networks (imu, bio)
need torch: pip install 'innerface[train]'. An interrupted run continues when the same command is given again.
--finetune trains a network further on one performer's paired take.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core import formats
from ...core.errors import InnerfaceError
from ...core.face.face_model import IdentityModel, find_ict, load_face_model
from ..dependencies import TORCH, required
from ..output import print_notes
from ..parsing import add_face_model_option, add_face_option
from ..progress import SequentialProgress, step
from ..videos import read_face_take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("linear", "imu", "bio", "occlusion"), help="which model")
    parser.add_argument(
        "--out", required=True, metavar="M", help="the model to write: .npz (linear, occlusion) or .onnx (imu, bio)"
    )
    parser.add_argument(
        "--examples",
        type=int,
        metavar="N",
        help="linear: simulated takes of a minute each (default 400); occlusion: damaged takes (default 260)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="random seed")
    parser.add_argument(
        "--generated-only", action="store_true", help="generated performances only, even if real ones are found"
    )
    parser.add_argument(
        "--size",
        choices=("tiny", "small", "full"),
        default="small",
        help="imu: 0.2, 1.1 or 4.1 million parameters (default small)",
    )
    parser.add_argument(
        "--kind",
        dest="net",
        choices=("stream", "diffusion", "paper"),
        default="stream",
        help="imu: a regressor (default), the same as a diffusion network, or the paper's transformer diffusion",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="training time (default: imu 45, fine-tuning 3, bio 3, which often ends sooner)",
    )
    parser.add_argument(
        "--live", action="store_true", help="imu: a network without look-ahead, on sensors calibrated as live"
    )
    parser.add_argument("--real-only", action="store_true", help="imu: no generated performances")
    parser.add_argument(
        "--with-test-takes",
        action="store_true",
        help="imu: learn from the test takes, too; for a network to ship, not for one to measure",
    )
    parser.add_argument(
        "--finetune", action="store_true", help="imu: train --model further on a performer's paired take"
    )
    parser.add_argument("--imu", metavar="TAKE", help="--finetune: the IMU take")
    parser.add_argument(
        "--arkit", metavar="W.csv", help="--finetune, bio: the camera's take of the same performance, on the same clock"
    )
    parser.add_argument(
        "--video",
        dest="arkit",
        metavar="FILE",
        help="bio: a video of the same performance, which is tracked first, instead of --arkit",
    )
    parser.add_argument("--bio", metavar="TAKE", help="bio: the take of electrodes")
    parser.add_argument(
        "--landmarks",
        metavar="L.csv",
        help="bio: landmarks of the same performance from any tracker, instead of --arkit",
    )
    parser.add_argument(
        "--align", action="store_true", help="bio: align the takes first; for takes that are not on one clock"
    )
    add_face_option(parser, "bio: face model that --arkit drives")
    add_face_model_option(parser)
    parser.add_argument(
        "--model", metavar="M.onnx", help="imu: begin from this network (default with --finetune: the shipped one)"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    if (options.examples is not None and options.examples < 1) or options.seed < 0:
        raise InnerfaceError("give --examples a whole number from 1, --seed one from 0")
    began = time.perf_counter()
    card = {"linear": _train_linear, "imu": _train_imu, "bio": _train_bio, "occlusion": _train_occlusion}[options.kind](
        options
    )
    seconds = time.perf_counter() - began
    if not options.json:
        for key, value in card.items():
            print(f"{key}: {value}")
        print(f"{options.out}: {Path(options.out).stat().st_size / 1024:.0f} KiB in {seconds:.0f} s")
    return {"out": os.fspath(options.out), "seconds": seconds, "card": card}


def _training_data_paths(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """ICT-FaceKit's arrays and the folder of real takes beside them, if they are found and wanted."""
    ict_path = find_ict()
    return ict_path, ict_path.parent / "arkit" if ict_path and not options.generated_only and (
        ict_path.parent / "arkit"
    ).is_dir() else None


def _train_linear(options: argparse.Namespace) -> dict[str, str]:
    with required("training"):
        from ...models.training import linear
    ict_path, takes_folder = _training_data_paths(options)
    with step("training") as bar:
        model = linear.train(
            options.examples or 400,
            options.seed,
            IdentityModel(ict_path) if ict_path else None,
            real=linear.real_takes(takes_folder),
            progress=bar,
        )
    model.save(options.out)
    return model.card


def _train_occlusion(options: argparse.Namespace) -> dict[str, str]:
    with required("training"):
        from ...models.training import linear, occlusion
    if not options.out.endswith(".npz"):
        raise InnerfaceError(f"{options.out}: must end in .npz; change the name")
    ict_path, takes_folder = _training_data_paths(options)
    real_tracks = (
        []
        if takes_folder is None
        else [formats.read_take(takes_folder / name).weights() for name in linear.TRAINING_TAKES]
    )
    with step("training") as bar:
        detector = occlusion.train(
            options.examples or 260,
            options.seed,
            IdentityModel(ict_path) if ict_path else None,
            real=real_tracks,
            progress=bar,
        )
    detector.save(options.out)
    return detector.card


def _train_bio(options: argparse.Namespace) -> dict[str, str]:
    if not options.out.endswith(".onnx"):
        raise InnerfaceError(f"{options.out}: must end in .onnx; change the name")
    if not options.bio or bool(options.arkit) == bool(options.landmarks):
        raise InnerfaceError("train bio needs --bio TAKE, and either --arkit W.csv, --video FILE or --landmarks L.csv")
    minutes = 3.0 if options.minutes is None else options.minutes
    if not 0 < minutes < 1e5:
        raise InnerfaceError(f"--minutes {minutes:g}: give a number of minutes above 0")
    take = formats.read_take(options.bio)
    camera = read_face_take(options.arkit or options.landmarks, options.face_model)
    with required("training a network", TORCH):
        from ...core.bio.paired_take import pair_takes
        from ...models.training import bio
        from ...models.training.budget import Budget
    paired = pair_takes(take, camera, load_face_model(options.face), find_offset=options.align)
    with step("training") as bar:
        card = bio.train(
            paired.signal,
            paired.points,
            options.out,
            budget=Budget(minutes=minutes),
            seed=options.seed,
            weights=paired.weights,
            progress=bar,
        )
    print_notes(paired.notes)  # at the end, as an error must print one line only
    return card


def _train_imu(options: argparse.Namespace) -> dict[str, str]:
    if not options.out.endswith(".onnx"):
        raise InnerfaceError(f"{options.out}: must end in .onnx; change the name")
    minutes = options.minutes if options.minutes is not None else 3.0 if options.finetune else 45.0
    if not 0 < minutes < 1e5:
        raise InnerfaceError(f"--minutes {minutes:g}: give a number of minutes above 0")
    if options.live and options.net == "paper":
        raise InnerfaceError("--kind paper needs whole windows, so it cannot be live; omit --live")
    if bool(options.imu and options.arkit) != options.finetune:
        raise InnerfaceError(
            "--finetune needs --imu TAKE and --arkit W.csv, and only --finetune uses them; give all three, or none"
        )
    ict_path, takes_folder = _training_data_paths(options)
    if options.real_only and takes_folder is None:
        raise InnerfaceError("--real-only: no real takes were found; set INNERFACE_DATA to the folder that has them")
    with required("training a network", TORCH):
        from ...core.imu import network
        from ...core.imu.inference import imu_track
        from ...core.imu.layout import load_layout
        from ...core.imu.simulation import examples
        from ...models.training import imu
        from ...models.training.budget import Budget
        from ...models.training.example_supply import ExampleSource, SampleStore, training_sample
    source = ExampleSource(
        ict_path, takes_folder, options.seed, not options.real_only, options.live, options.with_test_takes
    )
    plan = imu.TrainingPlan(options.size, options.live, Budget(minutes=minutes), options.seed, source, options.net)
    personal_examples, start_network = None, Path(options.model) if options.model else None
    if options.finetune:
        start_network = start_network or (network.LIVE if options.live else network.SHIPPED)
        ahead = network.load(start_network).ahead
        example = examples.paired_example(
            imu_track(formats.read_take(options.imu)),
            formats.read_take(options.arkit).weights(),
            load_layout(),
            causal=options.live,
        )
        plan, personal_examples = replace(plan, live=ahead == 0), SampleStore([training_sample(example)])
    with SequentialProgress() as steps:
        return imu.train(
            plan,
            options.out,
            personal_examples,
            start_file=start_network,
            fill_progress=steps("simulating"),
            progress=steps("training"),
        )
