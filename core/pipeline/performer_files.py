"""What files tell of a performer: the adapter, and the relaxed face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InnerfaceError
from ..face.resting_face import find_resting_face
from ..imu import adapter as adapters
from ..imu.adapter import Adapter


def load_adapter(adapter: str = "", rest: str = "") -> tuple[Adapter | None, list[str]]:
    """What the correction of a model needs, None without both, and notes for the user. Raises InnerfaceError.

    `adapter`: a file by `innerface adapt`, "" without; `rest`: a take of weights with the relaxed face, "" without.
    """
    loaded = adapters.load(adapter) if adapter else None
    if not rest:
        return loaded, []
    from ..formats import read_take

    try:
        found = find_resting_face(read_take(rest).weights())
    except InnerfaceError as error:
        raise InnerfaceError(str(error) if str(error).startswith(str(rest)) else f"{rest}: {error}") from None
    start, end = found.span
    notes = [f"the relaxed face is that of {Path(rest).name}, {start:.1f} to {end:.1f} s"]
    return replace(loaded or Adapter(), rest=found.weights), notes
