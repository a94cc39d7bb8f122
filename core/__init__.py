"""The science: no bpy, no sockets, no torch."""
