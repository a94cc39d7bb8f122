"""What is drawn: panels, overlays, bars."""
