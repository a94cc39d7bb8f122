"""Any take as weights: camera takes as they are, sensor takes by inference. For the command line and the add-on."""

from __future__ import annotations

from .errors import InnerfaceError
from .take import Take


def weights_take(take: Take) -> Take:
    """The take if it holds weights; an IMU take through the default layout and the shipped network, or the linear model where ONNX Runtime does
    not load. Raises InnerfaceError."""
    kinds = {t.kind for t in take.tracks.values()}
    if "weights" in kinds or "imu" not in kinds:
        return take
    try:  # takes of weights work where SciPy does not load
        from .imu.layout import layout
        from .imu.model import load
        from .infer import infer
    except ImportError as error:
        raise InnerfaceError(f"{take.name}: is a sensor take, and inference needs SciPy, which does not load ({error})") from None
    model, notes = load()
    done = infer(take, layout(), model).take
    done.notes += notes
    return done
