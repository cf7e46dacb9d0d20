// The visual diff: `elements.js`, `lines.js` and `fields.js` stand before this text. Traits: see diff.py; rows: see rows.py.

const NARROW = 620;
const PATIENCE_MS = 4000;

/** The list of resources with its filter. */
function resourceList(model, signal, prefix) {
  let visibleRows = [];
  const search = searchBox(model, signal, "Filter resources", () => list.focus());
  const show = choice({
    label: "Resources to list",
    options: [["changed", "Changed"], ["all", "All"]],
    get: () => model.get("show"),
    set: (value) => store(model, "show", value),
    signal,
  });
  const list = h("ul", {
    class: "gnb-list",
    signal,
    attrs: { role: "listbox", tabindex: "0", "aria-label": "Resources" },
    on: { keydown: onKey },
  });
  const empty = h("p", { class: "gnb-empty", attrs: { role: "status" } });

  function onKey(event) {
    const at = visibleRows.findIndex((row) => row.id === model.get("selected"));
    const page = 10;
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: Infinity };
    if (!(event.key in moves) || !visibleRows.length) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(visibleRows.length - 1, moves[event.key]));
    store(model, "selected", visibleRows[next].id);
  }

  function draw() {
    const header = model.get("header");
    const rows = model.get("resources");
    const quiet = ["in sync", "hook"];
    const shown = model.get("show_ignored");
    const changed = rows.filter((row) => !quiet.includes(row.state) || (shown && row.ignored));
    const words = model.get("query").toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = model.get("show") === "changed" ? changed : rows;
    visibleRows = wanted.filter((row) => {
      const text = `${row.kind} ${row.short} ${row.group} ${row.place}/${row.name} ${row.state} ${row.health}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    show.buttons[0].textContent = `Changed ${changed.length}`;
    show.buttons[1].textContent = `All ${rows.length}`;
    if (search.value !== model.get("query")) search.value = model.get("query");
    list.replaceChildren(...visibleRows.map((row, index) => item(row, index, header)));
    list.hidden = !visibleRows.length;
    empty.hidden = visibleRows.length > 0;
    empty.textContent = words.length ? "No resource matches the filter." : "Nothing differs.";
    markSelected();
  }

  function item(row, index, header) {
    const state = header.states[row.state];
    const health = row.health ? { ...header.healths[row.health], label: row.health } : null;
    const told = ["", "Healthy", row.state === "missing" ? "Missing" : ""].includes(row.health) ? "" : row.health;
    const hidden = row.ignored && model.get("show_ignored") ? `${row.ignored} ignored` : "";
    const notes = [row.place, row.fields ? count(row.fields, "field") : row.state, hidden, told].filter(Boolean);
    return h(
      "li",
      {
        class: "gnb-item",
        signal,
        attrs: { role: "option", id: `${prefix}-${index}`, "data-id": row.id },
        on: { click: () => store(model, "selected", row.id) },
      },
      mark(state, row.state),
      h(
        "span",
        { class: "gnb-item-text" },
        h("span", { class: "gnb-item-name" }, kindChip(row.short, row.kind), h("span", { text: row.name })),
        h("span", { class: "gnb-item-notes", text: notes.join(" · ") }),
      ),
      health
        ? h("span", { class: "gnb-health", tone: health.tone, text: health.sign, title: health.label, attrs: { role: "img", "aria-label": health.label } })
        : null,
    );
  }

  function markSelected() {
    const selected = model.get("selected");
    list.removeAttribute("aria-activedescendant");
    for (const node of list.children) {
      const chosen = node.dataset.id === selected;
      node.setAttribute("aria-selected", String(chosen));
      if (!chosen) continue;
      list.setAttribute("aria-activedescendant", node.id);
      // scrollIntoView would move the notebook as well.
      const above = node.offsetTop - list.scrollTop;
      if (above < 0) list.scrollTop = node.offsetTop;
      else if (above + node.offsetHeight > list.clientHeight) list.scrollTop += above + node.offsetHeight - list.clientHeight;
    }
  }

  listen(model, signal, { "resources header query show_ignored": draw, selected: markSelected, show: () => (show.update(), draw()) });
  draw();
  return h("div", { class: "gnb-side" }, h("div", { class: "gnb-filters" }, search, show.node), list, empty);
}

/** The lines or fields of the selected resource. */
function detailPane(model, signal, isNarrow) {
  let unfolded = [];
  let shownFor = "";
  const known = new Map();
  const heading = h("div", { class: "gnb-heading" });
  const note = h("div", { class: "gnb-note" });
  const view = h("div", { class: "gnb-view", attrs: { tabindex: "0", role: "region", "aria-label": "Difference" } });
  const patience = waitingIn(view, signal, "resource", PATIENCE_MS);
  const mode = choice({
    label: "View",
    options: [
      ["split", "Split", "Live and target beside each other"],
      ["unified", "Unified", "One column, as a patch"],
      ["fields", "Fields", "One row a field, with its manager and time"],
    ],
    get: chosenMode,
    set: (value) => store(model, "mode", value),
    signal,
  });
  const compact = toggle({
    label: "Compact",
    title: "Only changed lines and two around them",
    get: () => model.get("compact"),
    set: (value) => store(model, "compact", value),
    signal,
  });
  const neat = toggle({
    label: "Neat",
    title: "Without status, managedFields and other fields of the API server",
    get: () => model.get("neat"),
    set: (value) => store(model, "neat", value),
    signal,
  });

  // Two columns need more width than a narrow cell has.
  function chosenMode() {
    return isNarrow() && model.get("mode") === "split" ? "unified" : model.get("mode");
  }

  const detailKey = (id, isNeat, isAll) => `${model.get("generation")} ${isNeat} ${isAll} ${id}`;

  function current() {
    const detail = model.get("detail");
    if (detail.id !== undefined && detail.generation === model.get("generation")) known.set(detailKey(detail.id, detail.neat, detail.show_ignored), detail);
    return known.get(detailKey(model.get("selected"), model.get("neat"), model.get("show_ignored")));
  }

  function drawHeading() {
    const header = model.get("header");
    const row = model.get("resources").find(({ id }) => id === model.get("selected"));
    heading.replaceChildren();
    note.replaceChildren();
    if (!row) return;
    const status = { ...header.statuses[row.status], label: row.status };
    heading.append(
      mark(header.states[row.state], row.state),
      h("span", { class: "gnb-heading-kind", text: row.group ? `${row.kind}.${row.group}` : row.kind }),
      h("span", { class: "gnb-heading-name", text: row.place ? `${row.place}/${row.name}` : row.name }),
      badge(status),
      ...(row.health ? [badge({ ...header.healths[row.health], label: row.health })] : []),
    );
    if (row.state === "unknown") note.append(h("div", { class: "gnb-notice", tone: "busy" }, h("b", { text: "?" }), row.note));
    else note.textContent = [row.note, model.get("show_ignored") || !row.ignored ? "" : `${row.ignored} more ignored`].filter(Boolean).join("; ");
  }

  function draw() {
    patience.end();
    mode.buttons[0].disabled = isNarrow();
    mode.buttons[0].title = isNarrow() ? "Needs more width" : "Live and target beside each other";
    mode.update();
    compact.update();
    neat.update();
    drawHeading();
    const detail = current();
    if (!model.get("selected")) return view.replaceChildren(h("p", { class: "gnb-empty", text: "No resource is selected." }));
    if (!detail) return patience.begin();
    view.removeAttribute("aria-busy");
    const key = detailKey(detail.id, detail.neat, detail.show_ignored);
    if (key !== shownFor) {
      unfolded = [];
      view.scrollTop = 0;
      shownFor = key;
    }
    const isFields = chosenMode() === "fields";
    compact.node.hidden = neat.node.hidden = isFields;
    return view.replaceChildren(...(isFields ? fields(detail) : lines(detail)));
  }

  function fields(detail) {
    const shown = detail.show_ignored ? detail.fields : detail.fields.filter((field) => !field.ignored);
    if (shown.length) return [fieldsTable(shown)];
    if (detail.fields.length) return [h("p", { class: "gnb-empty", text: "Only ignored fields differ; switch on Show ignored to see them." })];
    const changed = detail.rows.some(([sign]) => sign !== "=");
    const text = changed ? "The object as a whole differs; see its lines." : "No field differs.";
    return [h("p", { class: "gnb-empty", text })];
  }

  function lines(detail) {
    if (!detail.rows.length) return [h("p", { class: "gnb-empty", text: "There is no object to show." })];
    const split = chosenMode() === "split" && !detail.alone;
    const unfold = (range) => {
      unfolded.push(range);
      draw();
      view.focus({ preventScroll: true });
    };
    const same = detail.rows.every(([sign]) => sign === "=");
    const counted = detail.fields.some((field) => !field.ignored);
    const hidden = same && counted ? "What differs is hidden by Neat; switch it off, or see Fields." : "";
    const table = linesTable(detail, split, model.get("compact"), unfolded, unfold);
    return hidden ? [h("p", { class: "gnb-empty", text: hidden }), ...table] : table;
  }

  listen(model, signal, { "selected detail mode compact neat show_ignored header resources generation": draw });
  draw();
  const toolbar = h("div", { class: "gnb-toolbar" }, mode.node, compact.node, neat.node);
  const node = h("div", { class: "gnb-main" }, h("div", { class: "gnb-bar" }, heading, toolbar), note, view);
  return { node, draw };
}

let instances = 0;

function render({ model, el }) {
  const controller = new AbortController();
  const { signal } = controller;
  const root = h("div", { class: "gnb gnb-diff", attrs: { role: "group", "aria-label": "Visual diff" } });
  const head = h("div");
  const ignored = toggle({
    label: "Show ignored",
    title: "Also the fields that an ignore rule hides",
    get: () => model.get("show_ignored"),
    set: (value) => store(model, "show_ignored", value),
    signal,
  });
  const drawHead = () => {
    const header = model.get("header");
    root.setAttribute("aria-label", `Visual diff of ${header.title}`);
    const hidden = model.get("resources").reduce((sum, row) => sum + row.ignored, 0);
    ignored.node.lastChild.textContent = `Show ignored (${hidden})`;
    const summary = h("div", { class: "gnb-summary" }, ...tally(), h("span", { class: "gnb-spring" }), hidden ? ignored.node : null);
    const opened = head.querySelector(".gnb-unused")?.open ?? false;
    const unused = unusedRules(header.unused);
    if (unused) unused.open = opened;
    head.replaceChildren(headOf(header), summary, noticesOf(header), unused ?? "");
  };
  const tally = () => {
    const counts = {};
    for (const row of model.get("resources")) counts[row.state] = (counts[row.state] ?? 0) + 1;
    return Object.entries(model.get("header").states)
      .filter(([state]) => counts[state])
      .map(([state, look]) => h("span", { class: "gnb-count" }, mark(look, ""), `${counts[state]} ${state}`));
  };
  let narrow = false;
  let reached = 0;
  const pane = detailPane(model, signal, () => narrow);
  const prefix = `gnb-item-${(instances += 1)}`;
  const body = h("div", { class: "gnb-body" }, resourceList(model, signal, prefix), pane.node);
  root.append(head, body);
  el.append(root);
  drawHead();
  listen(model, signal, { "header resources": drawHead, show_ignored: ignored.update });
  const updateTheme = watchTheme(root, signal);
  watchWidth(root, signal, (width) => {
    updateTheme();
    if (width === 0 || narrow === width < NARROW) return;
    narrow = width < NARROW;
    root.classList.toggle("gnb-narrow", narrow);
    reached = 0;
    body.style.removeProperty("--gnb-reached");
    pane.draw();
  });
  // The frame grows with what it shows and never shrinks, so that the page below does not jump at every choice.
  watchHeight(body, signal, (height) => {
    reached = Math.max(reached, height);
    body.style.setProperty("--gnb-reached", `${reached}px`);
  });
  return () => {
    controller.abort();
    root.remove();
  };
}

export default { render };
