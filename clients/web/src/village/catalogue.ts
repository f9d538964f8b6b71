/** The catalogue, kept in the phone: forms are filled in where there is no network. */
import type { ItemOut } from "../shared/api.ts";
import { catalogue, loadCatalogue } from "../shared/catalogue.ts";
import { keep, recall } from "./vault.ts";

const NAME = "catalogue";

export async function loadVillageCatalogue(): Promise<void> {
  if (!catalogue.value.size) {
    const kept = await recall<ItemOut[]>(NAME);
    if (kept) catalogue.value = new Map(kept.map((item) => [item.category, item]));
  }
  if (!navigator.onLine) return;
  await loadCatalogue();
  await keep(NAME, [...catalogue.value.values()]);
}
