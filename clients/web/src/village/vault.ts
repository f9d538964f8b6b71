/** What the village keeps in this phone: encrypted, for seven days at most, and gone with the sign-out. */
import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import { session, whenLeaving } from "../shared/session.ts";

const DAYS = 7;
const DAY = 86_400_000;

interface Sealed {
  name: string;
  account: string;
  keptAt: number;
  iv: Uint8Array<ArrayBuffer>;
  content: ArrayBuffer;
}
interface Vault extends DBSchema {
  keys: { key: string; value: { account: string; key: CryptoKey; madeAt: number } };
  sealed: { key: string; value: Sealed };
}

let opened: Promise<IDBPDatabase<Vault>> | undefined;

function open(): Promise<IDBPDatabase<Vault>> {
  opened ??= openDB<Vault>("duijie-village", 1, {
    upgrade(database) {
      database.createObjectStore("keys", { keyPath: "account" });
      database.createObjectStore("sealed", { keyPath: "name" });
    },
  });
  return opened;
}

const account = (): string => {
  if (!session.me) throw new Error("nobody is signed in");
  return session.me.id;
};

/** The key of whoever is signed in. It cannot be read out of the browser. */
async function keyOf(owner: string): Promise<CryptoKey> {
  const vault = await open();
  const kept = await vault.get("keys", owner);
  if (kept) return kept.key;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  // Two tabs at once make one key: the first that stands counts.
  const write = vault.transaction("keys", "readwrite");
  const first = await write.store.get(owner);
  if (!first) await write.store.put({ account: owner, key: made, madeAt: Date.now() });
  await write.done;
  return first?.key ?? made;
}

const bound = (owner: string, name: string) => new TextEncoder().encode(`${owner} ${name}`);

/** Keeps `content`, anything that JSON can say, under `name`. `keptAt` is when it was first written down. */
export async function keep(name: string, content: unknown, keptAt = Date.now()): Promise<void> {
  const owner = account();
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = new TextEncoder().encode(JSON.stringify(content));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound(owner, name) }, await keyOf(owner), plain);
  await (await open()).put("sealed", { name, account: owner, keptAt, iv, content: sealed });
}

async function unseal<T>(one: Sealed): Promise<T> {
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: one.iv, additionalData: bound(one.account, one.name) }, await keyOf(one.account), one.content);
  return JSON.parse(new TextDecoder().decode(plain)) as T;
}

/** What was kept under `name` by whoever is signed in. */
export async function recall<T>(name: string): Promise<T | undefined> {
  await dropOld();
  const one = await (await open()).get("sealed", name);
  return one && one.account === account() ? unseal<T>(one) : undefined;
}

/** All that was kept under names with this beginning, the oldest first. */
export async function recallAll<T>(start: string): Promise<{ name: string; keptAt: number; content: T }[]> {
  await dropOld();
  const mine = (await (await open()).getAll("sealed")).filter((one) => one.name.startsWith(start) && one.account === account());
  mine.sort((one, other) => one.keptAt - other.keptAt);
  return Promise.all(mine.map(async (one) => ({ name: one.name, keptAt: one.keptAt, content: await unseal<T>(one) })));
}

export const drop = async (name: string): Promise<void> => (await open()).delete("sealed", name);

/** Whole days until something that was kept at this time is thrown away. */
export const daysLeft = (keptAt: number): number => Math.max(0, Math.ceil((keptAt + DAYS * DAY - Date.now()) / DAY));

async function dropOld(): Promise<void> {
  const vault = await open();
  for (const one of await vault.getAll("sealed")) if (one.keptAt < Date.now() - DAYS * DAY) await vault.delete("sealed", one.name);
}

/** Without the key, what may be left on the disk cannot be read any more. */
async function empty(): Promise<void> {
  const vault = await open();
  await vault.clear("keys");
  await vault.clear("sealed");
}

whenLeaving(empty);
