/** Inside another site's frame (`/?embed=1`): its theme, and Escape to close. See embed.ts for the other half. */

// Anything else would let a site restyle more than its theme.
const THEME = { accent: "--accent", "accent-deep": "--accent-deep", "accent-tint": "--accent-tint", "on-accent": "--on-accent" } as const;
const COLOUR = /^#[0-9a-f]{3,8}$|^rgba?\([\d\s.,%/]+\)$/i;

export function tellSite(): void {
  if (window.parent === window) return;
  document.documentElement.classList.add("embedded");
  const style = document.documentElement.style;
  const query = new URLSearchParams(location.search);
  for (const [name, property] of Object.entries(THEME)) {
    const value = query.get(name) ?? "";
    if (COLOUR.test(value)) style.setProperty(property, value);
  }
  document.addEventListener("keydown", (event) => {
    // The message says nothing but that the key was pressed: any site may know.
    if (event.key === "Escape" && !event.defaultPrevented) window.parent.postMessage("nuanye:close", "*");
  });
}
