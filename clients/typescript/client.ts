/** Calls Duijie's HTTP API with types: signed in, in the reader's language, each POST done once, every error a problem. */
import createClient from "openapi-fetch";
import type { paths, Problem, SessionOut, SignInIn } from "./schema.d.ts";
export type * from "./schema.d.ts";

export interface Options {
  baseUrl: string;
  language?: "zh-CN" | "en";
  /** Tokens kept from an earlier visit; `onSession` is told of each new pair, and of `undefined` when the session is over. */
  session?: SessionOut | undefined;
  onSession?: (session: SessionOut | undefined) => void;
}

/** What the API refused: `problem.code` is stable, `problem.title` is for people. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** The data of an answer; throws `Refused` for a problem. */
export async function must<T>(answer: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok) return data as T;
  throw new Refused(typeof error === "object" ? error : { type: "about:blank", status: response.status, code: "unknown", title: response.statusText, instance: response.headers.get("X-Request-Id") ?? "" });
}

export function connect({ baseUrl, language = "zh-CN", session, onSession }: Options) {
  let renewal: Promise<boolean> | undefined;
  const open = createClient<paths>({ baseUrl, headers: { "Accept-Language": language } });
  const keep = (next: SessionOut | undefined) => {
    session = next;
    onSession?.(next);
  };

  /** A refresh token is good once: all who find the access token over wait for one and the same renewal. */
  async function renewed(refresh_token: string): Promise<boolean> {
    const { data, response } = await open.POST("/v1/sessions/refresh", { body: { refresh_token } });
    if (data || response.status === 401) keep(data);
    return data !== undefined;
  }

  async function send(request: Request): Promise<Response> {
    request.headers.set("Accept-Language", language);
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", crypto.randomUUID());
    if (!session) return fetch(request);
    const [again, used] = [request.clone(), session.access_token];
    request.headers.set("Authorization", `Bearer ${used}`);
    const response = await fetch(request);
    if (response.status !== 401 || !session) return response;
    if (session.access_token === used) renewal ??= renewed(session.refresh_token).finally(() => (renewal = undefined));
    if (!((await renewal) ?? true)) return response;
    again.headers.set("Authorization", `Bearer ${session.access_token}`);
    return fetch(again);
  }

  return { ...createClient<paths>({ baseUrl, fetch: send }), signIn: async (body: SignInIn) => keep(await must(open.POST("/v1/sessions", { body }))) };
}
