import type { RouteRecordRaw } from "vue-router";

/** The desk of a county, a township or a wider region. */
export const county: RouteRecordRaw[] = [{ path: "/county", component: () => import("./CountyPage.vue"), meta: { account: true } }];
