import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

// The build is checked in, so it has to be the same everywhere: names by content, nothing of this machine in it.
export default defineConfig({
  plugins: [solid()],
  build: {
    outDir: "../crates/cli/assets/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": "http://127.0.0.1:7878", "/assets/report.css": "http://127.0.0.1:7878", "/assets/report.js": "http://127.0.0.1:7878" } },
});
