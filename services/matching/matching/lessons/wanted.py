"""Which pairs are not proposed: those that were refused, declined or let lapse, and those that a lesson speaks against."""


def wanted(need: str, pledge_id: str) -> str:
    """SQL condition: nothing speaks against this need (a row with its id, region, category) and the pledge with this id."""
    return f"""
        NOT EXISTS (SELECT FROM matches WHERE barred AND matches.need_id = {need}.id AND matches.pledge_id = {pledge_id})
        AND NOT EXISTS (
            SELECT FROM lessons WHERE lessons.pledge_id = {pledge_id} AND forgotten_at IS NULL
                AND starts_with({need}.region, lessons.region) AND lessons.category IN ('', {need}.category)
        )
    """


# A lesson of a pause has no region, and stays out: of a resting pledge nothing is open. Pledges are probed one by one (OFFSET 0): few have
# lessons about where a batch's needs are, and the planner would rather read all that are open.
UNWANTED = """
    SELECT need_id, pledge_id, pledges.category, pledges.unit, pledges.scope FROM matches JOIN pledges ON pledges.id = pledge_id
    WHERE barred AND need_id = ANY(CAST(:ids AS uuid[]))
    UNION
    SELECT needs.id, pledge.* FROM needs
    JOIN lessons ON forgotten_at IS NULL AND lessons.category IN ('', needs.category)
        AND lessons.region IN ('', left(needs.region, 6), left(needs.region, 9), needs.region)
    CROSS JOIN LATERAL (
        SELECT id, category, unit, scope FROM pledges
        WHERE pledges.id = lessons.pledge_id AND NOT pledges.ended AND pledges.rest > 0 AND pledges.unit = needs.unit
            AND starts_with(needs.region, pledges.scope) AND starts_with(needs.category || '.', pledges.category || '.')
        OFFSET 0
    ) AS pledge
    WHERE needs.id = ANY(CAST(:ids AS uuid[]))
"""
"""SQL: of the needs with these `ids`, the pledges that are not for them, with the pledges' keys."""
