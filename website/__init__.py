"""Build the site from `docs/` and other documents of the repository; see mkdocs.yml."""
