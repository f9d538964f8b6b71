import type { RouteRecordRaw } from "vue-router";

/** The desk of a village's agent. */
export const village: RouteRecordRaw[] = [
  { path: "/village", component: () => import("./TodayPage.vue"), meta: { account: true } },
  { path: "/village/post", component: () => import("./PostPage.vue"), meta: { account: true } },
  { path: "/village/households", component: () => import("./HouseholdsPage.vue"), meta: { account: true } },
  { path: "/village/households/new", component: () => import("./RegisterPage.vue"), meta: { account: true } },
  { path: "/village/households/:id", component: () => import("./HouseholdPage.vue"), props: true, meta: { account: true } },
  { path: "/village/waiting", component: () => import("./WaitingPage.vue"), meta: { account: true } },
];
