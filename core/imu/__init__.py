"""Face-worn IMUs: layouts, takes, and (as they come) calibration and simulation. Quaternions are (w, x, y, z), sensor to world."""
