"""Matches that the household's side declined: they never counted as accepted unless they were."""

from alembic import op

revision = "matching_0012"
down_revision = "matching_0011"

STATES = "'proposed', 'accepted', 'refused', 'lapsed', 'sent', 'received', 'closed'"
NOT_ACCEPTED = "'proposed', 'refused', 'lapsed'"


def upgrade() -> None:
    _states(f"{STATES}, 'declined'")
    _acceptance(f"{NOT_ACCEPTED}, 'declined'")


def downgrade() -> None:
    op.execute("UPDATE matches SET state = 'refused' WHERE state = 'declined'")
    _acceptance(NOT_ACCEPTED)
    _states(STATES)


def _states(states: str) -> None:
    op.execute("ALTER TABLE matches DROP CONSTRAINT matches_state_check")
    op.execute(f"ALTER TABLE matches ADD CONSTRAINT matches_state_check CHECK (state IN ({states}))")


def _acceptance(not_accepted: str) -> None:
    op.execute("DROP TRIGGER balance_claimed ON matches; DROP TRIGGER balance_accepted ON matches")
    became = f"NEW.state NOT IN ({not_accepted})"
    for name, act, condition in (
        ("balance_claimed", "INSERT", became),
        ("balance_accepted", "UPDATE OF state", f"{became} AND OLD.state IN ({not_accepted})"),
    ):
        op.execute(
            f"CREATE TRIGGER {name} AFTER {act} ON matches FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION balance_accepted()"
        )
