import type { RouteRecordRaw } from "vue-router";

/** Pages of those who give: donors, organisations, merchants, volunteers. */
export const giver: RouteRecordRaw[] = [{ path: "/give", component: () => import("./GivePage.vue"), meta: { account: true } }];
