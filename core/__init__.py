"""Signal processing, faces and takes: no bpy, no sockets, no torch."""
