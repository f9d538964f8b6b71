/** The question that the hall answers, kept in the page's address: it can be shared, and the way back leads to it. */
import { computed } from "vue";
import { useRoute, useRouter, type LocationQueryValue } from "vue-router";

export const SORTS = ["newest", "most_urgent", "longest_waiting"] as const;
export const KINDS = ["goods", "money", "service", "job", "purchase", "training"] as const;
export const URGENCIES = ["normal", "urgent", "critical"] as const;
const NAMES = ["q", "region", "category", "kind", "urgency", "open", "sort"] as const;
type Name = (typeof NAMES)[number];
type Question = Record<Name, string>;

const one = (value: LocationQueryValue | LocationQueryValue[] | undefined): string => (Array.isArray(value) ? value[0] : value) ?? "";
const among = <T extends string>(list: readonly T[], word: string): T | undefined => list.find((each) => each === word);

export function useQuestion() {
  const [route, router] = [useRoute(), useRouter()];
  const question = computed<Question>(() => Object.fromEntries(NAMES.map((name) => [name, one(route.query[name])])) as Question);
  const isAsked = computed(() => NAMES.some((name) => name !== "sort" && question.value[name]));

  /** What holds for the list and for the counts. Fewer than two letters are no search yet. */
  const filters = computed(() => {
    const { q, region, category, kind, urgency, open } = question.value;
    const [known, level] = [among(KINDS, kind), among(URGENCIES, urgency)];
    return {
      ...(q.trim().length > 1 ? { q: q.trim() } : {}),
      ...(region ? { region } : {}),
      ...(category ? { category } : {}),
      ...(known ? { kind: known } : {}),
      ...(level ? { urgencies: level } : {}),
      ...(open ? { open: true } : {}),
    };
  });
  const sort = computed(() => among(SORTS, question.value.sort) ?? "newest");

  function ask(change: Partial<Question>): void {
    const next = { ...question.value, ...change };
    void router.push({ query: Object.fromEntries(Object.entries(next).filter(([, value]) => value)) });
  }
  return { question, filters, sort, isAsked, ask, clear: () => void router.push({ query: {} }) };
}
