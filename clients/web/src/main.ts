/** Starts the pages. */
import { createApp } from "vue";
import { registerSW } from "virtual:pwa-register";
import App from "./App.vue";
import { router } from "./router.ts";
import { i18n } from "./shared/language.ts";
import { restoreSession } from "./shared/session.ts";
import "./shared/theme.css";

registerSW({ immediate: true });
restoreSession();
createApp(App).use(i18n).use(router).mount("#app");
