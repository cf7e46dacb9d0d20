// The resource tree. `elements.js` and the other `tree_*.js` stand before this text. Traits: see tree.py; rows: see tree_rows.py.

const NARROW = 700;
// Pixels of the frame that are not rows.
const CHROME = 60;

let instances = 0;

/** Buttons with the number of objects of each health; those that are pressed are the filter. */
function healthFilter(model, signal) {
  const node = h("div", { class: "gnb-summary", attrs: { role: "group", "aria-label": "Filter by health" } });
  const draw = () => {
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.health : undefined;
    const { healths } = model.get("header");
    const counts = {};
    for (const row of model.get("nodes")) if (row.health) counts[row.health] = (counts[row.health] ?? 0) + 1;
    const buttons = Object.entries(healths)
      .filter(([health]) => counts[health])
      .map(([health, look]) => {
        const chosen = model.get("healths").includes(health);
        const others = model.get("healths").filter((each) => each !== health);
        return h(
          "button",
          {
            class: "gnb-pill",
            tone: look.tone,
            title: chosen ? "Show all again" : `Show only what is ${health}`,
            attrs: { type: "button", "aria-pressed": String(chosen), "data-health": health },
            on: { click: () => store(model, "healths", chosen ? others : [...others, health]) },
          },
          h("b", { text: look.sign, attrs: { "aria-hidden": "true" } }),
          `${counts[health]} ${health}`,
        );
      });
    node.replaceChildren(...buttons);
    if (focused) buttons.find((button) => button.dataset.health === focused)?.focus();
  };
  return { node, draw };
}

/** Text and kind to look for, and buttons that open and close all. */
function treeFilters(model, signal, list, closeAll) {
  const search = searchBox(model, signal, "Filter objects", () => list.focus());
  const kinds = h("select", {
    class: "gnb-select",
    signal,
    attrs: { "aria-label": "Kind" },
    on: { change: () => store(model, "kind", kinds.value), keydown: (event) => event.stopPropagation() },
  });
  const act = (text, title, ids) =>
    h("button", { class: "gnb-act", text, title, signal, attrs: { type: "button" }, on: { click: () => store(model, "closed", ids()) } });
  const status = h("span", { class: "gnb-status", attrs: { role: "status" } });
  const draw = (shown) => {
    if (search.value !== model.get("query")) search.value = model.get("query");
    status.textContent = shown.filtered ? `${shown.matches} of ${count(shown.total, "object")}` : count(shown.total, "object");
  };
  const drawKinds = () => {
    const counts = {};
    for (const row of model.get("nodes")) if (!row.top) counts[row.kind] = (counts[row.kind] ?? 0) + 1;
    const options = Object.keys(counts).sort((a, b) => a.localeCompare(b));
    kinds.replaceChildren(
      h("option", { text: "All kinds", attrs: { value: "" } }),
      ...options.map((kind) => h("option", { text: `${kind} (${counts[kind]})`, attrs: { value: kind } })),
    );
    kinds.value = model.get("kind");
  };
  const node = h(
    "div",
    { class: "gnb-tree-bar" },
    search,
    kinds,
    h("span", { class: "gnb-acts" }, act("Open all", "Show all objects", () => []), act("Close all", "Show only what the application manages", closeAll)),
    status,
  );
  return { node, draw, drawKinds };
}

function render({ model, el }) {
  const controller = new AbortController();
  const { signal } = controller;
  const root = h("div", { class: "gnb gnb-resource-tree", attrs: { role: "group" } });
  const head = h("div");
  const health = healthFilter(model, signal);
  let tree = treeOf([]);
  let shown = shownRows(tree, { closed: [], query: "", kind: "", healths: [] });

  const list = treeList(signal, `gnb-node-${(instances += 1)}`, {
    selected: () => model.get("selected"),
    select(id) {
      if (id === model.get("selected")) return;
      model.set("container", "");
      store(model, "selected", id);
    },
    toggle(id) {
      const closed = model.get("closed");
      store(model, "closed", closed.includes(id) ? closed.filter((each) => each !== id) : [...closed, id]);
    },
  });
  const closeAll = () => tree.rows.filter((row, index) => !row.top && tree.has(index)).map(({ id }) => id);
  const filters = treeFilters(model, signal, list.node, closeAll);
  const empty = h("p", { class: "gnb-empty", attrs: { role: "status" } });

  function drawHead() {
    const header = model.get("header");
    root.setAttribute("aria-label", `Resource tree of ${header.title}`);
    list.node.setAttribute("aria-label", `Objects of ${header.title}`);
    head.replaceChildren(headOf(header), noticesOf(header));
  }

  function drawRows() {
    const filter = Object.fromEntries(["closed", "query", "kind", "healths"].map((name) => [name, model.get(name)]));
    shown = shownRows(tree, filter);
    list.draw(tree, shown, model.get("header"));
    list.node.hidden = shown.visible.length === 0;
    empty.hidden = !list.node.hidden;
    empty.textContent = "No object matches the filter.";
    filters.draw(shown);
  }

  function drawAll() {
    tree = treeOf(model.get("nodes"));
    // Of all rows, not of those in view: a frame that shrinks while somebody filters would move the page.
    body.style.setProperty("--gnb-tree-height", `${tree.rows.length * ROW + CHROME}px`);
    filters.drawKinds();
    health.draw();
    drawRows();
  }

  const side = h("div", { class: "gnb-tree-side" }, filters.node, list.node, empty);
  const body = h("div", { class: "gnb-tree-body" }, side, nodeDetail(model, signal));
  root.append(head, health.node, body);
  el.append(root);
  drawHead();
  drawAll();
  listen(model, signal, {
    header: drawHead,
    nodes: drawAll,
    "closed query": drawRows,
    kind: () => (filters.drawKinds(), drawRows()),
    healths: () => (health.draw(), drawRows()),
    selected: () => list.mark(true),
  });
  const updateTheme = watchTheme(root, signal);
  let revealed = false;
  watchWidth(root, signal, (width) => {
    updateTheme();
    if (width > 0) root.classList.toggle("gnb-narrow", width < NARROW);
  });
  // A list has no height until it is in the page, and so no rows in view.
  watchHeight(list.node, signal, () => {
    list.fill();
    if (!revealed && list.node.clientHeight > 0) {
      revealed = true;
      list.mark(true);
    }
  });
  return () => {
    controller.abort();
    root.remove();
  };
}

export default { render };
