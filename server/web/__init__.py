"""WebSocket clients and the control page."""
