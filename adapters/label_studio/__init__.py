"""Label Studio's ML-backend protocol, as Label Studio 1.23 speaks it. See docs/label-studio.md."""
