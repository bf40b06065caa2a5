const POLL_MS = 5000;

/** Keep the list as the server has it. */
export function startLiveList(list: HTMLElement): void {
  follow(list.dataset["live"] ?? "", () => replaceRows(list));
}

/** Call `renew` whenever there is news of `topic`: told by server-sent events, else every few seconds. */
export function follow(topic: string, renew: () => Promise<void>): () => Promise<void> {
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
        await renew();
      }
    } catch {
      say("连接中断，正在重试…", false);
    } finally {
      state.running = false;
    }
  };

  const source = new EventSource(topic ? `/events?of=${topic}` : "/events");
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
  return refresh;
}

/** Fetch the part of this page that changes. */
export async function fetchPart(): Promise<Document> {
  const address = new URL(window.location.href);
  address.searchParams.set("part", "rows");
  const answer = await fetch(address, { headers: { Accept: "text/x-part" }, credentials: "same-origin" });
  if (answer.status === 401) window.location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function replaceRows(list: HTMLElement): Promise<void> {
  const fresh = await fetchPart();
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
