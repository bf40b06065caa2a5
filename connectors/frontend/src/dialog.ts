/** A question over the page; the keyboard stays inside until it is answered. */
import { button, el } from "./dom";

export interface Choice {
  readonly label: string;
  readonly onPress: () => void;
}

let open: (() => void) | null = null;

/** Asks; Escape and the last choice (the harmless one, focused first) mean the same. */
export function ask(question: string, choices: readonly [Choice, Choice] | readonly [Choice]): { close(): void; setText(text: string): void } {
  open?.();
  const before = document.activeElement;
  const label = el("p", { id: "dialog-question" }, question);
  const row = el("div", { class: "dialog-row" });
  const box = el("div", { class: "dialog", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "dialog-question" }, label, row);
  const veil = el("div", { class: "veil" }, box);
  const close = (): void => {
    if (veil.parentNode === null) return;
    document.body.removeChild(veil);
    open = null;
    if (before instanceof HTMLElement) before.focus();
  };
  const answer = (choice: Choice): void => {
    close();
    choice.onPress();
  };
  const buttons = choices.map((choice, index) => {
    const quiet = index === choices.length - 1 && choices.length > 1;
    return button(quiet ? "quiet" : "strong", choice.label, () => {
      answer(choice);
    });
  });
  for (const item of buttons) row.appendChild(item);
  veil.addEventListener("keydown", (event) => {
    const last = choices[choices.length - 1];
    if (event.key === "Escape" && last !== undefined) answer(last);
    if (event.key !== "Tab") return;
    event.preventDefault();
    const at = buttons.findIndex((item) => item === document.activeElement);
    buttons[(at + (event.shiftKey ? buttons.length - 1 : 1)) % buttons.length]?.focus();
  });
  document.body.appendChild(veil);
  buttons[buttons.length - 1]?.focus();
  open = close;
  return {
    close,
    setText(text) {
      label.textContent = text;
    },
  };
}
