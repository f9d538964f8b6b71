/** What this browser remembers of its reader: the language, and large type. */
export const languages = ["zh-CN", "en"] as const;
export type Language = (typeof languages)[number];

const kept = (name: string): string | null => localStorage.getItem(`duijie.${name}`);
const keep = (name: string, value: string): void => localStorage.setItem(`duijie.${name}`, value);

export function chosenLanguage(): Language {
  const known = languages.find((one) => one === kept("language"));
  return known ?? (navigator.language.startsWith("en") ? "en" : "zh-CN");
}

export const keepLanguage = (language: Language): void => keep("language", language);
export const isLarge = (): boolean => kept("large") === "yes";
export const keepLarge = (large: boolean): void => keep("large", large ? "yes" : "no");
