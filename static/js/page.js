// Behaviours of every page: display choice, menus that close, dialogues, copying, and times in the reader's zone.

import { localTimes } from "./times.js";

const YEAR_SECONDS = 31536000;

function chooseTheme(value) {
  const age = value === "auto" ? 0 : YEAR_SECONDS;
  document.cookie = `theme=${value}; path=/; max-age=${age}; samesite=lax`;
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

async function openDialog(link) {
  const dialog = document.getElementById("dialog");
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.headers.has("HX-Redirect")) {
    location.assign(link.href);
    return;
  }
  dialog.innerHTML = await answer.text();
  dialog.setAttribute("aria-labelledby", "confirm-title");
  dialog.showModal();
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent.trim();
  const label = button.querySelector("span");
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = button.dataset.done;
    setTimeout(() => (label.textContent = before), 2000);
  } catch {
    // Without permission or without TLS: select the text, so that it can be copied by hand.
    const source = document.getElementById(button.dataset.copy);
    source.hidden = false;
    getSelection().selectAllChildren(source);
  }
}

// Previews of quotations: shown on hover and on keyboard focus, hidden by Escape.

const preview = document.createElement("div");
preview.className = "cite-preview";
preview.id = "cite-preview";
preview.setAttribute("role", "tooltip");
preview.setAttribute("popover", "manual");

function showPreview(link) {
  const source = document.getElementById(link.dataset.source);
  const words = source?.querySelector(".source-quote mark");
  if (!words) return;
  hidePreview();
  if (!preview.isConnected) document.body.append(preview);
  const title = document.createElement("strong");
  title.textContent = source.dataset.title;
  const quote = document.createElement("q");
  quote.textContent = words.textContent;
  preview.replaceChildren(title, quote);
  preview.showPopover();
  const place = link.getBoundingClientRect();
  const left = Math.min(place.left, innerWidth - preview.offsetWidth - 16);
  const below = place.bottom + 8 + preview.offsetHeight < innerHeight;
  preview.style.left = `${Math.max(16, left)}px`;
  preview.style.top = `${below ? place.bottom + 8 : Math.max(8, place.top - preview.offsetHeight - 8)}px`;
  link.setAttribute("aria-describedby", preview.id);
  source.classList.add("is-active");
}

function hidePreview() {
  if (preview.matches(":popover-open")) preview.hidePopover();
  for (const active of document.querySelectorAll(".source-list .is-active")) active.classList.remove("is-active");
}

function citation(event) {
  return event.target instanceof Element ? event.target.closest("a.cite[data-source]") : null;
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const link = citation(event);
  if (link) showPreview(link);
});
document.addEventListener("pointerout", (event) => {
  if (citation(event)) hidePreview();
});
document.addEventListener("focusin", (event) => {
  const link = citation(event);
  if (link?.matches(":focus-visible")) showPreview(link);
  else hidePreview();
});

document.addEventListener("change", (event) => {
  if (event.target.name === "theme") chooseTheme(event.target.value);
});

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  const dialogLink = event.target.closest("a[data-dialog]");
  if (dialogLink && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    closeMenus();
    openDialog(dialogLink);
  }
  const close = event.target.closest("dialog [data-close]");
  if (close) {
    event.preventDefault();
    close.closest("dialog").close();
  }
  if (event.target instanceof HTMLDialogElement) event.target.close();
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  hidePreview();
  const menu = event.target.closest?.("details.menu[open]");
  closeMenus();
  menu?.querySelector("summary").focus();
});

localTimes(document);
document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt.parentElement ?? document));
