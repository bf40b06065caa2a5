import { need } from "./dom";

/** Let the button show the whole number; the server notes who looked. */
export function startReveal(address: string): void {
  const button = need("#reveal", HTMLButtonElement);
  const place = need("#phone", HTMLElement);
  button.addEventListener("click", () => {
    button.disabled = true;
    void reveal(address).then(
      (phone) => {
        place.textContent = phone;
        button.remove();
      },
      () => {
        button.disabled = false;
        button.textContent = "未能显示，请重试";
      },
    );
  });
}

async function reveal(address: string): Promise<string> {
  const token = need('meta[name="csrf"]', HTMLMetaElement).content;
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRF-Token": token },
    credentials: "same-origin",
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return ((await answer.json()) as { phone: string }).phone;
}
