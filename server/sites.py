"""Sites of sensors: by the device's own numbers, by the user's assignment, or by touch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.arrays import Array
from ..core.errors import InnerfaceError
from ..core.files import atomic_write, read_bytes
from ..core.imu.layout import Layout
from .messages import ImuSample

_MIN_TAP = 4.0  # m/s^2 that a tap must show
_MAX_TAPPED = 1024  # sensors that are watched for a tap
_MIN_PROMINENCE = 1.6  # times as much as at any other sensor


@dataclass
class SiteAssignments:
    """Sites by sensor. Without an assignment keys are sites, or numbers that count the layout's sites.

    A site that is remembered for a device which is not here is free for others.

    Attributes
    ----------
    assigned
        Site by "device/sensor".
    path
        The file that it is kept in, if any.
    present
        Devices that are received; None before any is.
    """

    layout: Layout
    path: Path | None = None
    assigned: dict[str, str] = field(default_factory=dict[str, str])
    present: frozenset[str] | None = None

    def load(self) -> None:
        """Read earlier assignments. Raises InnerfaceError for another kind of file."""
        if self.path is None or not self.path.exists():
            return
        try:
            data = json.loads(read_bytes(self.path, limit=1 << 20))
            self.assigned |= {str(k): str(v) for k, v in data["sites"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InnerfaceError(
                f"{self.path}: is no list of assigned sites; delete it and assign them again"
            ) from None

    def assign(self, sensor: str, site: str) -> None:
        """Assign `sensor` ("device/key") to `site`, in place of another one; "" forgets it. Raises InnerfaceError."""
        if site:
            self.layout.require_site(site)
        if "/" not in sensor:
            raise InnerfaceError(f"sensor '{sensor[:40]}': give DEVICE/SENSOR, such as a1:b2:c3:d4:e5:f6/0")
        assignments = {k: v for k, v in self.assigned.items() if v != site and k != sensor}
        if site:
            assignments[sensor] = site
        if self.path is not None:
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps({"sites": assignments}, indent=1), encoding="utf-8")
        self.assigned = assignments

    def site_of(self, device: str, key: str) -> str:
        """The site of a sensor, "" if unknown."""
        assigned = self.assigned.get(f"{device}/{key}")
        if assigned is not None:
            return assigned
        default = key if key in self.layout.sites else ""
        if key.isdecimal() and int(key) < len(self.layout.sites) and ":" not in device:
            default = self.layout.sites[int(key)]
        return (
            "" if default in {site for sensor, site in self.assigned.items() if self._is_present(sensor)} else default
        )

    def absent_owner(self, site: str) -> str:
        """The sensor that a site is remembered for although its device is not here, "" if there is none."""
        owners = (sensor for sensor, assigned in self.assigned.items() if assigned == site)
        return next((sensor for sensor in owners if not self._is_present(sensor)), "")

    def _is_present(self, sensor: str) -> bool:
        return self.present is None or sensor.rpartition("/")[0] in self.present


class TapDetector:
    """Finds the sensor that is tapped before `until`: the one whose acceleration jumps most, if it stands out."""

    def __init__(self, site: str, until: float) -> None:
        self.site, self.until = site, until
        self.baseline: dict[str, Array] = {}
        self.peak: dict[str, float] = {}

    def add(self, message: ImuSample) -> None:
        """Watch a sample."""
        for key, acceleration in zip(message.keys, message.acceleration):
            if not np.isfinite(acceleration).all():
                continue
            name = f"{message.device}/{key}"
            if name not in self.peak and len(self.peak) >= _MAX_TAPPED:
                continue
            baseline = self.baseline.get(name, acceleration)
            self.peak[name] = max(self.peak.get(name, 0.0), float(np.linalg.norm(acceleration - baseline)))
            self.baseline[name] = baseline + 0.1 * (acceleration - baseline)

    def tapped_sensor(self) -> str:
        """The tapped sensor. Raises InnerfaceError where none or several moved."""
        ranked = sorted(self.peak.items(), key=lambda item: -item[1])
        if not ranked or ranked[0][1] < _MIN_TAP:
            raise InnerfaceError(
                f"{self.site}: no sensor felt a tap; tap firmly on the one at that place, twice, within the time"
            )
        if len(ranked) > 1 and ranked[1][1] * _MIN_PROMINENCE > ranked[0][1]:
            raise InnerfaceError(
                f"{self.site}: {ranked[0][0]} and {ranked[1][0]} felt the tap alike; "
                "keep the head still and tap just one"
            )
        return ranked[0][0]
