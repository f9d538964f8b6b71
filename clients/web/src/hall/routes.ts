import type { RouteRecordRaw } from "vue-router";

/** Pages that anybody may open. */
export const hall: RouteRecordRaw[] = [
  { path: "/", component: () => import("./HallPage.vue") },
  { path: "/needs/:id", component: () => import("./NeedPage.vue"), props: true },
];
