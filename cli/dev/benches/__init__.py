"""The benches: one module each; `innerface bench NAME` runs them."""
