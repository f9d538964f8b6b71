import type { RouteRecordRaw } from "vue-router";

/** The desk of a village's agent. */
export const village: RouteRecordRaw[] = [{ path: "/village", component: () => import("./TodayPage.vue"), meta: { account: true } }];
