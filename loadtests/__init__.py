"""Load tests: the traffic of real clients against a real server, judged by `thresholds.toml`."""
