/** The reader's language. Each room has its own words, in both languages with the same names. */
import { Locale } from "vant";
import en from "vant/es/locale/lang/en-US";
import zh from "vant/es/locale/lang/zh-CN";
import { createI18n, useI18n } from "vue-i18n";
import { speak } from "./api.ts";
import { chosenLanguage, keepLanguage, type Language } from "./preferences.ts";
import { shared } from "./words.ts";

export const i18n = createI18n({
  legacy: false,
  locale: chosenLanguage(),
  fallbackLocale: "zh-CN",
  messages: shared,
  missingWarn: false,
  fallbackWarn: false,
});

export function chooseLanguage(language: Language): void {
  keepLanguage(language);
  speak(language);
  show(language);
}

function show(language: Language): void {
  i18n.global.locale.value = language;
  document.documentElement.lang = language;
  Locale.use(language, language === "en" ? en : zh);
}

/** The words of a room, and below them those that every room has. */
export function useWords<const Room extends Record<Language, Record<string, string>>>(room: Room) {
  const { t, locale } = useI18n<{ message: Record<string, string> }, Language>({ useScope: "local", messages: room as never, inheritLocale: true });
  type Name = keyof Room["zh-CN"] | keyof (typeof shared)["zh-CN"];
  const say = (name: Name & string, values: Record<string, unknown> = {}): string => t(name, values);
  return { say, language: locale as { readonly value: Language } };
}

show(chosenLanguage());
