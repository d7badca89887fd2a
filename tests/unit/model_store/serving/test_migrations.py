"""Migrations: from nothing, from an older release, and from a newer one, on both databases."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from adapters.learning import example_tables, jobs, judgement_table, project_notes
from model_store.errors import DatabaseError
from model_store.serving import deployments, migrations
from model_store.serving.database import connect, metadata
from tests.processes import all_at_once

DECLARE_TABLES = (deployments, example_tables, jobs, judgement_table, project_notes)
"""Imported for their tables."""

ADD_COLUMN = """
from alembic import op
import sqlalchemy as sa

revision = "9001"
down_revision = "{before}"

def upgrade():
    with op.batch_alter_table("jobs") as batch:
        batch.add_column(sa.Column("note", sa.String()))
    op.execute("UPDATE jobs SET note = 'migrated'")
    {rest}
"""
FAIL = 'op.execute("INSERT INTO nowhere VALUES (1)")'
INSERT_JOB = text(
    "INSERT INTO jobs (id, project, state, stage, progress, annotations, created_at, reasons,"
    " metrics) VALUES ('a', '1.1', 'queued', 'waiting', 0, 3, 1.5, '[]', '{}')"
)
CONNECT_WITH_REVISIONS = """
    import sys
    from pathlib import Path
    from model_store.serving import deployments, migrations
    from model_store.serving.database import connect
    migrations.VERSIONS = Path(sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    connect(sys.argv[1])
    print("done", flush=True)
"""

AddRevision = Callable[..., Path]


@pytest.fixture
def add_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddRevision:
    """Add a revision 9001 to ours: a column of `jobs`, and then another statement."""

    def add(rest: str = "") -> Path:
        versions = tmp_path / "versions"
        before = migrations.newest()
        shutil.copytree(migrations.VERSIONS, versions)
        code = ADD_COLUMN.format(before=before, rest=rest)
        (versions / "r9001_note.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(migrations, "VERSIONS", versions)
        return versions

    return add


@pytest.fixture
def raw(database_url: str) -> Iterator[Engine]:
    """The database as SQLAlchemy alone sees it."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def schema(engine: Engine) -> dict[str, Any]:
    """All tables with their columns, keys and indexes, as the database itself describes them."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": [
                {**column, "type": str(column["type"])} for column in inspector.get_columns(table)
            ],
            "primary key": inspector.get_pk_constraint(table),
            "indexes": {
                index["name"]: {**index, "dialect_options": conditions(index)}
                for index in inspector.get_indexes(table)
            },
            "constraints": inspector.get_unique_constraints(table),
            "foreign keys": inspector.get_foreign_keys(table),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def conditions(index: ReflectedIndex) -> dict[str, str]:
    """Return the conditions of a partial index as text: as objects, equal ones are not equal."""
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return migrations.current(connection)


def test_the_migrations_create_the_declared_tables(database: Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_migrations_create_the_same_schema_as_sqlalchemy(database: Engine, raw: Engine) -> None:
    """Alembic's comparison leaves out, for example, the conditions of indexes."""
    migrated = schema(database)
    with raw.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
        metadata.drop_all(connection)
    assert schema(raw) == {}
    metadata.create_all(raw)
    assert migrated == schema(raw)


def test_the_newest_revision_is_the_one_head_of_the_history() -> None:
    script = ScriptDirectory(str(migrations.FOLDER), version_locations=[str(migrations.VERSIONS)])
    assert script.get_heads() == [migrations.newest()]


def test_the_name_of_each_module_starts_with_its_revision() -> None:
    script = ScriptDirectory(str(migrations.FOLDER), version_locations=[str(migrations.VERSIONS)])
    for item in script.walk_revisions():
        assert Path(item.path).name.startswith(f"r{item.revision}_")


def test_an_empty_database_gets_the_newest_revision(database_url: str, raw: Engine) -> None:
    connect(database_url).dispose()
    assert revision(raw) == migrations.newest()


def test_a_database_from_before_migrations_keeps_its_rows(database_url: str, raw: Engine) -> None:
    metadata.create_all(raw)
    with raw.begin() as connection:
        connection.execute(INSERT_JOB)
    connect(database_url).dispose()
    assert revision(raw) == migrations.newest()
    with raw.connect() as connection:
        assert connection.execute(text("SELECT annotations FROM jobs")).scalars().all() == [3]


def test_a_database_with_one_of_the_tables_gets_the_others(database_url: str, raw: Engine) -> None:
    """The command line of a release before migrations creates `deployments` alone."""
    metadata.tables["deployments"].create(raw)
    connect(database_url).dispose()
    assert set(schema(raw)) == set(metadata.tables)


def test_a_database_that_is_up_to_date_is_only_read(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(database_url).dispose()

    def fail(_: object) -> None:
        pytest.fail("it migrates")

    monkeypatch.setattr(migrations, "upgrade", fail)
    connect(database_url).dispose()


def test_a_new_revision_is_applied_to_the_rows_that_are_there(
    database: Engine, database_url: str, add_revision: AddRevision, caplog: pytest.LogCaptureFixture
) -> None:
    with database.begin() as connection:
        connection.execute(INSERT_JOB)
    before = migrations.newest()
    add_revision()
    connect(database_url).dispose()
    assert revision(database) == "9001"
    with database.connect() as connection:
        assert connection.execute(text("SELECT note FROM jobs")).scalars().all() == ["migrated"]
    assert f"from revision {before} to 9001" in caplog.text


def test_a_failed_migration_leaves_the_old_schema_and_its_rows(
    database: Engine, database_url: str, add_revision: AddRevision
) -> None:
    with database.begin() as connection:
        connection.execute(INSERT_JOB)
    before = schema(database), revision(database)
    add_revision(FAIL)
    with pytest.raises(DatabaseError, match="nowhere"):
        connect(database_url)
    assert (schema(database), revision(database)) == before
    with database.connect() as connection:
        assert connection.execute(text("SELECT stage FROM jobs")).scalars().all() == ["waiting"]


def test_a_failed_migration_of_an_empty_database_leaves_it_empty(
    database_url: str, raw: Engine, add_revision: AddRevision
) -> None:
    add_revision(FAIL)
    with pytest.raises(DatabaseError, match="nowhere"):
        connect(database_url)
    assert inspect(raw).get_table_names() == []


def test_a_newer_database_is_refused_and_not_changed(database: Engine, database_url: str) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE jobs ADD COLUMN note VARCHAR"))
    before = schema(database)
    newest = migrations.newest()
    expected = f"revision 9999, and this release knows revisions up to {newest}; upgrade the prog"
    with pytest.raises(DatabaseError, match=expected):
        connect(database_url)
    assert (schema(database), revision(database)) == (before, "9999")


def test_many_processes_migrate_at_once(
    database: Engine, database_url: str, add_revision: AddRevision
) -> None:
    with database.begin() as connection:
        connection.execute(INSERT_JOB)
    versions = add_revision()
    answers = all_at_once(CONNECT_WITH_REVISIONS, database_url, str(versions), count=4)
    assert answers == ["done\n"] * 4
    assert revision(database) == "9001"


def test_the_modules_of_the_migrations_are_in_the_wheel_and_the_bento() -> None:
    """Both contain only Python modules, so alembic.ini does not exist."""
    files = [path for path in migrations.FOLDER.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix not in (".py", ".pyc")] == []
