"""Conversion of networks between torch and ONNX files, which hold the network, its sites and its card."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.files import atomic_write
from ...core.imu.layout import Layout
from ...core.imu.network import INPUT_COUNT, KIND
from .network import CHANNELS, WINDOW, NetworkShape, StreamNetwork, TransformerNetwork, build

_OPSET = 17


def write(
    net: StreamNetwork | TransformerNetwork,
    path: str | Path,
    sites: Layout,
    *,
    spread: Array,
    explained: Array,
    card: dict[str, str],
) -> None:
    """Write a network atomically.

    A stream takes chunks of any length. `spread`, `explained`: (52,), as in `core.imu.network.Network`.
    """
    net, shape = net.eval(), net.shape
    names: list[str] = ["motion"]
    example: list[torch.Tensor | None] = [torch.zeros(1, INPUT_COUNT, WINDOW)]
    axes = {"motion": {2: "frames"}}
    outputs = ["weights", "error"]
    if isinstance(net, StreamNetwork):
        names, example, outputs = [*names, "state"], [*example, net.initial_state(1)], [*outputs, "after"]
    if shape.rest:
        names, example = [*names, "rest"], [*example, torch.zeros(1, CHANNELS + 1)]
    if shape.diffusion:
        names, example, axes = (
            [*names, "noisy", "level"],
            [*example, *([] if shape.rest else [None]), torch.zeros(1, CHANNELS, WINDOW), torch.ones(1)],
            axes | {"noisy": {2: "frames"}},
        )
    axes |= {"weights": {2: "frames"}, "error": {2: "frames"}}
    if not isinstance(net, StreamNetwork):  # batches of whole windows
        axes = {name: {0: "windows"} for name in (*names, *outputs)}
    with atomic_write(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net,
                tuple(example),
                str(temporary),
                input_names=names,
                output_names=outputs,
                opset_version=_OPSET,
                dynamic_axes=axes,
                dynamo=False,
                do_constant_folding=False,
            )
        model = onnx.load(str(temporary))
        metadata = {
            "kind": KIND,
            "sites": json.dumps(sites.sites),
            "reference": sites.reference,
            "channels": json.dumps(ARKIT),
            "spread": json.dumps([round(float(s), 5) for s in spread]),
            "shape": json.dumps(asdict(shape)),
            "explained": json.dumps([round(float(e), 4) for e in explained]),
            "ahead": str(shape.ahead),
            "window": "0" if isinstance(net, StreamNetwork) else str(WINDOW),
        }
        onnx.helper.set_model_props(model, metadata | card)
        onnx.save(model, str(temporary))


def read(path: str | Path) -> StreamNetwork | TransformerNetwork:
    """Read a network that `write` wrote, to train it further. Raises InnerfaceError."""
    try:
        model = onnx.load(str(path))
        metadata = {p.key: p.value for p in model.metadata_props}
        net = build(NetworkShape(**json.loads(metadata["shape"])))
        arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
        net.load_state_dict({name: arrays[name] for name in net.state_dict()})
    except Exception as error:  # protobuf, onnx and torch have no common base class
        error_type = type(error).__name__
        raise InnerfaceError(
            f"{path}: not a stream network that can be trained further ({error_type}); give a shipped one, or your own"
        ) from None
    return net
