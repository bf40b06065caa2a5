/**
 * `/embed.js`: one script tag on another site shows a button that opens the chat over the page.
 *
 * The button and the window live in a shadow root, the chat in a frame of our own origin: the site's styles do not
 * reach it, nor does what residents write reach the site. Colours come from the site's CSS variables
 * `--nuanye-accent`, `--nuanye-accent-deep`, `--nuanye-accent-tint`, `--nuanye-on-accent`; the place from
 * `--nuanye-right`, `--nuanye-bottom`, `--nuanye-layer`. A site that is not on the server's list gets no button.
 */
import styles from "./embed.css?inline";
import { button, el, icon } from "./dom";

interface Words {
  readonly title: string;
  readonly open: string;
  readonly close: string;
}

const COLOURS = ["accent", "accent-deep", "accent-tint", "on-accent"] as const;

const script = document.currentScript as HTMLScriptElement | null;
const base = new URL(script?.src ?? location.href).origin;

class Widget {
  private readonly panel: HTMLElement;
  private readonly launcher: HTMLButtonElement;
  private frame: HTMLIFrameElement | null = null;

  constructor(
    private readonly words: Words,
    root: ShadowRoot,
  ) {
    this.launcher = button("launcher", "", () => {
      this.toggle(this.panel.hidden);
    }, { "aria-expanded": "false", "aria-haspopup": "dialog" });
    this.launcher.appendChild(icon("M4 15a8 8 0 0 1 16 0", "M3 19h18", "M12 3v2M5 6l1.4 1.4M19 6l-1.4 1.4"));
    this.launcher.appendChild(el("span", {}, words.open));
    const close = button("close", "", () => {
      this.toggle(false);
    });
    close.appendChild(icon("M6 9l6 6 6-6"));
    close.appendChild(el("span", {}, words.close));
    this.panel = el("div", { class: "panel", role: "dialog", "aria-label": words.title }, close);
    this.panel.hidden = true;
    dress(root);
    for (const node of [this.panel, this.launcher]) root.appendChild(node);
    root.addEventListener("keydown", (event) => {
      if (event instanceof KeyboardEvent && event.key === "Escape") this.toggle(false);
    });
    window.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (event.origin === base && event.data === "nuanye:close") this.toggle(false);
    });
  }

  private toggle(open: boolean): void {
    if (this.panel.hidden === !open) return;
    if (open && this.frame === null) {
      this.frame = el("iframe", { src: address(), title: this.words.title, allow: "microphone; autoplay" });
      this.panel.appendChild(this.frame);
    }
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    if (open) this.frame?.focus();
    else this.launcher.focus();
  }
}

/** A constructed sheet passes a site's Content-Security-Policy; older browsers have only the element. */
function dress(root: ShadowRoot): void {
  if ("adoptedStyleSheets" in root && "replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];
  } else {
    root.appendChild(el("style", {}, styles));
  }
}

function address(): string {
  const style = getComputedStyle(document.documentElement);
  const query = new URLSearchParams({ embed: "1" });
  for (const name of COLOURS) {
    const value = style.getPropertyValue(`--nuanye-${name}`).trim();
    if (value !== "") query.set(name, value);
  }
  return `${base}/?${query.toString()}`;
}

async function begin(): Promise<void> {
  const answer = await fetch(`${base}/api/web/embed`, { credentials: "omit" });
  const words = (await answer.json()) as Words;
  const host = el("div", { id: "nuanye-chat" });
  // A site's own rules for its elements would win over :host.
  host.style.setProperty("all", "initial", "important");
  document.body.appendChild(host);
  new Widget(words, host.attachShadow({ mode: "open" }));
}

// A refused site reads in its console what to set; its visitors see nothing.
function explain(): void {
  console.warn(`nuanye: ${location.origin} is not in public_chat_origins of ${base}, or the server is away`);
}

function run(): void {
  begin().catch(explain);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
else run();
