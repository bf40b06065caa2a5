import { fetchPart, follow } from "./live";
import { startReveal } from "./reveal";

const TICK_MS = 15_000;
const NEAR_PX = 80;

/** Keep a conversation with a resident live; what is being typed stays. */
export function startConversation(root: HTMLElement): void {
  const refresh = follow(root.dataset["live"] ?? "", () => renew(root));
  root.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.id !== "say") return;
    event.preventDefault();
    void send(form).then(refresh);
  });
  root.addEventListener("keydown", (event) => {
    const field = event.target as HTMLElement;
    if (field.id !== "text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    (field as HTMLTextAreaElement).form?.requestSubmit();
  });
  begin(root);
}

/** Count on the minutes that residents wait. */
export function startWaits(): void {
  window.setInterval(() => {
    for (const place of document.querySelectorAll<HTMLElement>("time[data-since]")) {
      const minutes = Math.floor((Date.now() - Date.parse(place.dataset["since"] ?? "")) / 60_000);
      if (minutes >= 1 && minutes < 60) place.textContent = `${minutes} 分钟`;
    }
  }, TICK_MS);
}

function begin(root: HTMLElement): void {
  const talk = root.querySelector<HTMLElement>("#talk");
  if (talk) talk.scrollTop = talk.scrollHeight;
  root.querySelector<HTMLElement>("#text")?.focus();
  const address = root.querySelector<HTMLElement>("#reveal")?.dataset["address"];
  if (address) startReveal(address);
}

async function renew(root: HTMLElement): Promise<void> {
  const fresh = await fetchPart();
  const state = (place: ParentNode): string =>
    place.querySelector<HTMLElement>("[data-state]")?.dataset["state"] ?? "";
  if (state(fresh) !== state(root)) {
    root.replaceChildren(...fresh.body.childNodes);
    begin(root);
    return;
  }
  const talk = root.querySelector<HTMLElement>("#talk");
  if (!talk) return;
  const follows = talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR_PX;
  merge(talk, [...fresh.querySelectorAll<HTMLElement>("#talk > li")]);
  if (follows) talk.scrollTop = talk.scrollHeight;
}

/** Add new lines and renew changed ones; untouched lines stay, so that they are not read out again. */
function merge(talk: HTMLElement, lines: readonly HTMLElement[]): void {
  const known = new Map([...talk.querySelectorAll<HTMLElement>("li")].map((line) => [line.dataset["key"], line]));
  let after: HTMLElement | null = null;
  for (const line of lines) {
    const old = known.get(line.dataset["key"]);
    if (old && old.dataset["delivery"] === line.dataset["delivery"]) {
      after = old;
      continue;
    }
    if (old) old.replaceWith(line);
    else if (after) after.after(line);
    else talk.prepend(line);
    after = line;
  }
}

async function send(form: HTMLFormElement): Promise<void> {
  const text = form.querySelector<HTMLTextAreaElement>("#text");
  const lineId = form.querySelector<HTMLInputElement>('input[name="line_id"]');
  if (!text || !lineId || text.value.trim() === "") return;
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
  const sent = text.value;
  try {
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const problem = new URL(answer.url).searchParams.has("notice");
    tell(problem ? noticeOf(await answer.text()) : "");
    if (problem) return;
    if (text.value === sent) text.value = "";
    lineId.value = `stf_${crypto.getRandomValues(new Uint32Array(3)).join("")}`;
  } catch {
    // The same line id goes with the next try: it is said once.
    tell("没有发出，请检查网络后再按发送。");
  }
}

function noticeOf(page: string): string {
  const found = new DOMParser().parseFromString(page, "text/html").querySelector("#notice");
  return found?.textContent.trim() ?? "";
}

function tell(text: string): void {
  const place = document.querySelector<HTMLElement>("#notice");
  if (!place) return;
  place.textContent = text;
  place.hidden = text === "";
}
