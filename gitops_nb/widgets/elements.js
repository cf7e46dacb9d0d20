// Helpers that every widget's module begins with. Texts reach the page as text nodes only, never as HTML.

/** An element. `props`: class, text, tone, title, attrs, on (listeners, bound to `signal`). */
function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  if (props.class) node.className = props.class;
  if (props.tone) node.dataset.tone = props.tone;
  if (props.title) node.title = props.title;
  if (props.text !== undefined) node.textContent = props.text;
  for (const [name, value] of Object.entries(props.attrs ?? {})) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  for (const [name, listener] of Object.entries(props.on ?? {})) {
    node.addEventListener(name, listener, props.signal ? { signal: props.signal } : undefined);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const count = (number, noun, plural) => `${number} ${number === 1 ? noun : (plural ?? `${noun}s`)}`;

/** A pill with a sign and a word. */
function badge({ sign, label, tone }, title = "") {
  return h("span", { class: "gnb-badge", tone, title }, h("b", { text: sign, attrs: { "aria-hidden": "true" } }), label);
}

/** A sign alone, with the word that it stands for. */
function mark({ sign, tone }, word) {
  return h("span", { class: "gnb-mark", tone, text: sign, title: word, attrs: { role: "img", "aria-label": word } });
}

function kindChip(short, kind) {
  return h("span", { class: "gnb-kind", text: short, title: kind });
}

/** Title, badges, facts, summary and notices: the head of every widget. */
function headOf(header) {
  return h(
    "div",
    { class: "gnb-head" },
    h(
      "div",
      { class: "gnb-title" },
      h("span", { class: "gnb-name", text: header.title }),
      ...(header.badges ?? []).map((entry) => badge(entry)),
    ),
    h("div", { class: "gnb-facts" }, ...(header.facts ?? []).map((fact) => h("span", { text: fact }))),
  );
}

function noticesOf(header) {
  const notices = header.notices ?? [];
  return h(
    "div",
    { class: "gnb-notices" },
    ...notices.map(({ sign, text, tone }) =>
      h("div", { class: "gnb-notice", tone, attrs: { role: "note" } }, h("b", { text: sign }), h("span", { text })),
    ),
  );
}

/** Buttons of which one is chosen; arrow keys move the choice. `update()` shows the value that `get` returns. */
function choice({ label, options, get, set, signal }) {
  const buttons = options.map(([value, text, title]) =>
    h("button", {
      class: "gnb-choice-button",
      text,
      title,
      signal,
      attrs: { type: "button", role: "radio", "data-value": value },
      on: { click: () => set(value) },
    }),
  );
  const node = h("div", { class: "gnb-choice", attrs: { role: "radiogroup", "aria-label": label } }, ...buttons);
  node.addEventListener(
    "keydown",
    (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const index = options.findIndex(([value]) => value === get());
      const next = (index + step + options.length) % options.length;
      set(options[next][0]);
      buttons[next].focus();
    },
    { signal },
  );
  const update = () => {
    options.forEach(([value], index) => {
      const chosen = value === get();
      buttons[index].setAttribute("aria-checked", String(chosen));
      buttons[index].tabIndex = chosen ? 0 : -1;
    });
  };
  update();
  return { node, buttons, update };
}

/** A switch that is on or off. */
function toggle({ label, title, get, set, signal }) {
  const node = h(
    "button",
    {
      class: "gnb-switch",
      title,
      signal,
      attrs: { type: "button", role: "switch" },
      on: { click: () => set(!get()) },
    },
    h("span", { class: "gnb-switch-track", attrs: { "aria-hidden": "true" } }),
    label,
  );
  const update = () => node.setAttribute("aria-checked", String(Boolean(get())));
  update();
  return { node, update };
}

/** The field for the text to look for; the arrow down leads into the list. */
function searchBox(model, signal, label, toList) {
  const node = h("input", {
    class: "gnb-search",
    signal,
    attrs: { type: "search", placeholder: "Filter by name or kind", "aria-label": label, spellcheck: "false" },
    on: {
      input: () => store(model, "query", node.value),
      keydown: (event) => {
        if (event.key === "ArrowDown") {
          event.preventDefault();
          toList();
        }
        event.stopPropagation();
      },
    },
  });
  return node;
}

const USUAL_MS = 300;

/** What a view showed before stays, dimmed, for as long as a kernel usually takes to answer; after `patienceMs` it says so. */
function waitingIn(view, signal, what, patienceMs) {
  let timer = 0;
  const end = () => clearTimeout(timer);
  const begin = () => {
    view.setAttribute("aria-busy", "true");
    const text = h("p", { class: "gnb-empty", text: "Reading…", attrs: { role: "status" } });
    timer = setTimeout(() => {
      view.replaceChildren(text);
      timer = setTimeout(() => {
        text.textContent = `No answer from the kernel: run the cell again to see this ${what}.`;
      }, patienceMs);
    }, USUAL_MS);
  };
  signal.addEventListener("abort", end);
  return { begin, end };
}

/** A button that puts a text on the clipboard and says so for a moment. */
function copyButton(text, label) {
  const button = h("button", {
    class: "gnb-copy",
    title: label,
    attrs: { type: "button", "aria-label": label },
    on: {
      click: async () => {
        await toClipboard(text, button);
        button.dataset.done = "true";
        button.setAttribute("aria-label", "Copied");
        setTimeout(() => {
          delete button.dataset.done;
          button.setAttribute("aria-label", label);
        }, SHOWN_MS);
      },
    },
  });
  return button;
}

const SHOWN_MS = 1500;

/** A page that is not from a secure origin has no clipboard object; there a selection is copied as by hand. */
async function toClipboard(text, button) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { attrs: { "aria-hidden": "true", tabindex: "-1", style: "position:fixed;opacity:0" } });
  area.value = text;
  button.after(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  button.focus();
}

/** Model listeners that are all taken off when `signal` aborts. */
function listen(model, signal, events) {
  for (const [names, callback] of Object.entries(events)) {
    for (const name of names.split(" ")) {
      model.on(`change:${name}`, callback);
      signal.addEventListener("abort", () => model.off(`change:${name}`, callback));
    }
  }
}

function store(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

/**
 * Keep `data-theme` of the root at what its surroundings are. The text colour tells: JupyterLab, VS Code, Colab and a
 * plain page say "dark" in four different ways, but all of them write light on dark then. Returns the update, for a
 * root that was not yet in the page and so had no colour.
 */
function watchTheme(root, signal) {
  const update = () => {
    const [red, green, blue] = (getComputedStyle(root).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    root.dataset.theme = 0.299 * red + 0.587 * green + 0.114 * blue > 127 ? "dark" : "light";
  };
  const observer = new MutationObserver(update);
  for (const node of [document.documentElement, document.body]) {
    observer.observe(node, { attributes: true, attributeFilter: ["class", "style", "theme", "data-jp-theme-light", "data-jp-theme-name", "data-theme", "data-vscode-theme-kind"] });
  }
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", update, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
  update();
  return update;
}

/** Call back with the width of an element's content in pixels, now and whenever it changes. */
function watchWidth(node, signal, callback) {
  watchSize(node, signal, (entry) => callback(entry.contentRect.width));
}

/** Call back with an element's height in pixels, border and all, now and whenever it changes. */
function watchHeight(node, signal, callback) {
  watchSize(node, signal, () => callback(node.offsetHeight));
}

function watchSize(node, signal, callback) {
  const observer = new ResizeObserver(([entry]) => callback(entry));
  observer.observe(node);
  signal.addEventListener("abort", () => observer.disconnect());
}
