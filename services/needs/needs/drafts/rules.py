"""Rules of drafts: how long and how many they are kept, and what their authors may do with them."""

from datetime import timedelta

from chassis.problems import Problem, state_conflict
from needs.drafts.model import Draft

KEPT = timedelta(days=30)
"""The time after its last change after which a draft is deleted."""
MOST_DRAFTS = 50
MEANT_EMPTY = frozenset({"quantity"})
"""Fields of a need in which null is a statement: a quantity that is not known."""
ACTS = ("change_draft", "post_draft")


def find_draft_problem(draft: Draft) -> Problem | None:
    """Return the problem that keeps the author from changing or posting the draft: it was posted."""
    return state_conflict(state="posted") if draft.need_id else None


def acts_on_draft(draft: Draft) -> list[str]:
    """List the operations that the author may carry out on the draft now."""
    acts = ACTS if find_draft_problem(draft) is None else ()
    return [*acts, "delete_draft"]
