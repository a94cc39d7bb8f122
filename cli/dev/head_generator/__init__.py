"""The code that makes the bundled head."""
