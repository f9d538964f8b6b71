import type { RouteRecordRaw } from "vue-router";

/** Pages that anybody may open. */
export const hall: RouteRecordRaw[] = [
  { path: "/", component: () => import("./HallPage.vue") },
  { path: "/needs/:id", component: () => import("./NeedPage.vue"), props: true },
  { path: "/regions/:code(\\d+)?", component: () => import("./RegionsPage.vue"), props: true },
  { path: "/how", component: () => import("./HowPage.vue") },
];
