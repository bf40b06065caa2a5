import "./style.css";
import { startCallPage } from "./call";
import { startConversation, startWaits } from "./handover";
import { startLiveList } from "./live";

const call = document.querySelector<HTMLElement>("main.call");
if (call) startCallPage(call);

const conversation = document.querySelector<HTMLElement>("main.handover #results");
const list = document.querySelector<HTMLElement>("#results[data-live]");
if (conversation) startConversation(conversation);
else if (list) startLiveList(list);
startWaits();

// An open account menu closes when the attention goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.account[open]")) {
    if (!menu.contains(event.target as Node)) menu.open = false;
  }
});
