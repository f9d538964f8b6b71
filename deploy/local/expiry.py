"""Needs of the sandbox whose time is over: `python -m deploy.local.expiry`. It lets needs do what its timers do, some days early."""

import argparse
from datetime import timedelta

from chassis.data.database import Database, now
from chassis.failures import one_line_failures
from chassis.start import read_role_settings
from needs.life.actions import expire_needs, remind_of_expiry

EARLY_DAYS = 4
"""Longer than the county's period for fresh vegetables, shorter than all others."""


@one_line_failures
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--days", type=int, default=EARLY_DAYS, help="how many days early needs end; 0 only reminds of what its timers would"
    )
    early = timedelta(days=parser.parse_args().days)
    database = Database.of(read_role_settings("needs"), "expiry")
    try:
        with database.begin() as session:
            remind_of_expiry(session)
            expire_needs(session, now() + early)
    finally:
        database.close()


if __name__ == "__main__":
    main()
