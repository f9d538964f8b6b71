/** Who is signed in on this browser. */
import { computed, reactive, ref } from "vue";
import { api, must, Refused, type CodeIn, type MeOut, type SignInIn } from "./api.ts";

const SIGNED_IN = "duijie.signed-in";
const VILLAGE_DIGITS = 12;

export const session = reactive<{ me: MeOut | undefined }>({ me: undefined });

/** Manages a village itself: the village's agent. */
export const managesVillage = computed(() => session.me?.regions.some((region) => region.length === VILLAGE_DIGITS) ?? false);
/** Manages a township or more. */
export const managesAbove = computed(() => session.me?.regions.some((region) => region.length < VILLAGE_DIGITS) ?? false);
/** Has to give a code of the second factor before acting. */
export const lacksSecondFactor = computed(() => session.me?.second_factor === "needed");

/** How many forms wait in this phone to be sent; they are lost with the sign-out. */
export const unsent = ref(0);

const leaving: (() => Promise<void> | void)[] = [];

/** `act` runs before somebody signs out, or is found to be signed out: what a room keeps on this phone goes with them. */
export function whenLeaving(act: () => Promise<void> | void): void {
  leaving.push(act);
}

/** Opens pages as the last reader left them, also without a network, and asks the API beside it. A guest's browser asks nothing. */
export function restoreSession(): void {
  const kept = localStorage.getItem(SIGNED_IN);
  if (!kept) return;
  session.me = JSON.parse(kept) as MeOut;
  refreshMe().catch((failure: unknown) => {
    if (failure instanceof Refused && failure.problem.status === 401) return forget();
  });
}

export async function refreshMe(): Promise<void> {
  session.me = await must(api.GET("/v1/me"));
  localStorage.setItem(SIGNED_IN, JSON.stringify({ ...session.me, name: "", phone: "", email: null }));
}

export async function signIn(body: Pick<SignInIn, "phone" | "password">): Promise<void> {
  await api.signIn(body);
  await refreshMe();
}

export async function signInByCode(codeId: string, body: CodeIn): Promise<void> {
  await api.signInByCode(codeId, body);
  await refreshMe();
}

export async function register(codeId: string, body: CodeIn): Promise<void> {
  await api.register(codeId, body);
  await refreshMe();
}

export async function signOut(): Promise<void> {
  try {
    await api.signOut();
  } finally {
    await forget();
  }
}

async function forget(): Promise<void> {
  session.me = undefined;
  localStorage.removeItem(SIGNED_IN);
  for (const act of leaving) await act();
}
