/** Find an element that the page must have. */
export function need<T extends Element>(selector: string, kind: new () => T, root: ParentNode = document): T {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

/** Read a data attribute that holds milliseconds. */
export function milliseconds(element: HTMLElement, name: string): number {
  const value = Number(element.dataset[name]);
  return Number.isFinite(value) ? value : 0;
}

/** `3:07` for 187,000 milliseconds. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
