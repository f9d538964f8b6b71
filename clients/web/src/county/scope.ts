/** The region that the desk shows: one of those that its reader manages, kept in the page's address. */
import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";
import { session } from "../shared/session.ts";

/** What a list of cases is asked for. */
export type CaseQuery = { region: string; limit: number; cursor?: string };

const VILLAGE_DIGITS = 12;

export function useScope() {
  const [route, router] = [useRoute(), useRouter()];
  const regions = computed(() => (session.me?.regions ?? []).filter((one) => one.length < VILLAGE_DIGITS));
  const region = computed({
    get: () => (typeof route.query["region"] === "string" ? route.query["region"] : (regions.value[0] ?? "")),
    set: (code: string) => void router.replace({ query: { ...route.query, region: code } }),
  });
  /** The way back to the desk keeps its region. */
  const desk = computed(() => `/county?region=${region.value}`);
  return { regions, region, desk };
}
