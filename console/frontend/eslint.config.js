import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(js.configs.recommended, ...tseslint.configs.strictTypeChecked, {
  languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
  rules: {
    // Numbers in a template are how times and widths are written.
    "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
  },
});
