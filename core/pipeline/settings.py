"""How samples are read: what is known of the performer, and what is asked of one take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..take import Take

if TYPE_CHECKING:
    from ..imu.inference import ImuInference, SiteDriveExample
    from ..imu.spans import Span


@dataclass(frozen=True)
class PerformerSettings:
    """How a performer's sensors are read.

    Attributes:
        layout: where IMUs sit: a shipped layout or a file.
        adapter: what was learned of the performer, a file; "" for none.
        smooth: strength of smoothing, 1 is usual; for all channels or by channel group.
        electrodes: the performer's network for electrodes, a file; "" for the shipped one.
        model: the network or linear model for IMUs, a file; None for the shipped network.
        raw: no smoothing at all.
        rest: the relaxed face as a camera saw it, a take of weights; "" where it is not known.
    """

    layout: str = "default"
    adapter: str = ""
    smooth: float | dict[str, float] = 1.0
    electrodes: str = ""
    model: str | None = None
    raw: bool = False
    rest: str = ""

    def smoothing_by_group(self) -> dict[str, float] | None:
        """Strengths by channel group; None where all are as usual."""
        from ..face.channels import GROUPS

        if isinstance(self.smooth, dict):
            return self.smooth
        return None if self.smooth == 1.0 else dict.fromkeys(GROUPS, self.smooth)


@dataclass(frozen=True)
class TakeOptions:
    """What is asked of one take of IMUs.

    Attributes:
        neutral, turn: seconds from the first row in which the face is relaxed, and in which the head nods and shakes;
            None: found.
        steps: of a diffusion network.
        drive_examples: channels that one site drives by itself.
        require_electrodes: electrodes that cannot be used end it with InnerfaceError, where IMUs alone would do.
        in_one_chunk: the causal pass goes over all samples at once, with a row at the first one, where it would replay
            what was shown live.
    """

    neutral: Span | None = None
    turn: Span | None = None
    steps: int = 1
    drive_examples: tuple[SiteDriveExample, ...] = ()
    require_electrodes: bool = False
    in_one_chunk: bool = False


@dataclass(frozen=True)
class SolvedWeights:
    """A take as faces.

    Attributes:
        take: with a track of weights.
        unobserved: channels that no sensor shows, which the network made up.
        imu: how its IMUs were calibrated and what they measured, where they were used.
    """

    take: Take
    unobserved: frozenset[str] = field(default_factory=frozenset[str])
    imu: ImuInference | None = None
