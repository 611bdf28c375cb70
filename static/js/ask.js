// Asks without leaving the page: sources at once, the answer as it is written, then the page's own rendering of it.

import { readEvents } from "./events.js";
import { localTimes } from "./times.js";

const form = document.getElementById("ask-form");
const page = document.querySelector("[data-ask]");
const thread = document.getElementById("thread");
const status = document.querySelector("[data-status]");
const box = form.elements.question;
const send = form.querySelector("[data-send]");
const stop = form.querySelector("[data-stop]");
const texts = form.dataset;
const NIL = "00000000-0000-0000-0000-000000000000";

let running = null;

function say(text) {
  status.textContent = text;
}

function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function setBusy(controller) {
  running = controller;
  stop.hidden = !controller;
  send.hidden = Boolean(controller);
}

function begin(question) {
  const item = fromTemplate("live-exchange");
  item.querySelector("[data-question]").textContent = question;
  item.querySelector("[data-state]").textContent = texts.searching;
  thread.append(item);
  page.classList.add("asked");
  item.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  say(texts.searching);
  return item;
}

function showPassages(item, passages) {
  item.querySelector("[data-state]").textContent = passages.length ? texts.writing : "";
  const panel = item.querySelector("[data-found]");
  panel.hidden = passages.length === 0;
  if (passages.length) item.querySelector(".exchange-body").classList.add("with-sources");
  panel.querySelector("ol").replaceChildren(...passages.map(passageItem));
}

function passageItem(passage) {
  const entry = document.createElement("li");
  const words = document.createElement("div");
  entry.append(document.createElement("span"), words);
  for (const [name, text] of [["source-title", passage.title], ["source-place", passage.heading], ["source-quote clamp", passage.text]]) {
    const line = document.createElement("p");
    line.className = name;
    line.textContent = text;
    words.append(line);
  }
  return entry;
}

function showToken(item, text) {
  item.querySelector("[data-state]").textContent = "";
  item.querySelector("[data-live]").append(text);
}

async function showAnswer(item, answer) {
  const response = await fetch(texts.questionUrl.replace(NIL, answer.id), { headers: { "HX-Request": "true" } });
  if (!response.ok) throw new Problem(response.statusText);
  item.innerHTML = await response.text();
  window.htmx?.process(item);
  localTimes(item);
  form.elements.conversation.value = answer.conversation;
  box.placeholder = texts.followUp;
  history.replaceState(null, "", texts.conversationUrl.replace(NIL, answer.conversation));
  say(texts.ready);
}

class Problem extends Error {}

function showProblem(item, question, detail, kind) {
  item.querySelector("[data-state]")?.remove();
  item.querySelector("[data-found]")?.remove();
  const live = item.querySelector("[data-live]");
  live?.setAttribute("aria-busy", "false");
  const notice = fromTemplate("live-error");
  notice.classList.add(kind);
  notice.querySelector("[data-detail]").textContent = detail;
  notice.querySelector("[data-again]").addEventListener("click", () => {
    item.remove();
    ask(question);
  });
  (item.querySelector(".answer") ?? item).append(notice);
  say(detail);
}

async function request(question, signal) {
  const body = { question };
  if (form.elements.collection?.value) body.collection = form.elements.collection.value;
  if (form.elements.conversation.value) body.conversation = form.elements.conversation.value;
  const response = await fetch(texts.query, {
    method: "POST",
    signal,
    headers: {
      Accept: "text/event-stream",
      "Accept-Language": document.documentElement.lang,
      "Content-Type": "application/json",
      "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Problem(await problemText(response));
  return response;
}

async function problemText(response) {
  try {
    const problem = await response.json();
    return Object.values(problem.errors ?? {}).flat().join(" ") || problem.detail;
  } catch {
    return texts.offline;
  }
}

async function ask(question) {
  const controller = new AbortController();
  const item = begin(question);
  setBusy(controller);
  let done = false;
  try {
    const response = await request(question, controller.signal);
    for await (const { name, data } of readEvents(response.body)) {
      if (name === "sources") showPassages(item, data.passages);
      else if (name === "token") showToken(item, data.text);
      else if (name === "error") throw new Problem(data.detail);
      else if (name === "done") {
        done = true;
        await showAnswer(item, data);
      }
    }
    if (!done) throw new Problem(texts.offline);
  } catch (error) {
    if (controller.signal.aborted) showProblem(item, question, texts.stopped, "calm");
    else showProblem(item, question, error instanceof Problem ? error.message : texts.offline, "bad");
  } finally {
    setBusy(null);
  }
}

function submit(question) {
  if (running || !question.trim()) return;
  box.value = "";
  ask(question.trim());
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(box.value);
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
stop.addEventListener("click", () => running?.abort());
document.querySelector("[data-suggestions]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(event.submitter.value);
});
