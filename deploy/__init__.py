"""How the server is deployed; nothing here is part of it."""
