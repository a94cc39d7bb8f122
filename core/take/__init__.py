"""Takes: named, timestamped tracks on one clock; their timecode, resampling and sound."""

from .track import Take, Track, TrackKind

__all__ = ["Take", "Track", "TrackKind"]
