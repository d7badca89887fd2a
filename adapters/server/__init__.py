"""The HTTP server around the routes: checks of each request, the port, and /classify."""
