/** Hears what changes while a page is open: new notices, and matches, needs or regions that a page asks for. */
import { onBeforeUnmount, onMounted, ref, watch } from "vue";
import { api, must } from "./api.ts";
import { session } from "./session.ts";

export const unread = ref(0);
type Take = (event: string, data: unknown) => void;
const listeners = new Set<Take>();
let ending: AbortController | undefined;

async function countUnread(): Promise<void> {
  try {
    unread.value = (await must(api.GET("/v1/notices/unread-count"))).unread;
  } catch {
    // The count comes with the next notice.
  }
}

/** One stream serves the whole page; `take` gets what it brings until the component goes. */
export function useLive(take: Take): void {
  onMounted(() => listeners.add(take));
  onBeforeUnmount(() => listeners.delete(take));
}

watch(
  () => session.me?.id,
  (id) => {
    ending?.abort();
    unread.value = 0;
    if (!id) return;
    ending = new AbortController();
    void countUnread();
    void api.hear(
      (event, data) => {
        if (event === "notice") void countUnread();
        for (const take of listeners) take(event, data);
      },
      { signal: ending.signal },
    );
  },
  { immediate: true },
);

type Figures = { quantity: number; accepted: number; proposed: number; delivered: number };

/** The figures of a shown need as they change, for a reader who is signed in; guests see them when they open the page. */
export function useNeedFigures(need: string, take: (figures: Figures) => void): void {
  let own: AbortController | undefined;
  onMounted(() => {
    if (!session.me) return;
    own = new AbortController();
    void api.hear(
      (event, data) => {
        if (event === "need") take(data as Figures);
      },
      { needs: [need], signal: own.signal },
    );
  });
  onBeforeUnmount(() => own?.abort());
}
