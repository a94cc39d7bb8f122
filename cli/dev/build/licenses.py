"""The licences of the bundled wheels, as one text."""

from __future__ import annotations

import re
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

FILE_NAME = "THIRD_PARTY_LICENSES"
# Licence texts of the projects whose wheels carry none.
TEXTS = Path(__file__).resolve().parent / "licenses"
_LICENSE_FILE = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|ThirdPartyNotices)[^/]*$")


def third_party_licenses(wheels: list[Path]) -> str:
    """Name, version, licence and licence texts of every wheel; builds of one version count once."""
    sections: dict[str, str] = {}
    for wheel in wheels:
        title = " ".join(wheel.name.split("-")[:2])
        if title not in sections:
            sections[title] = _section(title, wheel)
    head = "Innerface bundles the Python packages below. Each is distributed under its own licence."
    return "\n\n".join([head, *(sections[title] for title in sorted(sections))])


def _section(title: str, wheel: Path) -> str:
    """The part of the text that belongs to one wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
        texts = {
            name: archive.read(name).decode(errors="replace").strip() for name in names if _LICENSE_FILE.search(name)
        }
    own_text = TEXTS / f"{wheel.name.split('-', maxsplit=1)[0]}.txt"
    if own_text.exists():
        texts[own_text.name] = own_text.read_text(encoding="utf-8").strip()
    lines = ["=" * 78, title]
    lines += [f"Licence: {name}" for name in _license_names(metadata)]
    lines += [f"\n--- {name}\n\n{text}" for name, text in texts.items()]
    return "\n".join(lines)


def _license_names(metadata: Message) -> list[str]:
    """The licence by its SPDX expression, else by its classifiers."""
    if metadata["License-Expression"]:
        return [metadata["License-Expression"]]
    classifiers = [value.split(" :: ")[-1] for value in metadata.get_all("Classifier", []) if value[:7] == "License"]
    return classifiers or [(metadata["License"] or "see below").splitlines()[0]]
