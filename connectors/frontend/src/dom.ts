/** Builds elements from text and attributes; nothing here parses markup. */

type Attributes = Readonly<Record<string, string | boolean>>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value === true) node.setAttribute(name, "");
    else if (typeof value === "string") node.setAttribute(name, value);
  }
  for (const child of children) {
    node.appendChild(typeof child === "string" ? document.createTextNode(child) : child);
  }
  return node;
}

export function button(
  className: string,
  label: string,
  onPress: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  const node = el("button", { type: "button", class: className, ...attributes }, label);
  node.addEventListener("click", onPress);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line icon on a 24-pixel grid, hidden from screen readers. */
export function icon(...paths: readonly string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    svg.appendChild(path);
  }
  return svg;
}

export const hiddenText = (text: string): HTMLSpanElement => el("span", { class: "visually-hidden" }, text);
