"""Names that other software gives to channels, and names of the left and the right side."""
