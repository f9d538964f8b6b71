import type { RouteRecordRaw } from "vue-router";

const meta = { account: true };

/** The desk of a county, a township or a wider region. */
export const county: RouteRecordRaw[] = [
  { path: "/county", component: () => import("./CountyPage.vue"), meta },
  { path: "/county/needs", component: () => import("./NeedsPage.vue"), meta },
  { path: "/county/needs/hidden", component: () => import("./HiddenPage.vue"), meta },
  { path: "/county/needs/all", component: () => import("./AllNeedsPage.vue"), meta },
  { path: "/county/needs/:id", component: () => import("./NeedPage.vue"), props: true, meta },
  { path: "/county/transfers", component: () => import("./TransfersPage.vue"), meta },
  { path: "/county/helpers", component: () => import("./HelpersPage.vue"), meta },
  { path: "/county/samples", component: () => import("./SamplesPage.vue"), meta },
  { path: "/county/reviewers", component: () => import("./ReviewersPage.vue"), meta },
  { path: "/county/disputes", component: () => import("./DisputesPage.vue"), meta },
  { path: "/county/appeals", component: () => import("./AppealsPage.vue"), meta },
  { path: "/county/self-reports", component: () => import("./SelfReportsPage.vue"), meta },
  { path: "/county/organisations", component: () => import("./OrganisationsPage.vue"), meta },
  { path: "/county/places", component: () => import("./PlacesPage.vue"), meta },
  { path: "/county/thanks", component: () => import("./ThanksPage.vue"), meta },
  { path: "/county/silent", component: () => import("./SilentPage.vue"), meta },
  { path: "/county/appointments", component: () => import("./AppointmentsPage.vue"), meta },
  { path: "/county/imports", component: () => import("./ImportsPage.vue"), meta },
  { path: "/county/figures", component: () => import("./FiguresPage.vue"), meta },
  { path: "/county/settings", component: () => import("./SettingsPage.vue"), meta },
];
