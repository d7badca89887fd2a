"""Label Studio's ML-backend protocol, as in Label Studio 1.23. See docs/label-studio.md."""
