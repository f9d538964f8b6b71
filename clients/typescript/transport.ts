/** Requests and answers for runtimes without `fetch`, `Request` and `Headers`, such as WeChat's mini-programs. */
import type { Client } from "openapi-fetch";
import type { paths } from "./schema.d.ts";

/** One request in plain words. `binary` asks for the bytes of the answer instead of its text. */
export interface PlainRequest {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
  binary: boolean;
}

export interface PlainAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | ArrayBuffer;
}

/** Sends one request; rejects when the network is away. */
export type Transport = (request: PlainRequest) => Promise<PlainAnswer>;

interface WxOptions {
  url: string;
  method: string;
  header: Record<string, string>;
  data: unknown;
  dataType: string;
  responseType: string;
  success: (answer: { statusCode: number; header: Record<string, string>; data: string | ArrayBuffer }) => void;
  fail: (reason: { errMsg: string }) => void;
}

/** The transport of WeChat's mini-programs: `connect({ baseUrl, transport: wxTransport(wx) })`. It sends a PATCH as `POST …/change`. */
export function wxTransport(wx: { request: (options: never) => unknown }): Transport {
  const send = wx.request as (options: WxOptions) => unknown;
  return ({ url, method, headers, body, binary }) =>
    new Promise((resolve, reject) => {
      const [path, asked] = url.split("?", 2) as [string, string?];
      send({
        url: method === "PATCH" ? `${path}/change${asked ? `?${asked}` : ""}` : url,
        method: method === "PATCH" ? "POST" : method,
        header: headers,
        data: body,
        dataType: "text",
        responseType: binary ? "arraybuffer" : "text",
        success: ({ statusCode, header, data }) => resolve({ status: statusCode, headers: header, body: data }),
        fail: ({ errMsg }) => reject(new TypeError(errMsg)),
      });
    });
}

/** Headers whose names may be written in capitals or not. */
class PlainHeaders {
  readonly all: Record<string, string> = {};
  constructor(given: Record<string, unknown> = {}) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined && value !== null) this.set(name, String(value));
  }
  get = (name: string): string | null => this.all[name.toLowerCase()] ?? null;
  has = (name: string): boolean => name.toLowerCase() in this.all;
  set = (name: string, value: string): void => void (this.all[name.toLowerCase()] = value);
}

/** As much of a `Request` as the client uses. */
export class PlainCall {
  readonly url: string;
  readonly method: string;
  readonly body: unknown;
  readonly binary: boolean;
  readonly headers: PlainHeaders;
  constructor(url: string, method: string, headers: Record<string, unknown>, body: unknown, binary: boolean) {
    [this.url, this.method, this.body, this.binary, this.headers] = [url, method, body, binary, new PlainHeaders(headers)];
  }
  clone = (): PlainCall => new PlainCall(this.url, this.method, this.headers.all, this.body, this.binary);
}

/** A function in the place of `fetch`, for `PlainCall`s; the answer has what the client and `must` use of a `Response`. */
export function fetchBy(transport: Transport): (call: PlainCall) => Promise<Response> {
  return async ({ url, method, headers, body, binary }) => {
    const answer = await transport({ url, method, headers: headers.all, body, binary });
    const text = () => (typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    const plain = { status: answer.status, ok: answer.status >= 200 && answer.status < 300, statusText: "", headers: new PlainHeaders(answer.headers), url };
    return { ...plain, text: async () => text(), json: async () => JSON.parse(text()), arrayBuffer: async () => answer.body } as unknown as Response;
  };
}

interface Init {
  params?: { path?: Record<string, unknown>; query?: Record<string, unknown>; header?: Record<string, unknown> };
  headers?: Record<string, unknown>;
  body?: unknown;
  bodySerializer?: (body: unknown) => unknown;
  parseAs?: string;
}

/** The calls of `openapi-fetch`, with the same types, over a transport. */
export function plainClient(baseUrl: string, send: (call: PlainCall) => Promise<Response>): Client<paths> {
  async function request(method: string, path: string, init: Init = {}) {
    const { params = {}, headers, body, bodySerializer = JSON.stringify, parseAs = "json" } = init;
    const filled = path.replace(/\{([^{}]+)\}/g, (_, name: string) => encodeURIComponent(String(params.path?.[name] ?? "")));
    const query = Object.entries(params.query ?? {}).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, one] as const));
    const asked = query.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const typed = body === undefined ? {} : { "Content-Type": "application/json" };
    const url = `${baseUrl.replace(/\/$/, "")}${filled}${asked.length ? `?${asked.join("&")}` : ""}`;
    const call = new PlainCall(url, method, { ...typed, ...params.header, ...headers }, body === undefined ? undefined : bodySerializer(body), parseAs !== "json" && parseAs !== "text");
    const response = await send(call);
    if (call.binary && response.ok) return { data: await response.arrayBuffer(), response };
    const text = response.status === 204 || response.status === 304 ? "" : await response.text();
    return response.ok ? { data: parseAs === "text" ? text : parsed(text), response } : { error: parsed(text), response };
  }
  const methods = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
  const calls = Object.fromEntries(methods.map((method) => [method, (path: string, init?: Init) => request(method, path, init)]));
  return { ...calls, request: (method: string, path: string, init?: Init) => request(method.toUpperCase(), path, init) } as unknown as Client<paths>;
}

function parsed(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return text;
  }
}
