// The console's few behaviours: parts that refresh themselves, the question before an action, copying, the search key.
// Every page works without them.
(() => {
  const announce = (text) => {
    const place = document.getElementById("announce");
    if (place && text && place.textContent !== text) place.textContent = text;
  };

  // Live parts: asked for only while they can be seen, and sent again only when they have changed.
  const isLive = (element) => element.hasAttribute("data-live");
  let isSignedOut = false;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isLive(event.detail.elt) && (isSignedOut || document.hidden || event.detail.elt.contains(document.activeElement))) event.preventDefault();
  });
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, headers } = event.detail;
    if (isLive(elt) && elt.dataset.version) headers["If-None-Match"] = elt.dataset.version;
  });
  // Where the session has ended, the page stays as it is, with what was typed; it says so, and links to the sign-in.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail, hint = document.getElementById("signed-out");
    if (!isLive(elt) || xhr.status !== 401 || !hint) return;
    event.preventDefault();
    isSignedOut = true;
    hint.hidden = false;
    stale(elt, true);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, xhr } = event.detail;
    if (!isLive(elt)) return;
    if (xhr.status >= 400) {
      event.detail.shouldSwap = false;
      stale(elt, true);
    } else {
      elt.dataset.version = xhr.getResponseHeader("ETag") || "";
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = event.detail;
    if (!isLive(elt)) return;
    if (xhr.status < 400 && xhr.status > 0) stale(elt, false);
    const news = elt.querySelector("[data-announce]");
    if ((xhr.status === 200 || xhr.status === 286) && news) announce(news.textContent.trim());
  });
  document.addEventListener("htmx:sendError", (event) => { if (isLive(event.detail.elt)) stale(event.detail.elt, true); });
  const stale = (element, is) => {
    element.classList.toggle("is-stale", is);
    element.title = is ? document.body.dataset.stale : "";
  };

  // The question before a destructive action is a page of its own; opened from here, it is a dialog.
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = document.getElementById("dialog");
    if (event.detail.target !== dialog || dialog.open) return;
    dialog.showModal();
    check(dialog);
  });
  // A person has a share of the server's threads: of many pictures at once, some are asked for again.
  document.addEventListener("error", (event) => {
    const image = event.target, left = Number(image.dataset?.again || 0);
    if (!left) return;
    image.dataset.again = left - 1;
    setTimeout(() => { image.src = image.src; }, 1200);
  }, true);
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    const dialog = close?.closest("dialog");
    if (dialog) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.addEventListener("close", (event) => { if (event.target.id === "dialog") event.target.replaceChildren(); }, true);
  const check = (place) => place.querySelectorAll("[data-must-be]").forEach((field) => {
    const button = field.form.querySelector("[type=submit]");
    const asShown = (text) => text.normalize("NFC").replace(/\s+/g, " ").trim();
    const set = () => { button.disabled = asShown(field.value) !== asShown(field.dataset.mustBe); };
    field.addEventListener("input", set);
    set();
  });

  // A form that is sent twice by a double click is sent once. htmx disables the buttons of its own.
  const PAUSE = 5000;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post") || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, PAUSE);
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // Copying; if the browser does not allow it (plain http), the text is selected.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      announce(document.body.dataset.copied);
      button.classList.add("is-copied");
    } catch {
      const text = button.previousElementSibling;
      if (text?.matches("details")) text.open = true;
      if (text) getSelection().selectAllChildren(text);
    }
  });

  // Update relative times.
  const language = document.documentElement.lang || "en";
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const refresh = () => document.querySelectorAll("time[data-relative]").forEach((element) => {
    const seconds = Math.round((new Date(element.dateTime) - Date.now()) / 1000);
    const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) || units[3];
    element.textContent = relative.format(Math.trunc(seconds / size), unit);
  });
  setInterval(() => { if (!document.hidden) refresh(); }, 20000);

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.getElementById("q")?.focus();
    }
  });
  addEventListener("DOMContentLoaded", () => {
    check(document);
    document.querySelector("[data-focus]")?.focus();
  });
})();
