import type { RouteRecordRaw } from "vue-router";

/** Pages of those who give: donors, organisations, merchants, volunteers. */
export const giver: RouteRecordRaw[] = [
  { path: "/give", component: () => import("./GivePage.vue"), meta: { account: true } },
  { path: "/give/new", component: () => import("./NewPledgePage.vue"), meta: { account: true } },
  { path: "/give/pledges/:id", component: () => import("./PledgePage.vue"), props: true, meta: { account: true } },
  { path: "/give/matches/:id", component: () => import("./MatchPage.vue"), props: true, meta: { account: true } },
  { path: "/give/record", component: () => import("./RecordPage.vue"), meta: { account: true } },
];
