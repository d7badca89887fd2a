"""Files that deploy the server, and their validation. The server imports nothing from here."""
