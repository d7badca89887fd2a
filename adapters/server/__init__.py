"""The HTTP server around the routes: authentication, limits, connections, start and stop."""
