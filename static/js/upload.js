// Uploads files one by one with a progress bar each; dropped files take the same way as chosen ones.

const form = document.querySelector("form[data-upload]");
const list = form?.querySelector("[data-uploads]");
const input = form?.elements.files;
const texts = form?.dataset;
const queue = [];
let sending = false;

function entryOf(file) {
  const entry = document.createElement("li");
  const name = document.createElement("span");
  const bar = document.createElement("progress");
  name.textContent = file.name;
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", file.name);
  entry.append(name, bar);
  list.append(entry);
  return entry;
}

function refuse(entry, reason) {
  entry.querySelector("progress")?.remove();
  const errors = document.createElement("ul");
  errors.className = "errors";
  const line = document.createElement("li");
  line.textContent = reason;
  errors.append(line);
  entry.append(errors);
}

function add(files) {
  for (const file of files) {
    const entry = entryOf(file);
    if (file.size > Number(texts.maxBytes)) refuse(entry, texts.tooLarge);
    else queue.push({ file, entry });
  }
  if (!sending) sendNext();
}

function sendNext() {
  const next = queue.shift();
  sending = Boolean(next);
  if (!next) {
    window.htmx?.trigger("#poll", "refresh");
    return;
  }
  const body = new FormData();
  body.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  if (form.elements.collection) body.append("collection", form.elements.collection.value);
  body.append("files", next.file);
  const call = new XMLHttpRequest();
  call.open("POST", form.action);
  call.setRequestHeader("HX-Request", "true");
  call.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) next.entry.querySelector("progress").value = (100 * event.loaded) / event.total;
  });
  call.addEventListener("load", () => answered(call, next.entry));
  call.addEventListener("error", () => refuse(next.entry, texts.failed));
  call.addEventListener("loadend", sendNext);
  call.send(body);
}

function answered(call, entry) {
  const isText = call.getResponseHeader("Content-Type")?.startsWith("text/plain");
  if (call.getResponseHeader("HX-Redirect")) location.assign(call.getResponseHeader("HX-Redirect"));
  else if (call.status >= 400) refuse(entry, isText ? call.responseText : call.status === 413 ? texts.tooLarge : texts.failed);
  else {
    showRow(call.responseText);
    if (call.status === 201) entry.remove();
    else entry.querySelector("progress").replaceWith(texts.known);
  }
}

function showRow(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  const row = holder.content.firstElementChild;
  const rows = document.getElementById("rows");
  document.getElementById(row.id)?.remove();
  rows.prepend(row);
  rows.hidden = false;
  document.getElementById("rows-empty")?.remove();
  window.htmx?.process(row);
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add([...input.files]);
    input.value = "";
  });
  input.addEventListener("change", () => form.requestSubmit());

  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (hasFiles(event)) form.classList.toggle("is-over", ++depth > 0);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event)) form.classList.toggle("is-over", --depth > 0);
  });
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    form.classList.remove("is-over");
    add([...event.dataTransfer.files]);
  });
}
