"""The sentiment model and its artifact. Knows neither HTTP nor Label Studio."""
