"""Two electrodes at one ear: signals, filters, quality, and the network from them to the 53 points."""
