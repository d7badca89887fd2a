"""Makes a site of `docs/` and of the other documents of the repository; see mkdocs.yml."""
