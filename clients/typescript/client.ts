/** Calls Duijie's HTTP API with types: signed in, in the reader's language, each POST done once, every error a problem. */
import createClient, { type Client } from "openapi-fetch";
import { fetchBy, plainClient, type PlainCall, type Transport } from "./transport.ts";
import type { paths, CodeIn, Problem, SessionOut, SignInIn } from "./schema.d.ts";
import type { ProblemCode } from "./words.ts";
export type * from "./schema.d.ts";
export { categories, fieldCodes, oneUnit, problemStatus, units } from "./words.ts";
export type { Category, FieldCode, Label, ProblemCode, Unit } from "./words.ts";
export { wxTransport, type PlainAnswer, type PlainRequest, type Transport } from "./transport.ts";

/** Tokens, and the key of this client: with it, each tab may renew with any token of the session. */
export type Session = SessionOut & { client_key?: string };

export type Language = "zh-CN" | "en";

export interface Options {
  baseUrl: string;
  /** `setLanguage` changes it; a call may have its own: `headers: { "Accept-Language": "en" }`. */
  language?: Language;
  /** Tokens kept from an earlier visit; `onSession` is told of each new pair, and of `undefined` when the session is over. */
  session?: Session | undefined;
  onSession?: (session: Session | undefined) => void;
  /** For pages of a browser: tokens are in cookies that no script reads, and nothing has to be kept. */
  cookie?: boolean;
  /** Where tabs keep one session together: what is kept there now. One tab renews, the others take its tokens. */
  reload?: () => Session | undefined;
  /** Sends requests where there is no `fetch`: `wxTransport(wx)` in WeChat's mini-programs. */
  transport?: Transport;
}

export interface Hearing {
  needs?: string[];
  regions?: string[];
  signal?: AbortSignal;
}

/** A client: the calls of `openapi-fetch` by method and address, and what concerns the session. */
export type Duijie = Client<paths> & {
  /** Hears what changes (docs/streams.md) until `signal` aborts or the session is over. It comes back whenever a stream ends, and misses nothing. */
  hear(take: (event: string, data: unknown) => void, options?: Hearing): Promise<void>;
  /** The language of later calls. */
  setLanguage(next: Language): void;
  /** Ends the session on the server and forgets its tokens, also when the server cannot be reached. */
  signOut(): Promise<void>;
  signIn(body: SignInIn): Promise<void>;
  /** Gives back the code of `POST /v1/registrations`: this makes the account and signs it in. */
  register(code_id: string, body: CodeIn): Promise<void>;
  /** Gives back the code of `POST /v1/sessions/codes`, or of a `proof_needed`, and is signed in. */
  signInByCode(code_id: string, body: CodeIn): Promise<void>;
};

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

/** A secret for `client_key`, or none where the runtime makes no secret numbers: the session is then renewed with its last token only. */
function newSecret(): { client_key?: string } {
  const present = globalThis.crypto as Partial<Crypto> | undefined;
  if (!present?.getRandomValues) return {};
  return { client_key: Array.from(present.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("") };
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

export function connect({ baseUrl, language = "zh-CN", session, onSession, cookie = false, reload, transport }: Options): Duijie {
  let renewal: Promise<boolean | undefined> | undefined;
  const credentials = cookie ? "include" : "same-origin";
  const away = transport ? (fetchBy(transport) as unknown as typeof fetch) : (request: Request) => fetch(request);
  const make = (send: (request: Request) => Promise<Response>) =>
    transport ? plainClient(baseUrl, send as unknown as (call: PlainCall) => Promise<Response>) : createClient<paths>({ baseUrl, credentials, fetch: send });
  const open = make((request) => away(inLanguage(request)));
  function inLanguage(request: Request): Request {
    if (!request.headers.has("Accept-Language")) request.headers.set("Accept-Language", language);
    return request;
  }
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

  /** Renews the session as the only tab that does. Returns `undefined` when another tab renewed cookies, with an outcome unknown here. */
  async function shared(used: string | undefined): Promise<boolean | undefined> {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    const name = `duijie ${baseUrl}`;
    if (!locks) return renewed();
    if (cookie) {
      const outcome = await locks.request(name, { ifAvailable: true }, (lock) => (lock ? renewed() : undefined));
      if (outcome === undefined) await locks.request(name, () => undefined);
      return outcome;
    }
    return locks.request(name, () => {
      const kept = reload?.();
      if (!kept || kept.access_token === used) return renewed();
      session = kept;
      return true;
    });
  }

  async function send(request: Request): Promise<Response> {
    inLanguage(request);
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", newKey());
    if (!session && !cookie) return away(request);
    const again = [request.clone(), request.clone()];
    let used = session?.access_token;
    if (used) request.headers.set("Authorization", `Bearer ${used}`);
    let response = await away(request);
    for (const next of again) {
      if (response.status !== 401 || !(session || cookie)) return response;
      let outcome: boolean | undefined = true;
      if (session?.access_token === used) outcome = await (renewal ??= shared(used).finally(() => (renewal = undefined)));
      if (outcome === false) return response;
      used = session?.access_token;
      if (used) next.headers.set("Authorization", `Bearer ${used}`);
      response = await away(next);
      if (outcome) return response;
    }
    return response;
  }

  async function start(ask: (client: Pick<SignInIn, "cookie" | "client_key">) => Promise<{ data?: unknown; error?: Problem; response: Response }>): Promise<void> {
    const key = cookie ? {} : newSecret();
    const tokens = await must(ask(cookie ? { cookie } : key));
    if (!cookie) keep({ ...(tokens as SessionOut), ...key });
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

  async function hear(take: (event: string, data: unknown) => void, options: Hearing = {}): Promise<void> {
    if (transport) throw new Error("A transport has no streams: read GET /v1/notices/unread-count from time to time.");
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
    ...make(send),
    hear,
    setLanguage(next: Language): void {
      language = next;
    },
    async signOut(): Promise<void> {
      const body = session ? { refresh_token: session.refresh_token } : {};
      try {
        await must(open.POST("/v1/sessions/end", { body }));
      } finally {
        keep(undefined);
      }
    },
    signIn: (body: SignInIn) => start((client) => open.POST("/v1/sessions", { body: { ...body, ...client } })),
    register: (code_id: string, body: CodeIn) =>
      start((client) => open.POST("/v1/registrations/{code_id}/proof", { params: { path: { code_id } }, body: { ...body, ...client } })),
    signInByCode: (code_id: string, body: CodeIn) =>
      start((client) => open.POST("/v1/sessions/codes/{code_id}/proof", { params: { path: { code_id } }, body: { ...body, ...client } })),
  };
}
