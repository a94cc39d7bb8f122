"""From samples to faces: IMUs, cameras, electrodes."""
