import type { RouteRecordRaw } from "vue-router";

/** Signing in, registering, notices, and what somebody sets for themselves. */
export const account: RouteRecordRaw[] = [
  { path: "/account", component: () => import("./AccountPage.vue"), meta: { account: true } },
  { path: "/account/sign-in", component: () => import("./SignInPage.vue") },
  { path: "/account/register", component: () => import("./RegisterPage.vue") },
  { path: "/account/notices", component: () => import("./NoticesPage.vue"), meta: { account: true } },
];
