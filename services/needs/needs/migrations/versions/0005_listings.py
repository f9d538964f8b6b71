"""Listings of the hall: each published need and each offered pledge under all regions and categories around it.

A list of any region and category then reads its page and nothing else. Triggers keep the listings, so no action can forget them, and
processes of the release before keep them too. The sums of matches are kept in the same way: a pledge may have thousands of matches.
"""

from alembic import op

revision = "needs_0005"
down_revision = "needs_0004"

REGION = 'varchar(12) COLLATE "C" NOT NULL'
CATEGORY = 'varchar(100) COLLATE "C" NOT NULL'
LISTED = {
    "need": ("state", "{row}.state = 'published'"),
    "pledge": ("withdrawn, resting, expired", "NOT ({row}.withdrawn OR {row}.resting OR {row}.expired)"),
}
"""The columns that decide whether a row of each table is listed, and the condition on them."""
PROMISED = "state IN ('accepted', 'sent', 'received', 'closed')"
SUMS = {
    "need": f"CASE WHEN {PROMISED} THEN coalesce(received, sent, quantity) ELSE 0 END",
    "pledge": f"CASE WHEN {PROMISED} THEN coalesce(sent, quantity) ELSE 0 END",
}
"""The quantity that a match promises to each side."""
ACTS = {
    "INSERT": (("NEW TABLE AS fresh", "fresh", 1),),
    "UPDATE": (("NEW TABLE AS fresh", "fresh", 1), ("OLD TABLE AS former", "former", -1)),
    "DELETE": (("OLD TABLE AS former", "former", -1),),
}


def upgrade() -> None:
    op.execute("ALTER TABLE pledges ADD expired boolean NOT NULL DEFAULT false")
    # Townships are the smallest regions that the hall can be asked for.
    op.execute(
        "CREATE FUNCTION listing_keys(place varchar, item varchar) RETURNS TABLE (region varchar, category varchar)"
        " LANGUAGE sql IMMUTABLE ROWS 15 AS $$"
        " SELECT left(place, digits), array_to_string(path[1\\:depth], '.') FROM unnest(ARRAY[0, 2, 4, 6, 9]) AS digits,"
        " string_to_array(item, '.') AS path, generate_series(0, cardinality(path)) AS depth WHERE digits <= length(place) $$"
    )
    for side in LISTED:
        op.execute(
            f"CREATE TABLE {side}_listings (region {REGION}, category {CATEGORY}, id uuid NOT NULL,"
            f" CONSTRAINT {side}_listings_pk PRIMARY KEY (region, category, id))"
        )
        op.execute(
            f"CREATE TABLE {side}_quantities (id uuid CONSTRAINT {side}_quantities_pk PRIMARY KEY, accepted bigint NOT NULL,"
            " proposed bigint NOT NULL, delivered bigint NOT NULL) WITH (fillfactor = 70)"
        )
        _list_by_triggers(side)
    _sum_by_triggers()


def _list_by_triggers(side: str) -> None:
    columns, condition = LISTED[side]
    before, after = (condition.format(row=row) for row in ("OLD", "NEW"))
    op.execute(
        f"CREATE FUNCTION list_{side}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP <> 'INSERT' AND {before} THEN"
        f" DELETE FROM {side}_listings AS listing USING listing_keys(OLD.region, OLD.category) AS key"
        " WHERE listing.region = key.region AND listing.category = key.category AND listing.id = OLD.id;"
        " END IF;"
        f" IF TG_OP <> 'DELETE' AND {after} THEN"
        f" INSERT INTO {side}_listings (region, category, id) SELECT key.region, key.category, NEW.id"
        " FROM listing_keys(NEW.region, NEW.category) AS key;"
        " END IF;"
        " RETURN NULL; END $$"
    )
    table = f"{side}s"
    for name, act, when in (
        ("offered", "INSERT", after),
        ("changed", f"UPDATE OF region, category, {columns}", f"OLD.* IS DISTINCT FROM NEW.* AND ({before} OR {after})"),
        ("removed", "DELETE", before),
    ):
        op.execute(
            f"CREATE TRIGGER {side}_{name} AFTER {act} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION list_{side}()"
        )


def _sum_by_triggers() -> None:
    # Two sums in one statement: rows of needs are locked before rows of pledges, each by id.
    for act, sources in ACTS.items():
        sums = "".join(
            f" INSERT INTO {side}_quantities AS known (id, accepted, proposed, delivered)"
            f" SELECT {side}_id, sum(sign * {promised}), sum(CASE WHEN state = 'proposed' THEN sign * quantity ELSE 0 END),"
            f" sum(CASE WHEN {PROMISED} THEN sign * coalesce(received, 0) ELSE 0 END)"
            f" FROM ({' UNION ALL '.join(f'SELECT {sign} AS sign, * FROM {source}' for _, source, sign in sources)}) AS change"
            f" GROUP BY {side}_id ORDER BY {side}_id"
            " ON CONFLICT (id) DO UPDATE SET accepted = known.accepted + excluded.accepted,"
            " proposed = known.proposed + excluded.proposed, delivered = known.delivered + excluded.delivered"
            " WHERE (excluded.accepted, excluded.proposed, excluded.delivered) <> (0, 0, 0);"
            for side, promised in SUMS.items()
        )
        name = f"matches_summed_on_{act.lower()}"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN{sums} RETURN NULL; END $$")
        op.execute(
            f"CREATE TRIGGER {name} AFTER {act} ON matches REFERENCING {' '.join(declared for declared, _, _ in sources)}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    # The triggers' creation keeps writers of matches out until the end of this transaction. These are handlers of events, which wait.
    for side, promised in SUMS.items():
        op.execute(
            f"INSERT INTO {side}_quantities SELECT {side}_id, sum({promised}),"
            " sum(CASE WHEN state = 'proposed' THEN quantity ELSE 0 END), sum(CASE WHEN"
            f" {PROMISED} THEN coalesce(received, 0) ELSE 0 END) FROM matches GROUP BY {side}_id"
        )


def downgrade() -> None:
    for side in LISTED:
        op.execute(f"DROP FUNCTION list_{side} CASCADE")
        op.execute(f"DROP TABLE {side}_listings, {side}_quantities")
    for act in ACTS:
        op.execute(f"DROP FUNCTION matches_summed_on_{act.lower()} CASCADE")
    op.execute("DROP FUNCTION listing_keys")
    op.execute("ALTER TABLE pledges DROP expired")
