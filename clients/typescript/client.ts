/** Calls Duijie's HTTP API with types: signed in, in the reader's language, each POST done once, every error a problem. */
import createClient from "openapi-fetch";
import type { paths, CodeIn, Problem, SessionOut, SignInIn } from "./schema.d.ts";
import type { ProblemCode } from "./words.ts";
export type * from "./schema.d.ts";
export { categories, fieldCodes, oneUnit, problemStatus, units } from "./words.ts";
export type { Category, FieldCode, Label, ProblemCode, Unit } from "./words.ts";

/** Tokens, and the key of this client: with it, each tab may renew with any token of the session. */
export type Session = SessionOut & { client_key?: string };

export interface Options {
  baseUrl: string;
  language?: "zh-CN" | "en";
  /** Tokens kept from an earlier visit; `onSession` is told of each new pair, and of `undefined` when the session is over. */
  session?: Session | undefined;
  onSession?: (session: Session | undefined) => void;
  /** For pages of a browser: tokens are in cookies that no script reads, and nothing has to be kept. */
  cookie?: boolean;
}

/** What the API refused: `problem.code` is stable, `problem.title` is for people. */
export class Refused extends Error {
  readonly problem: Problem;
  /** The code, with the known ones offered by the editor; a later release may add others. */
  get code(): ProblemCode | (string & {}) {
    return this.problem.code;
  }
  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** A key that no other request has, also in a runtime without `crypto` (mini-programs): it is unique, not secret. */
export function newKey(): string {
  const present = globalThis.crypto as Partial<Crypto> | undefined;
  if (present?.randomUUID) return present.randomUUID();
  const digits = () => Math.floor(Math.random() * 0x100000000).toString(16).padStart(8, "0");
  return `${Date.now().toString(16).padStart(12, "0")}-${digits()}${digits()}${digits()}`;
}

/** An id for what may have to be sent again after days without a network, as `POST /v1/needs` takes it: a UUIDv7, ordered by time. */
export function newId(): string {
  const random = newKey().replaceAll("-", "").slice(-19);
  const time = Date.now().toString(16).padStart(12, "0");
  const variant = (8 + (Number.parseInt(random[3]!, 16) % 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7)}`;
}

/** The data of an answer; throws `Refused` for a problem. 304 gives `undefined`: what you have is still right. */
export async function must<T>(answer: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (response.ok || response.status === 304) return data as T;
  throw new Refused(typeof error === "object" ? error : { type: "about:blank", status: response.status, code: "unknown", title: response.statusText, instance: response.headers.get("X-Request-Id") ?? "" });
}

export function connect({ baseUrl, language = "zh-CN", session, onSession, cookie = false }: Options) {
  let renewal: Promise<boolean> | undefined;
  const credentials = cookie ? "include" : "same-origin";
  const open = createClient<paths>({ baseUrl, credentials, headers: { "Accept-Language": language } });
  const keep = (next: Session | undefined) => {
    session = next;
    onSession?.(next);
  };

  /** Renews the session; all who find the access token over wait for one and the same renewal. */
  async function renewed(): Promise<boolean> {
    const key = session?.client_key ? { client_key: session.client_key } : {};
    const { data, response } = await open.POST("/v1/sessions/refresh", { body: session ? { refresh_token: session.refresh_token, ...key } : {} });
    if (response.status === 401) keep(undefined);
    else if (data) keep({ ...data, ...key });
    return response.ok;
  }

  async function send(request: Request): Promise<Response> {
    request.headers.set("Accept-Language", language);
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", newKey());
    if (!session && !cookie) return fetch(request);
    const [again, used] = [request.clone(), session?.access_token];
    if (used) request.headers.set("Authorization", `Bearer ${used}`);
    const response = await fetch(request);
    if (response.status !== 401 || !(session || cookie)) return response;
    if (session?.access_token === used) renewal ??= renewed().finally(() => (renewal = undefined));
    if (!((await renewal) ?? true)) return response;
    if (session) again.headers.set("Authorization", `Bearer ${session.access_token}`);
    return fetch(again);
  }

  async function start(ask: (client: Pick<SignInIn, "cookie" | "client_key">) => Promise<{ data?: unknown; error?: Problem; response: Response }>): Promise<void> {
    const key = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const tokens = await must(ask(cookie ? { cookie } : { client_key: key }));
    if (!cookie) keep({ ...(tokens as SessionOut), client_key: key });
  }

  /** Reads one stream of events; `take` gets each with its place. */
  async function read(body: NonNullable<Response["body"]>, take: (event: string, data: unknown, place: string) => void): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let [text, event, data, place] = ["", "", "", ""];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (text + value).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const said = line.slice(line.indexOf(": ") + 2);
        if (line.startsWith("event:")) event = said;
        else if (line.startsWith("data:")) data = said;
        else if (line.startsWith("id:")) place = said;
        else if (line === "") {
          if (data) take(event, JSON.parse(data), place);
          [event, data] = ["", ""];
        }
      }
    }
  }

  /** Hears what changes (docs/streams.md) until `signal` aborts or the session is over. It comes back whenever a stream ends, and misses nothing. */
  async function hear(take: (event: string, data: unknown) => void, options: { needs?: string[]; regions?: string[]; signal?: AbortSignal } = {}): Promise<void> {
    const asked = new URLSearchParams();
    for (const [name, values] of Object.entries({ needs: options.needs, regions: options.regions })) if (values?.length) asked.set(name, values.join(","));
    for (let place = ""; !options.signal?.aborted; await new Promise((resume) => setTimeout(resume, 1000 + 4000 * Math.random()))) {
      try {
        const headers: HeadersInit = place ? { "Last-Event-ID": place } : {};
        const response = await send(new Request(`${baseUrl}/v1/notices/stream?${asked}`, { headers, credentials, signal: options.signal ?? null }));
        if (response.status === 401) return;
        if (!response.ok || !response.body) continue;
        await read(response.body, (event, data, at) => {
          place = at;
          take(event, data);
        });
      } catch {
        // The server is away, or the client has aborted.
      }
    }
  }

  return {
    ...createClient<paths>({ baseUrl, credentials, fetch: send }),
    hear,
    /** Ends the session on the server and forgets its tokens, also when the server cannot be reached. */
    async signOut(): Promise<void> {
      const body = session ? { refresh_token: session.refresh_token } : {};
      try {
        await must(open.POST("/v1/sessions/end", { body }));
      } finally {
        keep(undefined);
      }
    },
    signIn: (body: SignInIn) => start((client) => open.POST("/v1/sessions", { body: { ...body, ...client } })),
    /** Gives back the code of `POST /v1/registrations`: this makes the account and signs it in. */
    register: (code_id: string, body: CodeIn) =>
      start((client) => open.POST("/v1/registrations/{code_id}/proof", { params: { path: { code_id } }, body: { ...body, ...client } })),
    /** Gives back the code of `POST /v1/sessions/codes`, or of a `proof_needed`, and is signed in. */
    signInByCode: (code_id: string, body: CodeIn) =>
      start((client) => open.POST("/v1/sessions/codes/{code_id}/proof", { params: { path: { code_id } }, body: { ...body, ...client } })),
  };
}
