/** Names of regions, asked for in batches and kept. */
import { reactive } from "vue";
import { api, must } from "./api.ts";

const BATCH = 100;
const names = reactive(new Map<string, string>());
const wanted = new Set<string>();
let isPlanned = false;

/** The name of a region with its county or city; its code until the name came. */
export function regionName(code: string): string {
  const name = names.get(code);
  if (name !== undefined) return name;
  if (!wanted.has(code)) {
    wanted.add(code);
    if (!isPlanned) {
      isPlanned = true;
      queueMicrotask(() => void fetchNames());
    }
  }
  return code;
}

async function fetchNames(): Promise<void> {
  isPlanned = false;
  const codes = [...wanted].slice(0, BATCH);
  for (const code of codes) wanted.delete(code);
  try {
    const { items } = await must(api.GET("/v1/regions", { params: { query: { codes: codes.join(",") } } }));
    for (const region of items) names.set(region.code, region.name);
  } catch {
    // Codes stay shown; the next page asks again.
  }
  if (wanted.size) await fetchNames();
}
