import js from "@eslint/js";

const known = (...names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

export default [
  { ignores: ["node_modules", "dist"] },
  js.configs.recommended,
  {
    files: ["src/**/*.js"],
    languageOptions: {
      ecmaVersion: 2017,
      sourceType: "commonjs",
      globals: known("wx", "App", "Page", "getApp", "setTimeout", "clearTimeout"),
    },
    rules: {
      "no-console": "error",
      eqeqeq: "error",
      "prefer-const": "error",
      // ES2017 has no catch without a name.
      "no-unused-vars": ["error", { caughtErrors: "none" }],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 60, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    files: ["test/**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: 2022, globals: known("process", "require", "fetch", "URL", "console", "setTimeout", "setImmediate") },
  },
];
