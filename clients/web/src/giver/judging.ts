import type { PledgeOut } from "../shared/api.ts";

/** Matching still judges a chosen need, a change or a withdrawal. A new pledge is open at once. */
export const isJudged = (pledge: PledgeOut): boolean => pledge.claim_state !== "waiting" && (pledge.version === 1 || pledge.answered_version >= pledge.version);
