import type { Player } from "./player";
import type { Transcript } from "./transcript";

const SKIP_MS = 5000;
const FINE_MS = 1000;

/** Space plays and pauses, left and right skip, up and down walk through the lines. */
export function startKeys(player: Player, transcript: Transcript): void {
  const step = (event: KeyboardEvent): number => (event.shiftKey ? FINE_MS : SKIP_MS);
  const walk = (by: number): void => {
    const line = transcript.neighbour(player.position, by);
    if (line) player.playFrom(line.start);
  };
  const actions: Record<string, (event: KeyboardEvent) => void> = {
    " ": () => { player.toggle(); },
    ArrowLeft: (event) => { player.seek(player.position - step(event)); },
    ArrowRight: (event) => { player.seek(player.position + step(event)); },
    ArrowUp: () => { walk(-1); },
    ArrowDown: () => { walk(1); },
  };
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.altKey || event.metaKey || isTaken(event)) return;
    event.preventDefault();
    action(event);
  });
  // Firefox presses a focused button when Space is released.
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && !isTaken(event)) event.preventDefault();
  });
}

/** Elements that need the key themselves keep it; a line's time stamp gives Space to the player. */
function isTaken(event: KeyboardEvent): boolean {
  const target = event.target as Element;
  if (target.closest("input, select, textarea, summary, details[open]")) return true;
  return event.key === " " && target.closest("a, button:not(.stamp, .play, .evidence.playing)") !== null;
}
