/** Amounts, money and times as people write them. */
import { oneUnit, units, type Label, type Unit } from "@duijie/client";
import { i18n } from "./language.ts";
import type { Language } from "./preferences.ts";

const spoken = (): Language => i18n.global.locale.value as Language;

/** Money comes in fen: 300000 is 3,000 元. */
export function money(fen: number): string {
  const yuan = (fen / 100).toLocaleString(spoken(), { minimumFractionDigits: fen % 100 ? 2 : 0 });
  return spoken() === "en" ? `¥${yuan}` : `${yuan} 元`;
}

export const number = (value: number): string => value.toLocaleString(spoken());
export const percent = (share: number): string => share.toLocaleString(spoken(), { style: "percent", maximumFractionDigits: 1 });

/** 300000 fen is 3,000 元, 2 bed covers are 2 床. A unit that is not known yet is shown as it is. */
export function amount(quantity: number, unit: string): string {
  if (unit === "fen") return money(quantity);
  const singular = quantity === 1 && spoken() === "en" ? (oneUnit as Record<string, string>)[unit] : undefined;
  const label = singular ?? units[unit as Unit]?.[spoken()] ?? unit;
  return `${number(quantity)} ${label}`;
}

export const day = (moment: string): string => new Date(moment).toLocaleDateString(spoken(), { year: "numeric", month: "long", day: "numeric" });
export const time = (moment: string): string => new Date(moment).toLocaleString(spoken(), { dateStyle: "medium", timeStyle: "short" });

/** 今日, 3 天前. */
export function ago(moment: string, now = Date.now()): string {
  const days = Math.floor((now - Date.parse(moment)) / 86_400_000);
  return new Intl.RelativeTimeFormat(spoken(), { numeric: "auto" }).format(-Math.max(days, 0), "day");
}

/** The words for a code, from a list of `@duijie/client/labels`; a code that the list does not have yet is shown as it is. */
export const labelOf = (labels: Readonly<Record<string, Label>>, code: string): string => labels[code]?.[spoken()] ?? code;
