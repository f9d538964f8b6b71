/** Forms that wait for a network: each goes out once, in the order in which they were filled in. */
import { ref, shallowRef, watch } from "vue";
import { api, must, newKey, problemOf, Refused, type NeedIn, type Problem, type VisitIn } from "../shared/api.ts";
import { upload } from "../shared/files.ts";
import { session, unsent } from "../shared/session.ts";
import { daysLeft, drop, keep, recallAll } from "./vault.ts";

const FORM = "form ";

/** A photo as text: what is encrypted is JSON. */
interface Photo {
  base64: string;
  key: string;
  isConsent: boolean;
}
export interface NeedForm {
  kind: "need";
  /** Its `id` is made here, so that a need whose answer was lost is not posted twice. */
  body: NeedIn & { id: string };
  household: string;
  photos: Photo[];
}
export interface VisitForm {
  kind: "visit";
  body: VisitIn & { id: string };
  household: string;
}
export type Form = (NeedForm | VisitForm) & { problem?: Problem };
export interface Waiting {
  name: string;
  keptAt: number;
  daysLeft: number;
  form: Form;
}

export const forms = shallowRef<Waiting[]>([]);
watch(forms, (now) => (unsent.value = now.length));
export const isSending = ref(false);
/** What went out since the page was opened. */
export const sent = ref(0);

export async function reloadForms(): Promise<void> {
  if (!session.me) {
    forms.value = [];
    return;
  }
  const kept = await recallAll<Form>(FORM);
  forms.value = kept.map((one) => ({ name: one.name, keptAt: one.keptAt, daysLeft: daysLeft(one.keptAt), form: one.content }));
}

export async function photoOf(file: Blob, isConsent: boolean): Promise<Photo> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { base64: btoa(text), key: newKey(), isConsent };
}

function fileOf(photo: Photo): Blob {
  return new Blob([Uint8Array.from(atob(photo.base64), (letter) => letter.charCodeAt(0))], { type: "image/jpeg" });
}

/** Keeps a form, then tries to send it. It is in the phone before anything leaves: a page that dies loses nothing. */
export async function submit(form: NeedForm | VisitForm): Promise<void> {
  await keep(FORM + form.body.id, form);
  await reloadForms();
  await sendAll();
}

export async function throwAway(name: string): Promise<void> {
  await drop(name);
  await reloadForms();
}

/** Sends what waits. One tab sends at a time; what the API refuses stays with its reason, a network that is away stops it. */
export async function sendAll(): Promise<void> {
  await navigator.locks.request("duijie-village-sending", async () => {
    isSending.value = true;
    try {
      for (const one of await recallAll<Form>(FORM)) {
        try {
          await send(one.name, one.content, one.keptAt);
          await drop(one.name);
          sent.value += 1;
        } catch (failure) {
          const problem = problemOf(failure);
          if (!(failure instanceof Refused) || problem.code === "in_progress" || problem.status === 401 || problem.status === 429 || problem.status >= 500) break;
          await keep(one.name, { ...one.content, problem }, one.keptAt);
        }
      }
    } finally {
      isSending.value = false;
      await reloadForms();
    }
  });
}

async function send(name: string, form: Form, keptAt: number): Promise<void> {
  const { problem: _, ...plain } = form;
  if (plain.kind === "visit") {
    await must(api.POST("/v1/household-visits", { body: plain.body }));
    return;
  }
  await must(api.POST("/v1/needs", { body: plain.body }));
  for (let photos = plain.photos; photos[0]; photos = photos.slice(1)) {
    const path = `/v1/needs/${plain.body.id}/${photos[0].isConsent ? "consent-photos" : "photos"}`;
    await upload(path, fileOf(photos[0]), undefined, photos[0].key);
    await keep(name, { ...plain, photos: photos.slice(1) }, keptAt);
  }
}

addEventListener("online", () => void (session.me && sendAll()));
watch(() => session.me?.id, () => void (session.me ? sendAll() : reloadForms()), { immediate: true });
