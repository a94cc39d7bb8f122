"""How an object that head angles turn stood before a take turned it: kept on the object."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..character.face import Face
from ..character.turns import TO_BLENDER, DrivenTransform, RestPose
from .take_action import TakeAction

REST_PROP = "innerface_rest"  # heading and rotation, two 3x3 matrices by rows


def head_transform(face: Face) -> DrivenTransform | str:
    """Return what turns the face's head, or a sentence that says why nothing does."""
    return face.head_turn(_stored_rest(face.head_object))


def store_rest(transform: DrivenTransform) -> None:
    """Remember how an object that is turned itself stands, for later bakes and for exports."""
    if transform.bone is None and _stored_rest(transform.owner) is None:
        heading = transform.to_world @ TO_BLENDER.T
        transform.owner[REST_PROP] = [*heading.ravel().tolist(), *transform.post_rotation.ravel().tolist()]


def _stored_rest(owner: Any) -> RestPose | None:
    """Return how an object stood before; None where no baked take plays on it, or nothing valid is stored."""
    data = owner.animation_data
    if data is None or data.action is None or not TakeAction(data.action).is_baked:
        return None
    try:
        stored = np.array(owner.get(REST_PROP, ()), dtype=float)
    except (ValueError, TypeError):
        return None
    if stored.shape != (18,) or not np.isfinite(stored).all():
        return None
    return RestPose(stored[:9].reshape(3, 3), stored[9:].reshape(3, 3))
