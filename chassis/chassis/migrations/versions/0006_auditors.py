"""Appointments have a role: administrators manage a region, auditors read it and its audit log."""

from alembic import op

revision = "chassis_0006"
down_revision = "chassis_0005"


def upgrade() -> None:
    op.execute("ALTER TABLE appointments ADD role varchar(20) NOT NULL DEFAULT 'administrator'")


def downgrade() -> None:
    op.execute("ALTER TABLE appointments DROP role")
