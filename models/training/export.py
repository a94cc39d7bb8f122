"""From torch to ONNX and back: one file with the network, its sites and its card."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from ...core.channels import ARKIT
from ...core.errors import InnerfaceError
from ...core.files import replacing
from ...core.imu.layout import Layout
from ...core.imu.network import INPUTS, KIND
from .network import Shape, Stream

_OPSET = 17


def write(net: Stream, path: str | Path, sites: Layout, spread: np.ndarray, card: dict[str, str]) -> None:
    """Write a stream network, whole or not at all. Chunks of any length go in; `spread` (52,) as in `core.imu.network.Network`."""
    net = net.eval()
    example = (torch.zeros(1, INPUTS, 8), net.state(1))
    with replacing(path) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net, example, str(temporary), input_names=["motion", "state"], output_names=["weights", "error", "after"], opset_version=_OPSET,
                dynamic_axes={"motion": {2: "frames"}, "weights": {2: "frames"}, "error": {2: "frames"}}, dynamo=False, do_constant_folding=False,
            )  # fmt: skip
        model = onnx.load(str(temporary))
        about = {
            "kind": KIND, "sites": json.dumps(sites.sites), "reference": sites.reference, "channels": json.dumps(ARKIT), "ahead": str(net.shape.ahead),
            "spread": json.dumps([round(float(s), 5) for s in spread]), "width": str(net.shape.width), "depth": str(net.shape.depth),
        }  # fmt: skip
        onnx.helper.set_model_props(model, about | card)
        onnx.save(model, str(temporary))


def read(path: str | Path) -> Stream:
    """The network in a file that `write` wrote, to train it further. Raises InnerfaceError."""
    try:
        model = onnx.load(str(path))
        about = {p.key: p.value for p in model.metadata_props}
        net = Stream(Shape(width=int(about["width"]), depth=int(about["depth"]), ahead=int(about["ahead"])))
        arrays = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in model.graph.initializer}
        net.load_state_dict({name: arrays[name] for name in net.state_dict()})
    except Exception as error:  # protobuf, onnx and torch each have their own
        raise InnerfaceError(f"{path}: is no network that can be trained further ({type(error).__name__}); give a shipped model, or one of 'innerface train imu'") from None
    return net
