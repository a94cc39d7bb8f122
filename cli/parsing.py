"""Option values with a syntax of their own, and options that several commands have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..core.errors import InnerfaceError
from ..core.rates import parse_frame_rate

if TYPE_CHECKING:
    from ..core.imu.inference import SiteDriveExample
    from ..core.imu.spans import Span

_MAX_S = 1e7


def add_layout_option(parser: argparse.ArgumentParser, prefix: str = "") -> None:
    """Add --layout; the prefix of its help says when it applies."""
    parser.add_argument(
        "--layout",
        default="default",
        metavar="L",
        help=f"{prefix}sensor layout, the name of a shipped one or a .json file",
    )


def add_calibration_options(parser: argparse.ArgumentParser) -> None:
    """Add --neutral and --turn, the spans of a calibration."""
    parser.add_argument(
        "--neutral", metavar="START:END", help="seconds in which the face is relaxed (default: detected)"
    )
    parser.add_argument(
        "--turn", metavar="START:END", help="seconds in which the head nods and shakes (default: detected)"
    )


def add_face_option(parser: argparse.ArgumentParser, use: str = "face to measure on") -> None:
    """Add --face."""
    parser.add_argument(
        "--face",
        metavar="FACE",
        help=f"{use}: bundled, or an .npz with ICT-FaceKit's arrays (default: ICT-FaceKit if found)",
    )


def add_face_model_option(parser: argparse.ArgumentParser) -> None:
    """Add --face-model."""
    parser.add_argument(
        "--face-model",
        metavar="FILE",
        help="the face tracker's model (default: the one that 'innerface fetch face-model' gets)",
    )


def add_rate_option(parser: argparse.ArgumentParser, default: str = "30") -> None:
    """Add --rate."""
    parser.add_argument(
        "--rate",
        metavar="HZ",
        help=f"frames a second of a take that counts frames without times, as FLAME trackers do (default {default})",
    )


def parse_rate(text: str | None) -> float | None:
    """Parse a rate such as `25`, `29.97` or `30000/1001`; None stays None. Raises InnerfaceError."""
    if text is None:
        return None
    number, base = parse_frame_rate(text)
    return number / base


def parse_span(text: str | None, flag: str) -> Span | None:
    """Parse START:END in seconds, such as `1.5:4`; None stays None. Raises InnerfaceError."""
    if text is None:
        return None
    first, _, last = text.partition(":")
    try:
        start, end = float(first), float(last)
    except ValueError:
        raise InnerfaceError(f"{flag} {text}: not START:END; give seconds from the first row, such as 0.5:4") from None
    if not 0 <= start < end < _MAX_S:
        raise InnerfaceError(f"{flag} {text}: the end must come after the start, both in seconds from the first row")
    return start, end


def parse_smoothing(texts: list[str]) -> dict[str, float]:
    """Parse GROUP=STRENGTH of --smooth. Raises InnerfaceError."""
    strengths: dict[str, float] = {}
    for text in texts:
        group, _, strength = text.partition("=")
        try:
            strengths[group] = float(strength)
        except ValueError:
            raise InnerfaceError(f"--smooth {text}: not GROUP=STRENGTH, such as mouth=0.5") from None
    return strengths


def parse_site_drives(texts: list[str]) -> tuple[SiteDriveExample, ...]:
    """Parse CHANNEL=SITE@START:END of --site-drive. Raises InnerfaceError."""
    from ..core.imu.inference import SiteDriveExample

    examples: list[SiteDriveExample] = []
    for text in texts:
        channel, _, rest = text.partition("=")
        site, _, seconds = rest.partition("@")
        span = parse_span(seconds or None, "--site-drive")
        if not channel or not site or span is None:
            raise InnerfaceError(
                f"--site-drive {text}: not CHANNEL=SITE@START:END, such as cheekPuff=buccinator_left@12:14"
            )
        examples.append(SiteDriveExample(channel, site, span))
    return tuple(examples)
