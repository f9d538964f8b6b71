/** The catalogue: what may be asked for and given, with names and measure words. Loaded once. */
import { shallowRef } from "vue";
import { api, must, type ItemOut } from "./api.ts";
import { money, number, amount as plainAmount } from "./formats.ts";
import { i18n } from "./language.ts";

const known = shallowRef<ReadonlyMap<string, ItemOut>>(new Map());
let loading: Promise<void> | undefined;

/** Starts loading the catalogue unless it is here; names appear when it came. Asked as a guest, it is compressed and stays in the browser's cache. */
export function loadCatalogue(): Promise<void> {
  loading ??= must(api.GET("/v1/catalogue", { credentials: "omit" }))
    .then(({ items }) => {
      known.value = new Map(items.map((item) => [item.category, item]));
    })
    .catch((failure: unknown) => {
      loading = undefined;
      throw failure;
    });
  return loading;
}

/** The same for pages that only show names: without a network they show codes, and names once it is back. */
export function wantCatalogue(): void {
  loadCatalogue().catch(() => addEventListener("online", wantCatalogue, { once: true }));
}

export const catalogue = known;
export const groups = (): ItemOut[] => [...known.value.values()].filter((item) => item.unit === null);
export const itemsOf = (group: string): ItemOut[] => [...known.value.values()].filter((item) => item.unit !== null && item.category.startsWith(`${group}.`));

/** The name of an item or a group; the code until the catalogue is here. */
export function nameOf(category: string): string {
  const item = known.value.get(category);
  return item ? (i18n.global.locale.value === "en" ? item.en : item.zh) : category;
}

/** 2 床, 3,000 元, 40 公斤; in English with the unit. */
export function quantityOf(quantity: number, unit: string, category: string): string {
  if (unit === "fen") return money(quantity);
  const measure = known.value.get(category)?.measure;
  return measure && i18n.global.locale.value !== "en" ? `${number(quantity)} ${measure}` : plainAmount(quantity, unit);
}

/** 2 床棉被, 医疗费资助 3,000 元; the name alone while the quantity is unknown. */
export function helpOf(quantity: number, unit: string, category: string): string {
  if (!quantity) return nameOf(category);
  const [count, name] = [quantityOf(quantity, unit, category), nameOf(category)];
  if (i18n.global.locale.value === "en") return `${name}: ${count}`;
  return unit === "fen" ? `${name} ${count}` : `${count}${name}`;
}
