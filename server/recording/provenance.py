"""What a recording says of where it came from."""

from __future__ import annotations

import json
import platform
import re
from typing import TYPE_CHECKING

from ...core.version import __version__

if TYPE_CHECKING:
    from ..hub import Hub

_SECRET = re.compile(r"\b(token|password)=[^,&\s]*", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """`KIND[:ARGS]` of a source as it may be kept in a file."""
    return _SECRET.sub(r"\1=...", text)


def provenance(hub: Hub) -> dict[str, str]:
    """Texts for a recording's first metadata record (docs/formats.md); empty ones are left out."""
    options, model, electrodes = hub.options, hub.imu.model, hub.face.electrodes.network
    texts = {
        "sources": ", ".join(hub.source_names()),
        "arguments": json.dumps([without_secrets(text) for text in options.arguments]) if options.arguments else "",
        "software": f"innerface {__version__}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "layout": options.layout,
        "model": "" if model is None else f"{options.model or 'shipped'} {model.id}",
        "adapter": "" if options.adapter is None or not options.adapter.corrections else "yes",
        "electrodes": "" if electrodes is None else f"{options.electrodes} {electrodes.id}",
    }
    return {key: text for key, text in texts.items() if text or key == "sources"}
