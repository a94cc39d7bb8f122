"""The bridge: devices in, avatars out, takes on disk."""
