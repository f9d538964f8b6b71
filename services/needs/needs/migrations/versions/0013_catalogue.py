"""The catalogue with the shipped items, the rules of regions, and what a need keeps of the catalogue."""

import json

from alembic import op
from sqlalchemy import text

from needs.catalogue.defaults import catalogue

revision = "needs_0013"
down_revision = "needs_0012"

OLD_TEXTS = "ON needs (ended_at) WHERE ended_at IS NOT NULL AND "
HAS_REASON, HAS_TEXT = "length(reason) > 0", "(length(reason) > 0 OR length(specification) > 0)"


def upgrade() -> None:
    op.execute(
        'CREATE TABLE IF NOT EXISTS catalogue_items (category varchar(100) COLLATE "C" CONSTRAINT catalogue_items_pk PRIMARY KEY,'
        " id uuid NOT NULL, version bigint NOT NULL DEFAULT 1, published_version bigint NOT NULL DEFAULT 0, unit varchar(20), facts jsonb NOT NULL,"
        " changed_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute(
        'CREATE TABLE IF NOT EXISTS catalogue_rules (region varchar(12) COLLATE "C", version bigint, rules jsonb NOT NULL,'
        " set_by uuid NOT NULL, set_at timestamptz NOT NULL, CONSTRAINT catalogue_rules_pk PRIMARY KEY (region, version))"
    )
    # The worker publishes them, and enters those of later releases.
    entry = text(
        "INSERT INTO catalogue_items (category, id, unit, facts) VALUES (:category, :id, :unit, CAST(:facts AS jsonb))"
        " ON CONFLICT DO NOTHING"
    )
    for item in catalogue().values():
        op.get_bind().execute(
            entry, {"category": item.category, "id": item.id, "unit": item.unit, "facts": json.dumps(item.facts(), ensure_ascii=False)}
        )
    op.execute("ALTER TABLE needs ADD IF NOT EXISTS terms jsonb, ADD IF NOT EXISTS specification bytea")
    _index_old_texts(HAS_TEXT)


def downgrade() -> None:
    _index_old_texts(HAS_REASON)
    op.execute("ALTER TABLE needs DROP terms, DROP specification")
    op.execute("DROP TABLE catalogue_items, catalogue_rules")


def _index_old_texts(condition: str) -> None:
    """Index the needs whose texts are to be emptied in time by the condition that finds them."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS needs_old_texts")
        op.execute(f"CREATE INDEX CONCURRENTLY needs_old_texts {OLD_TEXTS}{condition}")
