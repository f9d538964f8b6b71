/** All pages, room by room. A page that needs an account sends guests to the sign-in and brings them back. */
import { watch } from "vue";
import { createRouter, createWebHistory } from "vue-router";
import { account } from "./account/routes.ts";
import { county } from "./county/routes.ts";
import { giver } from "./giver/routes.ts";
import { hall } from "./hall/routes.ts";
import { session } from "./shared/session.ts";
import { village } from "./village/routes.ts";

declare module "vue-router" {
  interface RouteMeta {
    /** The page is for people with an account. */
    account?: boolean;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [...hall, ...giver, ...village, ...county, ...account, { path: "/:rest(.*)*", component: () => import("./shared/NotFoundPage.vue") }],
  scrollBehavior: (_to, _from, kept) => kept ?? { top: 0 },
});

router.beforeEach((to) => (to.meta.account && !session.me ? { path: "/account/sign-in", query: { next: to.fullPath } } : true));
watch(
  () => session.me,
  (now) => {
    const here = router.currentRoute.value;
    if (!now && here.meta.account) void router.replace({ path: "/account/sign-in", query: { next: here.fullPath } });
  },
);
router.afterEach((to, from) => {
  // Whoever uses a screen reader or the keyboard goes on at the new page's heading.
  if (from.matched.length && to.path !== from.path) setTimeout(() => document.querySelector<HTMLElement>("h1")?.focus(), 100);
});
