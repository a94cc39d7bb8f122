"""Which model makes weights of a motion: the shipped networks, the linear model, or a file. The one place that chooses."""

from __future__ import annotations

from pathlib import Path

from ..errors import InnerfaceError
from . import linear_model, network
from .linear_model import LinearModel
from .network import Network

Model = LinearModel | Network


def load(name: str | Path | None = None, causal: bool = False) -> tuple[Model, list[str]]:
    """A model and notes for the user. None: the shipped network (`causal`: the one that never looks ahead), or the linear model where ONNX
    Runtime does not load. "linear": the linear model. Else a file, .npz or .onnx. Raises InnerfaceError."""
    if name is None:
        try:
            import onnxruntime  # noqa: F401
        except ImportError as error:
            return linear_model.load(), [
                f"the network needs ONNX Runtime, which does not load ({error}); the linear model stands in"
            ]
        return network.load(network.LIVE if causal else network.SHIPPED), []
    if str(name) == "linear":
        return linear_model.load(), []
    if Path(name).suffix == ".onnx":
        model = network.load(name)
        if causal and (model.ahead or model.window):
            limitation = f"looks {model.ahead} frames ahead" if model.ahead else f"sees {model.window} frames at once"
            raise InnerfaceError(
                f"{name}: {limitation}, so it cannot be used as live; train one with --live, or leave --causal away"
            )
        return model, []
    return linear_model.load(name), []
