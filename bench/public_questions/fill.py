"""Rows for the worst cases of public questions: what is old, rare, huge or missing.

Ids grow with time. The oldest hundredth lies in 65 and is all there is of `medical.bodybag`. Half of all is in 5109, most of it
`food.rice`, which nobody else has. There is nothing in 46 and nothing of `money.living`.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from insight.model import MEASURES

_ID = "CAST(lpad(to_hex({n}), 32, '0') AS uuid)"
_ITEMS = """
    ARRAY['food.oil', 'food.flour', 'food.milk', 'clothing.coat', 'clothing.shoes', 'clothing.quilt', 'household.bed', 'household.stove',
    'medical.mask', 'medical.gloves', 'medical.gown', 'medical.goggles', 'medical.cap', 'medical.wipes', 'education.books',
    'education.schoolbag', 'farming.chick', 'farming.piglet', 'industry.tea', 'housing.tiles']
"""
_PROVINCES = "ARRAY['11', '13', '14', '21', '32', '33', '34', '41', '42', '43', '50', '51', '52', '53']"
_REGION = f"""
    CASE WHEN n * 100 <= :rows THEN '650102' || lpad((n % 9 + 1)\\:\\:text, 3, '0') || '001'
        WHEN n % 2 = 0 THEN '5109' || (ARRAY['03', '04', '21', '23', '81'])[1 + n / 2 % 5]
            || lpad((n / 10 % 30 + 1)\\:\\:text, 3, '0') || '001'
        ELSE ({_PROVINCES})[1 + n / 2 % 14] || lpad((n / 28 % 20 + 1)\\:\\:text, 2, '0') || lpad((n % 9 + 1)\\:\\:text, 2, '0')
            || lpad((n / 50 % 40 + 1)\\:\\:text, 3, '0') || '001'
    END
"""
_CATEGORY = f"""
    CASE WHEN n * 100 <= :rows THEN 'medical.bodybag' WHEN n % 10 IN (2, 4, 6, 8) THEN 'food.rice' ELSE ({_ITEMS})[1 + n / 2 % 20] END
"""
_NUMBERS = "generate_series(1, CAST(:rows AS integer)) AS n"
# Listed without keys, which are built afterwards: sorted, that takes a tenth of the time. The same holds for the words of needs.
_LIST = (
    "ALTER TABLE {side}_listings DROP CONSTRAINT {side}_listings_pk",
    "INSERT INTO {side}_listings (region, category, id{more}) SELECT key.region, key.category, id{of}"
    " FROM {side}s, listing_keys({side}s.region, {side}s.category) AS key WHERE {listed}",
    "ALTER TABLE {side}_listings ADD CONSTRAINT {side}_listings_pk PRIMARY KEY (region, category, id)",
)
_FIGURE = "CASE urgency WHEN 'critical' THEN 4 WHEN 'urgent' THEN 2 ELSE 1 END"
_NEEDS_LISTED = {
    "side": "need",
    "more": ", urgency, is_open",
    "of": f", {_FIGURE}, is_open",
    "listed": "state = 'published' AND NOT hidden",
}
_PLEDGES_LISTED = {"side": "pledge", "more": "", "of": "", "listed": "NOT (withdrawn OR resting OR expired OR used_up)"}
_ASIDE = (
    "CREATE TEMPORARY TABLE indexes_aside ON COMMIT DROP AS SELECT indexname, indexdef FROM pg_indexes"
    " WHERE indexname IN ('needs_words', 'need_listings_in_order')",
    "DROP INDEX needs_words, need_listings_in_order",
)
_BACK = (
    "DO $$ DECLARE built text; BEGIN FOR built IN SELECT indexdef FROM indexes_aside LOOP EXECUTE built; END LOOP; END $$",
    "DROP TABLE indexes_aside",
)
# Every fourth need has a story of the old, every thousandth one of a leaking roof; none of the oldest has any.
_STORY = """
    CASE WHEN n * 100 <= :rows THEN '{}' WHEN n % 1000 = 7 THEN ARRAY['屋顶', '顶漏', '漏雨']
        WHEN n % 4 = 1 THEN ARRAY['老人', '人独', '独居'] ELSE '{}' END
"""

NEEDS = (
    "ALTER TABLE needs DISABLE TRIGGER USER",
    "ALTER TABLE pledges DISABLE TRIGGER USER",
    *_ASIDE,
    # Each third one is covered by what it gets below; none of the oldest is critical.
    f"""
    INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, quantity, urgency, reason, state, posted_at,
        published_at, is_open, words)
    SELECT {_ID.format(n="n")}, 2, gen_random_uuid(), gen_random_uuid(), {_REGION}, {_CATEGORY}, 'kg',
        CASE WHEN n % 3 = 0 THEN 1 ELSE 10 END,
        CASE WHEN n % 50 = 1 AND n * 100 > :rows THEN 'critical' WHEN n % 5 = 0 THEN 'urgent' ELSE 'normal' END, :sealed,
        CASE WHEN n % 11 = 0 THEN 'closed' ELSE 'published' END, now(), now(), n % 3 <> 0, {_STORY}
    FROM {_NUMBERS}
    """,
    # The newest half has expired; ten of them too lately for the timer.
    f"""
    INSERT INTO pledges (id, version, pledger_id, kind, category, unit, quantity, region, valid_until, withdrawn, resting, expired,
        offered_at, answered_version, released_version)
    SELECT {_ID.format(n="n")}, 1, gen_random_uuid(), 'goods', {_CATEGORY}, 'kg', 1000000, left({_REGION}, 9),
        now() + CASE WHEN n * 2 > :rows THEN interval '-1 day' ELSE interval '30 days' END, n % 13 = 0, false,
        n * 2 > :rows AND n <= :rows - 10, now(), 1, 1
    FROM {_NUMBERS}
    """,
    # A popular need that many refused, and a pledge for thousands of needs: matches of the newest need and of the newest open pledge.
    f"""
    INSERT INTO matches (id, version, need_id, pledge_id, quantity, state)
    SELECT gen_random_uuid(), 2, {_ID.format(n="CAST(:rows AS integer) - n % 10 - 10")},
        {_ID.format(n="CAST(:rows AS integer) / 2 - n % 10")}, 1, (ARRAY['proposed', 'accepted', 'refused', 'lapsed'])[1 + n % 4]
    FROM generate_series(1, CAST(:rows AS integer) / 5) AS n
    """,
    f"""
    INSERT INTO matches (id, version, need_id, pledge_id, quantity, state)
    SELECT gen_random_uuid(), 2, {_ID.format(n="n")}, {_ID.format(n="n")}, 1, 'accepted' FROM {_NUMBERS}
    """,
    *(statement.format(**_NEEDS_LISTED) for statement in _LIST),
    *(statement.format(**_PLEDGES_LISTED) for statement in _LIST),
    *_BACK,
    "INSERT INTO need_counts (region, category, urgency, open, covered) SELECT region, category, urgency,"
    " count(*) FILTER (WHERE is_open), count(*) FILTER (WHERE NOT is_open) FROM need_listings GROUP BY region, category, urgency",
    "ALTER TABLE needs ENABLE TRIGGER USER",
    "ALTER TABLE pledges ENABLE TRIGGER USER",
)
# Counties carry weights; those of 65 and of `medical.bodybag` are the least.
_COUNTIES = f"""
    SELECT p || lpad(c\\:\\:text, 2, '0') || lpad(d\\:\\:text, 2, '0') AS region FROM unnest({_PROVINCES} || ARRAY['65']) AS p,
    generate_series(1, CAST(:cities AS integer)) AS c, generate_series(1, 9) AS d
"""
_WAITING = f"SELECT unnest({_ITEMS} || ARRAY['medical.bodybag', 'food.rice']) AS category"
_MONTHS = "CAST(date_trunc('month', now()) AS date) - CAST(m || ' months' AS interval)"
MATCHING = (
    f"INSERT INTO categories SELECT category, 'kg' FROM ({_WAITING}) AS waiting ON CONFLICT DO NOTHING",
    f"""
    INSERT INTO balance (region, category, unit, needs, need_units, wanting, pledges, pledges_units, wide_pledges, wide_pledges_units,
        changed)
    SELECT region, category, 'kg', 1, 10,
        CASE WHEN category = 'medical.bodybag' OR region LIKE '65%' THEN 1 ELSE 2 + abs(hashtext(region || category)) % 1000 END,
        1, 10, 0, 0, false
    FROM (SELECT region FROM ({_COUNTIES}) AS counties
        UNION SELECT left(region, length) FROM ({_COUNTIES}) AS counties, unnest(ARRAY[0, 2, 4]) AS length
        UNION SELECT region || lpad(t\\:\\:text, 3, '0') FROM ({_COUNTIES}) AS counties, generate_series(1, CAST(:towns AS integer)) AS t
    ) AS places, ({_WAITING}) AS waiting
    WHERE category <> 'food.rice' OR region = '' OR region LIKE '51%'
    """,
    f"""
    INSERT INTO balance_days (region, category, month, days, needs)
    SELECT region, category, {_MONTHS}, days, 1 + days % 3 FROM unnest(ARRAY['', '51', '5109', '510903']) AS region,
        ({_WAITING}) AS waiting, generate_series(0, 5 + CAST(:months AS integer)) AS m, generate_series(0, 40) AS days
    """,
    f"""
    INSERT INTO matches (id, version, need_id, pledge_id, household_id, poster_id, pledger_id, region, category, unit, quantity, state,
        reasons, barred, proposed_at, answer_by)
    SELECT {_ID.format(n="n")}, 2, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
        '510903001001', 'food.rice', 'kg', 10, 'accepted', '[]', false, now(), now()
    FROM generate_series(1, CAST(:rows AS integer) / 10) AS n
    """,
    f"""
    INSERT INTO slips (id, match_id, token_hash, printed_by, printed_at, expires_at)
    SELECT gen_random_uuid(), {_ID.format(n="n")}, sha256(lpad(n\\:\\:text, 22, '0')\\:\\:bytea), gen_random_uuid(), now(),
        now() + interval '9 days' FROM generate_series(1, CAST(:rows AS integer) / 10) AS n
    """,
)
USERS = (
    """
    INSERT INTO accounts (id, version, kind, phone, phone_fingerprint, name, region, state, registered_at)
    SELECT gen_random_uuid(), 1, 'donor', '', sha256(n\\:\\:text\\:\\:bytea), '', '', 'active', now()
    FROM generate_series(1, CAST(:rows AS integer)) AS n
    """,
    # Three requests for codes in a row have the three purposes of guests. No key made the codes, so that every guess is wrong.
    f"""
    INSERT INTO code_requests (id, version, purpose, phone, phone_fingerprint, language, key_id, tries, looks, requested_at, expires_at)
    SELECT {_ID.format(n="n")}, 1, (ARRAY['registration', 'sign_in', 'password_reset'])[1 + n % 3], :sealed, sha256(n\\:\\:text\\:\\:bytea),
        'zh-CN', '', 0, 0, now(), now() + interval '1 day'
    FROM {_NUMBERS}
    """,
    f"""
    INSERT INTO code_counts (day, budget, key, requests)
    SELECT CAST(now() AS date), 'phone', sha256(n\\:\\:text\\:\\:bytea), 1 FROM {_NUMBERS}
    """,
    # Twenty of a village were opened today, the others wait.
    f"""
    INSERT INTO self_reports (id, version, region, name, people, difficulty, story, state, reported_at, opened_at, visit_by, decide_by,
        is_provisional)
    SELECT {_ID.format(n="n")}, 1, '510903001001', '', 3, 'illness', '', CASE WHEN n <= 20 THEN 'open' ELSE 'waiting' END, now(),
        CASE WHEN n <= 20 THEN now() END, CASE WHEN n <= 20 THEN now() END, CASE WHEN n <= 20 THEN now() END, false
    FROM {_NUMBERS}
    """,
    # One in ten waits, in the same regions.
    f"""
    INSERT INTO places (id, version, region, state, name, address, hours, do_not_bring, published_version, published_at, route_version,
        announced_version)
    SELECT {_ID.format(n="n")}, 1, '510903' || lpad((n % 90)\\:\\:text, 3, '0') || lpad((n % 700)\\:\\:text, 3, '0'),
        CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'open' END, '', '', '', '', 1, now(), 1, 1
    FROM {_NUMBERS}
    """,
)
INSIGHT = (
    f"""
    INSERT INTO totals (level, region, day, {", ".join(MEASURES)})
    SELECT length(region), region, CAST(now() AS date) - d, {", ".join("9" for _ in MEASURES)}
    FROM (SELECT '' AS region UNION SELECT unnest({_PROVINCES} || ARRAY['65'])
            UNION SELECT '51' || lpad(c\\:\\:text, 2, '0') FROM generate_series(1, CAST(:cities AS integer)) AS c
            UNION SELECT '51090' || c FROM generate_series(1, 5) AS c) AS places,
        generate_series(0, 30 * CAST(:months AS integer)) AS d
    """,
)
FILLS = {"needs": NEEDS, "matching": MATCHING, "users": USERS, "insight": INSIGHT}


def fill(session: Session, service: str, rows: int, cities: int, towns: int, months: int) -> None:
    """Fill the tables of a service and analyse them."""
    sizes: dict[str, Any] = {
        "sealed": b"",
        "rows": rows,
        "cities": cities,
        "towns": towns,
        "months": months,
    }
    for statement in FILLS.get(service, ()):
        compiled = text(statement)
        session.execute(compiled, {name: size for name, size in sizes.items() if name in compiled.compile().params})
    # Other tables are left out: a lock on those that databases share would last as long as the transaction.
    tables = session.scalars(text("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"))
    session.execute(text(f"ANALYZE {', '.join(tables)}"))
