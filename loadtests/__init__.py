"""Load tests: real clients' traffic against a real server, judged by `thresholds.toml`."""
