import "./style.css";
import { startCallPage } from "./call";
import { startLiveList } from "./live";

const call = document.querySelector<HTMLElement>("main.call");
if (call) startCallPage(call);

const list = document.querySelector<HTMLElement>("#results[data-live]");
if (list) startLiveList(list);

// An open account menu closes when the attention goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.account[open]")) {
    if (!menu.contains(event.target as Node)) menu.open = false;
  }
});
