"""Choice of the model from motion to weights: a shipped network, the linear model, or a file."""

from __future__ import annotations

from pathlib import Path

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics.model_files import import_onnx_runtime
from . import linear_model, network
from .kinematics import Motion
from .linear_model import LinearModel
from .network import Network

Model = LinearModel | Network


def estimate(model: Model, motion: Motion, steps: int = 1, *, rest: Array | None = None) -> tuple[Array, Array | None]:
    """Weights (T, 52) of a whole motion, not causal, and confidence (T, 52) where the model has one.

    `rest` (52,): the relaxed face, of use to models that can be told it.
    """
    if isinstance(model, LinearModel):
        return model.infer(motion), None
    return model.infer(motion, steps, rest)


def load(name: str | Path | None = None, causal: bool = False) -> tuple[Model, list[str]]:
    """Load a model, with notes for the user. Raises InnerfaceError.

    Parameters
    ----------
    name : None for the shipped networks, or the linear model where ONNX Runtime does not load; "linear" for the linear
        model; else an .npz or .onnx file
    causal : the model must not look ahead
    """
    if name is None:
        try:
            import_onnx_runtime()
        except ImportError as error:
            note = f"the network needs ONNX Runtime, which does not load ({error}); the linear model stands in"
            return linear_model.load(), [note]
        return network.load(network.LIVE) if causal else network.load_pair(), []
    if str(name) == "linear":
        return linear_model.load(), []
    if Path(name).suffix != ".onnx":
        return linear_model.load(name), []
    model = network.load(name)
    if causal and (model.ahead or model.window):
        limitation = f"looks {model.ahead} frames ahead" if model.ahead else f"sees {model.window} frames at once"
        raise InnerfaceError(
            f"{name}: {limitation}, so it cannot run live; train one with --live, or leave out --causal"
        )
    return model, []
