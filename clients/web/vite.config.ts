/** The build of the pages. While developing, requests to the API go to a running house (`DUIJIE=http://127.0.0.1:8000 npm run dev`). */
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

declare const process: { env: Record<string, string | undefined> };
const house = process.env["DUIJIE"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  resolve: { preserveSymlinks: true },
  define: { __SANDBOX__: JSON.stringify(process.env["DUIJIE_SANDBOX"] === "1"), __INTLIFY_PROD_DEVTOOLS__: "false", __VUE_I18N_LEGACY_API__: "false", __VUE_OPTIONS_API__: "false" },
  plugins: [
    vue(),
    VitePWA({
      registerType: "prompt",
      injectRegister: false,
      includeAssets: ["icon.svg"],
      manifest: {
        name: "对接 Duijie",
        short_name: "对接",
        description: "把困难家庭的需求与爱心意向对接起来",
        lang: "zh-CN",
        theme_color: "#a63412",
        background_color: "#faf8f4",
        display: "standalone",
        icons: [{ src: "/icon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" }],
      },
      workbox: {
        globPatterns: ["**/*.{js,css,html,svg}"],
        // Pictures of figures are large and needed online only.
        globIgnores: ["**/charts-*.js"],
        navigateFallback: "/index.html",
        navigateFallbackDenylist: [/^\/(v1|docs|sandbox|openapi|livez|readyz)(\/|\.|$)/],
      },
    }),
  ],
  server: { proxy: Object.fromEntries(["/v1", "/docs", "/openapi", "/sandbox"].map((path) => [path, { target: house, changeOrigin: true }])) },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "charts", test: /node_modules\/(echarts|zrender)/ }] } } },
  },
});
