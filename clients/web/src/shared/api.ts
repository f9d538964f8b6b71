/** The API of this origin. Tokens are in cookies that no script reads. */
import { connect, must, newId, newKey, Refused, type Problem } from "@duijie/client";
import { chosenLanguage, type Language } from "./preferences.ts";

export { must, newId, newKey, Refused };
export type * from "@duijie/client/schema";

const open = (language: Language) => connect({ baseUrl: location.origin, language, cookie: true });

export let api = open(chosenLanguage());

/** Later requests are answered in this language. */
export function speak(language: Language): void {
  api = open(language);
}

const OFFLINE = {
  "zh-CN": "网络不通，请检查网络后重试",
  en: "There is no connection. Check the network and try again.",
};

/** What to tell the reader of a failure: the API's own words, or that the network is away. */
export function problemOf(failure: unknown): Problem {
  if (failure instanceof Refused) return failure.problem;
  if (failure instanceof TypeError) return { type: "about:blank", status: 0, code: "offline", title: OFFLINE[chosenLanguage()], instance: "" };
  throw failure;
}
