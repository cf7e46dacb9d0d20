// The rows of a tree. Only those in view are in the page; `tree_model.js` stands before this text.

const ROW = 28;
const MARGIN_ROWS = 10;
const INDENT = 18;
const MAX_INDENT = 14;
const TAIL = 6;

/** A name whose end stays readable where there is no room for all of it: pods of one set differ at the end. */
function nameOf(name) {
  if (name.length <= TAIL * 2) return h("span", { class: "gnb-node-name" }, h("span", { text: name }));
  return h(
    "span",
    { class: "gnb-node-name" },
    h("span", { class: "gnb-node-start", text: name.slice(0, -TAIL) }),
    h("span", { class: "gnb-node-end", text: name.slice(-TAIL) }),
  );
}

/** What is left of the name: lines of the levels above, the arrow that opens, health. */
function beforeName(row, { open, branch }, looks) {
  const indent = h("span", { class: "gnb-indent" });
  indent.style.width = `${Math.min(row.level - 1, MAX_INDENT) * INDENT}px`;
  const health = row.health ? looks.healths[row.health] : null;
  return [
    indent,
    h("span", { class: branch ? "gnb-twisty" : "gnb-twisty gnb-twisty-none", text: open ? "▾" : "▸", attrs: { "aria-hidden": "true" } }),
    health
      ? h("span", { class: "gnb-node-health", tone: health.tone, text: health.sign, title: row.health, attrs: { role: "img", "aria-label": row.health } })
      : h("span", { class: "gnb-node-health" }),
  ];
}

/** What stands at the right: what a closed row hides, sync status, state, age. */
function afterName(row, { open, branch, below, worst }, looks) {
  const sync = row.sync ? looks.statuses[row.sync] : null;
  const hidden = branch && !open;
  const bad = hidden && ATTENTION.includes(worst) ? { ...looks.healths[worst], label: worst } : null;
  return [
    hidden
      ? h(
          "span",
          { class: "gnb-below", title: `${count(below, "object")} below${bad ? `, ${bad.label}` : ""}` },
          `+${below}`,
          bad ? h("b", { text: bad.sign, tone: bad.tone, attrs: { role: "img", "aria-label": bad.label } }) : null,
        )
      : null,
    sync ? h("span", { class: "gnb-node-sync", tone: sync.tone, title: row.sync }, h("b", { text: sync.sign, attrs: { role: "img", "aria-label": row.sync } })) : null,
    row.note ? h("span", { class: "gnb-node-note", text: row.note, title: row.note }) : null,
    h("span", { class: "gnb-spring" }),
    row.info ? h("span", { class: "gnb-node-info", text: row.info, title: row.info }) : null,
    h("span", { class: "gnb-node-age", text: row.age ?? "", title: row.age ? `${row.age} old` : "" }),
  ];
}

function rowNode(row, place, state, looks, id) {
  const full = [row.kind, row.place ? `${row.place}/${row.name}` : row.name].filter(Boolean).join(" ");
  const node = h(
    "div",
    {
      class: `gnb-node${row.top ? " gnb-node-top" : ""}${state.dim ? " gnb-node-dim" : ""}`,
      attrs: {
        id,
        role: "treeitem",
        "data-id": row.id,
        "aria-level": row.level,
        "aria-setsize": state.size,
        "aria-posinset": state.place,
        "aria-expanded": state.branch ? String(state.open) : null,
        "aria-selected": String(state.selected),
      },
    },
    ...beforeName(row, state, looks),
    row.short ? kindChip(row.short, row.kind) : null,
    nameOf(row.name),
    ...afterName(row, state, looks),
  );
  node.querySelector(".gnb-node-name").title = full;
  node.style.top = `${place * ROW}px`;
  return node;
}

/** The scrolling list: `draw(shown)` for other rows, `mark()` for another selection. */
function treeList(signal, prefix, events) {
  let tree = treeOf([]);
  let shown = { visible: [], matching: [] };
  let looks = { healths: {}, statuses: {} };
  let drawn = new Map();
  let pending = 0;
  const space = h("div", { class: "gnb-tree-space", attrs: { role: "presentation" } });
  const list = h(
    "div",
    {
      class: "gnb-tree",
      signal,
      attrs: { role: "tree", tabindex: "0" },
      on: { scroll: () => later(), keydown: (event) => treeKeys(event, api), click: onClick, dblclick: onDoubleClick },
    },
    space,
  );
  signal.addEventListener("abort", () => cancelAnimationFrame(pending));

  const at = (id) => shown.visible.findIndex(({ index }) => tree.rows[index].id === id);
  const later = () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(fill);
  };

  function onClick(event) {
    const id = event.target.closest(".gnb-node")?.dataset.id;
    if (id === undefined) return;
    if (event.target.closest(".gnb-twisty")) events.toggle(id);
    else events.select(id);
  }

  function onDoubleClick(event) {
    const id = event.target.closest(".gnb-node")?.dataset.id;
    if (id !== undefined && !event.target.closest(".gnb-twisty")) events.toggle(id);
  }

  /** Put the rows in view into the page, and take the others out. */
  function fill() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - MARGIN_ROWS);
    const last = Math.min(shown.visible.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + MARGIN_ROWS);
    const kept = new Map();
    const added = [];
    for (let place = first; place < last; place += 1) {
      const node = drawn.get(place) ?? added[added.push(nodeAt(place)) - 1];
      kept.set(place, node);
    }
    for (const [place, node] of drawn) if (!kept.has(place)) node.remove();
    space.append(...added);
    drawn = kept;
  }

  function nodeAt(place) {
    const { index, open, place: posinset, size } = shown.visible[place];
    const row = tree.rows[index];
    const state = {
      open,
      size,
      place: posinset,
      branch: tree.has(index),
      below: tree.ends[index] - index - 1,
      worst: tree.worst[index],
      selected: row.id === events.selected(),
      dim: shown.filtered && !shown.matching[index] && !row.top,
    };
    return rowNode(row, place, state, looks, `${prefix}-${place}`);
  }

  function draw(nextTree, nextShown, header) {
    [tree, shown, looks] = [nextTree, nextShown, header];
    for (const node of drawn.values()) node.remove();
    drawn = new Map();
    space.style.height = `${shown.visible.length * ROW}px`;
    fill();
    mark(false);
  }

  /** Show which row is selected; `reveal` scrolls to it. */
  function mark(reveal) {
    const place = at(events.selected());
    if (place >= 0 && reveal) {
      const top = place * ROW;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
      fill();
    }
    for (const [each, node] of drawn) node.setAttribute("aria-selected", String(each === place));
    if (place >= 0 && drawn.has(place)) list.setAttribute("aria-activedescendant", `${prefix}-${place}`);
    else list.removeAttribute("aria-activedescendant");
  }

  const api = {
    node: list,
    draw,
    fill,
    mark,
    events,
    rowAt: (place) => tree.rows[shown.visible[place].index],
    entryAt: (place) => shown.visible[place],
    current: () => at(events.selected()),
    length: () => shown.visible.length,
    isBranch: (place) => tree.has(shown.visible[place].index),
    parentOf: (place) => shown.visible.findIndex(({ index }) => index === shown.visible[place].parent),
    page: () => Math.max(1, Math.floor(list.clientHeight / ROW) - 1),
  };
  return api;
}

/** Keys of the ARIA tree pattern: arrows, Home, End, pages, Enter, and the first letters of a name. */
function treeKeys(event, list) {
  if (!list.length() || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = Math.max(0, list.current());
  const last = list.length() - 1;
  const { open } = list.entryAt(at);
  const branch = list.isBranch(at);
  const go = (place) => list.events.select(list.rowAt(Math.max(0, Math.min(last, place))).id);
  const toggleRow = () => branch && list.events.toggle(list.rowAt(at).id);
  const actions = {
    ArrowDown: () => go(list.current() < 0 ? 0 : at + 1),
    ArrowUp: () => go(at - 1),
    PageDown: () => go(at + list.page()),
    PageUp: () => go(at - list.page()),
    Home: () => go(0),
    End: () => go(last),
    ArrowRight: () => (branch && open ? go(at + 1) : toggleRow()),
    ArrowLeft: () => (branch && open ? toggleRow() : list.parentOf(at) >= 0 && go(list.parentOf(at))),
    Enter: toggleRow,
    " ": toggleRow,
  };
  const action = actions[event.key] ?? (/^[\p{L}\p{N}]$/u.test(event.key) ? () => goToLetter(event.key, at, list, go) : null);
  // The notebook has keys of its own: none of those that move in the tree may reach it.
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}

function goToLetter(letter, at, list, go) {
  for (let step = 1; step <= list.length(); step += 1) {
    const place = (at + step) % list.length();
    if (list.rowAt(place).name.toLowerCase().startsWith(letter.toLowerCase())) return go(place);
  }
}
