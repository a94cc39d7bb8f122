"""Development commands that `build.py` starts: test, lint, package, link, lock, head, pictures, screenshots."""
