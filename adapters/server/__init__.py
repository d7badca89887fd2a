"""The HTTP server around the routes: one pass for each request, the port, and /classify."""
