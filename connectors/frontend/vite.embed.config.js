import { defineConfig } from "vite";

import page from "./vite.config.js";

// The script that other sites load: one file with a fixed name, beside the page's.
export default defineConfig({
  build: {
    outDir: page.build.outDir,
    emptyOutDir: false,
    copyPublicDir: false,
    target: page.build.target,
    cssTarget: page.build.cssTarget,
    lib: { entry: "src/embed.ts", formats: ["iife"], name: "nuanyeEmbed", fileName: () => "embed.js" },
  },
});
