"""Parcel numbers of movements may be encrypted anew and erased. All else that moved is still never changed nor removed."""

from alembic import op

revision = "matching_0027"
down_revision = "matching_0026"

KEPT = "match_id, kind, quantity, version, at, by, slip_id, reason, carrier"


def upgrade() -> None:
    _guard(f"UPDATE OF {KEPT}")


def downgrade() -> None:
    _guard("UPDATE")


def _guard(update: str) -> None:
    op.execute("DROP TRIGGER movements_are_only_added ON movements")
    op.execute(
        f"CREATE TRIGGER movements_are_only_added BEFORE {update} OR DELETE OR TRUNCATE ON movements"
        " FOR EACH STATEMENT EXECUTE FUNCTION movements_are_only_added()"
    )
