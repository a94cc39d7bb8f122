"""Takes: named, timestamped tracks on one clock; their timecode, resampling and alignment."""

from .track import Take, Track

__all__ = ["Take", "Track"]
