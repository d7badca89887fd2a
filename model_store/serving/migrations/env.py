"""Alembic runs this file to apply migrations over the connection that `upgrade` hands on."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite has it too, though Alembic assumes that it has not.
)
context.run_migrations()
