const POLL_MS = 5000;

/** Keep the list as the server has it: told by server-sent events, else by asking every few seconds. */
export function startLiveList(list: HTMLElement): void {
  const badge = document.querySelector<HTMLElement>("#live");
  let poll = 0;
  const state = { running: false, again: false };

  const say = (text: string, on: boolean): void => {
    badge?.classList.toggle("on", on);
    const place = badge?.querySelector(".live-text");
    if (place && place.textContent !== text) place.textContent = text;
  };

  const refresh = async (): Promise<void> => {
    state.again = true;
    if (state.running) return;
    state.running = true;
    try {
      while (state.again) {
        state.again = false;
        await replaceRows(list);
      }
    } catch {
      say("连接中断，正在重试…", false);
    } finally {
      state.running = false;
    }
  };

  const source = new EventSource("/events");
  source.addEventListener("ready", () => {
    window.clearInterval(poll);
    poll = 0;
    say("实时更新", true);
    void refresh(); // what came while the stream was away
  });
  source.addEventListener("changed", () => void refresh());
  source.addEventListener("error", () => {
    say("连接中断，正在重试…", false);
    if (source.readyState === EventSource.CLOSED) {
      // Refused rather than broken: most likely the login has ended, which a fresh page will tell.
      source.close();
      window.location.reload();
      return;
    }
    poll ||= window.setInterval(() => void refresh(), POLL_MS);
  });
}

async function replaceRows(list: HTMLElement): Promise<void> {
  const address = new URL(window.location.href);
  address.searchParams.set("part", "rows");
  const answer = await fetch(address, { headers: { Accept: "text/x-part" }, credentials: "same-origin" });
  if (answer.status === 401) {
    window.location.reload();
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const known = new Set(keys(list));
  const focused = document.activeElement?.closest<HTMLElement>("tr[data-key]")?.dataset["key"];
  const rows = [...fresh.querySelectorAll<HTMLElement>("tr[data-key]")];
  for (const row of rows) if (!known.has(row.dataset["key"] ?? "")) row.classList.add("fresh");
  list.replaceChildren(...fresh.body.childNodes);
  if (focused) rows.find((row) => row.dataset["key"] === focused)?.querySelector("a")?.focus();
}

function keys(list: HTMLElement): string[] {
  return [...list.querySelectorAll<HTMLElement>("tr[data-key]")].map((row) => row.dataset["key"] ?? "");
}
