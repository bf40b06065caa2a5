/** On a station's screen (`?kiosk=1`) a conversation that was walked away from is cleared for the next person. */
import { fill, type Texts } from "./config";
import { ask } from "./dialog";

const IDLE_MS = 120_000;
const WARNING_S = 20;

/** Returns what ends the watch. */
export function watchIdle(texts: Texts, used: () => boolean, restart: () => void): () => void {
  let timer = 0;
  let question: { close(): void } | null = null;
  let tick = 0;
  const wait = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(warn, IDLE_MS);
  };
  const warn = (): void => {
    if (!used()) {
      wait();
      return;
    }
    let left = WARNING_S;
    const text = (): string => fill(texts.idle_question, { count: left });
    const dialog = ask(text(), [{ label: texts.idle_stay, onPress: stop }]);
    question = dialog;
    tick = window.setInterval(() => {
      left -= 1;
      dialog.setText(text());
      if (left > 0) return;
      dialog.close();
      stop();
      restart();
    }, 1_000);
    function stop(): void {
      window.clearInterval(tick);
      wait();
    }
  };
  const kinds = ["pointerdown", "touchstart", "keydown"];
  for (const kind of kinds) window.addEventListener(kind, wait, { passive: true });
  wait();
  return () => {
    for (const kind of kinds) window.removeEventListener(kind, wait);
    window.clearTimeout(timer);
    window.clearInterval(tick);
    question?.close();
  };
}
