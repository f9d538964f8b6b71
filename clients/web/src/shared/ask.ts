/** Asking the API from a page: what is loading, what came, what was refused. */
import { onMounted, ref, shallowRef, watch, type Ref, type WatchSource } from "vue";
import { newKey, problemOf, type Problem } from "./api.ts";

/** Loads at once, and again when one of `sources` changes. An answer that a later question overtook is dropped. */
export function useAsk<T>(load: () => Promise<T>, sources: WatchSource[] = []) {
  const data = shallowRef<T>();
  const problem = shallowRef<Problem>();
  const isLoading = ref(true);
  let latest = 0;
  async function reload(): Promise<void> {
    const mine = ++latest;
    isLoading.value = true;
    try {
      const answer = await load();
      if (mine !== latest) return;
      data.value = answer;
      problem.value = undefined;
    } catch (failure) {
      if (mine === latest) problem.value = problemOf(failure);
    } finally {
      if (mine === latest) isLoading.value = false;
    }
  }
  onMounted(reload);
  if (sources.length) watch(sources, reload);
  return { data, problem, isLoading, reload };
}

/** Pages of a list, one after the other. */
export function usePages<T>(load: (cursor: string | undefined) => Promise<{ items: T[]; next: string | null }>, sources: WatchSource[] = []) {
  const items: Ref<T[]> = shallowRef([]);
  const next = ref<string | null>(null);
  const first = useAsk(async () => {
    const page = await load(undefined);
    items.value = page.items;
    next.value = page.next;
  }, sources);
  const isAdding = ref(false);
  async function more(): Promise<void> {
    if (!next.value || isAdding.value) return;
    isAdding.value = true;
    try {
      const page = await load(next.value);
      items.value = [...items.value, ...page.items];
      next.value = page.next;
    } catch (failure) {
      first.problem.value = problemOf(failure);
    } finally {
      isAdding.value = false;
    }
  }
  return { items, next, isAdding, more, problem: first.problem, isLoading: first.isLoading, reload: first.reload };
}

/** One act of a form. Its key stays the same until the act is done, so an answer that was lost is asked for again, not done again. */
export function useAct() {
  const problem = shallowRef<Problem>();
  const isRunning = ref(false);
  let key = newKey();
  /** Runs `send` with the key; gives `undefined` when it was refused, and says why in `problem`. */
  async function run<T>(send: (headers: { "Idempotency-Key": string }) => Promise<T>): Promise<T | undefined> {
    if (isRunning.value) return undefined;
    isRunning.value = true;
    problem.value = undefined;
    try {
      const answer = await send({ "Idempotency-Key": key });
      key = newKey();
      return answer;
    } catch (failure) {
      problem.value = problemOf(failure);
      // A refusal changed nothing: what is corrected and sent again is another request.
      if (problem.value.status >= 400 && problem.value.status < 500) key = newKey();
      return undefined;
    } finally {
      isRunning.value = false;
    }
  }
  return { problem, isRunning, run };
}
