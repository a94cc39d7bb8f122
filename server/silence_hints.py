"""What is most likely wrong with a source that nobody hears anything of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hub import Hub

SILENT_AFTER_S = 5.0
_FIREWALL = "this computer's firewall blocks it: let Blender (or Python) receive on private networks"
_WIFI = "both are not in the same network, or its Wi-Fi keeps devices apart (guest networks do): use another one, or a phone's hotspot"
_ADDRESS = "the address or port typed into it is another one than shown here"
SILENCE_HINTS: dict[str, tuple[str, ...]] = {
    "device": ("it is off, or its battery is empty", _ADDRESS, _WIFI, _FIREWALL),
    "serial": (
        "it is off, or another program has the port",
        "the cable only charges",
        "another port or baud rate is meant",
    ),
    "slimevr": ("trackers are off", "SlimeVR's own server runs and takes them: end it", _WIFI, _FIREWALL),
    "livelinkface": (
        "the app's Live Link target is not this address and port",
        "the app is in another mode than Live Link (ARKit)",
        _WIFI,
        _FIREWALL,
    ),
    "ifacialmocap": (
        "the phone's address is another one",
        "the app is not in front, or sends to another computer",
        _WIFI,
        _FIREWALL,
    ),
    "vmc": ("the sending program sends to another port", "its sending is switched off", _FIREWALL),
    "bridge": ("no face comes in there either: look at its page",),
    "cyton": ("it is off, or its dongle is at another port",),
    "brainflow": ("the board is off or at another port",),
    "lsl": ("no stream of that name is sent in this network", _FIREWALL),
}


def silence_hints(hub: Hub) -> list[dict[str, Any]]:
    """Sources that have not been heard for 5 s: name, seconds, likely causes, the likeliest first."""
    now, hints = hub.now(), []
    for source in hub.sources:
        last_received = max(
            (s.last_received for s in hub.streams.values() if s.source == source.name), default=hub.opened_at
        )
        silent_s = now - max(last_received, hub.opened_at)
        if silent_s > SILENT_AFTER_S:
            hints.append(
                {
                    "source": source.name,
                    "seconds": round(silent_s, 1),
                    "causes": list(SILENCE_HINTS.get(source.name, ())),
                }
            )
    return hints
