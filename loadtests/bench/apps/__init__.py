"""The servers that the benchmarks compare with: a bare app, LitServe, the tutorial's."""
