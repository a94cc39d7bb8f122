"""Layouts: which sites of the head carry sensors. Layouts are data, with any number of sites."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes, reading

_FOLDER = Path(__file__).with_name("layouts")
MAX_SITES = 64


@dataclass(frozen=True)
class Layout:
    """Sites of a layout.

    Attributes
    ----------
    name : of the layout
    sites : S ids, in order
    positions : (S, 3) m, in the head frame
    reference : the site behind the ear, which is fixed to the skull
    """

    name: str
    sites: tuple[str, ...]
    positions: Array
    reference: str

    def require_site(self, site: str) -> None:
        """Raise InnerfaceError for a site that the layout lacks."""
        if site not in self.sites:
            raise InnerfaceError(f"site '{site[:40]}': layout '{self.name}' has {', '.join(self.sites)}")

    def mirrored_site(self, site: str) -> str:
        """The site on the other side, such as `oculi_left` for `oculi_right`; sites without a side stay."""
        for a, b in (("_left", "_right"), ("_right", "_left")):
            if site.endswith(a) and site[: -len(a)] + b in self.sites:
                return site[: -len(a)] + b
        return site


def load_layout(name: str | Path = "default") -> Layout:
    """Load a shipped layout by name, or one from a .json file. Raises InnerfaceError."""
    path = _FOLDER / f"{name}.json"
    if not path.is_file():
        path = Path(name)
        if path.suffix != ".json":
            known = ", ".join(sorted(p.stem for p in _FOLDER.glob("*.json")))
            raise InnerfaceError(
                f"layout '{name}': neither a shipped one ({known}) nor a .json file; give one of these"
            )
    content = read_bytes(path, limit=1 << 20)
    with reading(path, "give a layout as docs/formats.md describes it"):
        data = json.loads(content)
        sites = tuple(str(s["id"]) for s in data["sites"])
        positions = np.array([[float(x) for x in s["position_mm"]] for s in data["sites"]], dtype=np.float64) * 1e-3
        reference, title = str(data["reference"]), str(data.get("name", path.stem))
    if not 1 <= len(sites) <= MAX_SITES or len(set(sites)) != len(sites) or positions.shape != (len(sites), 3):
        raise InnerfaceError(
            f"{path}: needs 1 to {MAX_SITES} sites with unique ids and three position_mm each; correct the file"
        )
    if not np.isfinite(positions).all() or reference not in sites:
        raise InnerfaceError(
            f"{path}: every position must be a number and 'reference' one of the sites; correct the file"
        )
    return Layout(title, sites, positions, reference)
