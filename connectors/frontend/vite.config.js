import { defineConfig } from "vite";

// Old Android WebViews (Chrome 64) and iOS 12 still open links from messaging apps.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: ["es2017", "chrome64", "safari12"],
    cssTarget: ["chrome64", "safari12"],
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
});
