"""Two electrodes at one ear: signals, filters, simulated ones, and the network from them to the 53 points."""
