/** The village's register, also without a network: as it was when it was last loaded. */
import { shallowRef } from "vue";
import { api, must, type HouseholdOut } from "../shared/api.ts";
import { keep, recall } from "./vault.ts";

const NAME = "register";
const PAGE = 100;
export const households = shallowRef<HouseholdOut[]>([]);
export const loadedAt = shallowRef<number>();

interface Copy {
  items: HouseholdOut[];
  at: number;
}

/** Loads all households of the caller's villages; without a network those that were kept. */
export async function loadRegister(): Promise<void> {
  const copy = await recall<Copy>(NAME);
  if (copy) [households.value, loadedAt.value] = [copy.items, copy.at];
  if (!navigator.onLine) return;
  const items: HouseholdOut[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await must(api.GET("/v1/households", { params: { query: { limit: PAGE, ...(cursor ? { cursor } : {}) } } }));
    items.push(...page.items);
    cursor = page.next;
  }
  [households.value, loadedAt.value] = [items, Date.now()];
  await keep(NAME, { items, at: loadedAt.value });
}

/** Households by name, id number, address or telephone. */
export function findHouseholds(words: string): HouseholdOut[] {
  const wanted = words.trim().toLowerCase();
  return households.value.filter((one) => [one.name, one.national_id, one.address ?? "", one.contact_phone ?? ""].some((text) => text.toLowerCase().includes(wanted)));
}
