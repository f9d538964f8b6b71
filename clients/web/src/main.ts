/** Starts the pages, and changes to a new release of them between two pages, never under a form that somebody fills in. */
import { createApp } from "vue";
import { registerSW } from "virtual:pwa-register";
import App from "./App.vue";
import { router } from "./router.ts";
import { i18n } from "./shared/language.ts";
import { restoreSession } from "./shared/session.ts";
import "./shared/theme.css";

const RELOADED = "duijie.reloaded";
let isStale = false;
const update = registerSW({ immediate: true, onNeedRefresh: () => (isStale = true) });
router.afterEach((to, from) => {
  sessionStorage.removeItem(RELOADED);
  if (isStale && to.path !== from.path) void update(true);
});
// A file of the release before may be gone from the server: one reload brings those of now.
addEventListener("vite:preloadError", () => {
  if (!navigator.onLine || sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
});

restoreSession();
createApp(App).use(i18n).use(router).mount("#app");
