// What is known of the selected object: facts, events, the end of its log; `elements.js` stands before this text.

const PATIENCE_MS = 8000;

function factsOf(facts) {
  const rows = facts.map(([name, value]) =>
    h("div", {}, h("dt", { text: name }), h("dd", {}, ...value.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line])))),
  );
  return [h("dl", { class: "gnb-facts-list" }, ...rows)];
}

function eventsOf(rows) {
  if (!rows.length) return [h("p", { class: "gnb-empty", text: "No events: the API server keeps them for an hour, unless told otherwise." })];
  const items = rows.map((event) =>
    h(
      "li",
      { tone: event.tone },
      h("div", { class: "gnb-event-head" }, badge({ sign: event.type === "Normal" ? "i" : "!", label: event.type, tone: event.tone }), h("b", { text: event.reason }), event.count > 1 ? h("span", { text: `× ${event.count}` }) : null),
      h("div", { text: event.message }),
      h("small", { text: [event.seen, event.source].filter(Boolean).join(" · ") }),
    ),
  );
  return [h("ul", { class: "gnb-events", attrs: { "aria-label": "Events" } }, ...items)];
}

function logOf(detail, choose) {
  const select = h(
    "select",
    { class: "gnb-select", attrs: { "aria-label": "Container" }, on: { change: () => choose(select.value) } },
    ...detail.containers.map((name) => h("option", { text: name, attrs: { value: name, selected: name === detail.container } })),
  );
  const text = detail.lines.length ? detail.lines.join("\n") : "The log is empty.";
  const lines = h("pre", { class: "gnb-log", text, attrs: { tabindex: "0", "aria-label": `Log of ${detail.container}` } });
  const head = h("div", { class: "gnb-log-head" }, detail.containers.length > 1 ? select : null, h("small", { text: `last ${count(detail.lines.length, "line")} of ${detail.container}` }));
  return [head, lines];
}

/** The pane beside the tree. */
function nodeDetail(model, signal) {
  const heading = h("div", { class: "gnb-heading" });
  const message = h("div");
  const view = h("div", { class: "gnb-detail-view", attrs: { role: "region", "aria-label": "Details", tabindex: "0" } });
  const patience = waitingIn(view, signal, "object", PATIENCE_MS);
  const tabs = choice({
    label: "Details",
    options: [["facts", "Facts"], ["events", "Events"], ["log", "Log", "The last lines of a container"]],
    get: () => model.get("tab"),
    set: (value) => store(model, "tab", value),
    signal,
  });
  const again = h("button", {
    class: "gnb-icon",
    text: "↻",
    title: "Read again",
    signal,
    attrs: { type: "button", "aria-label": "Read again" },
    on: { click: () => store(model, "reload", model.get("reload") + 1) },
  });

  function drawHeading(row, detail) {
    const { healths, statuses } = model.get("header");
    heading.replaceChildren(
      h("span", { class: "gnb-heading-kind", text: row.group ? `${row.kind}.${row.group}` : (row.kind ?? "") }),
      h("span", { class: "gnb-heading-name", text: row.place ? `${row.place}/${row.name}` : row.name }),
      ...(row.sync ? [badge({ ...statuses[row.sync], label: row.sync })] : []),
      ...(row.health ? [badge({ ...healths[row.health], label: row.health })] : []),
    );
    const text = detail.message ?? row.message;
    const tone = row.health ? healths[row.health].tone : "busy";
    message.replaceChildren(...(text ? [h("div", { class: "gnb-notice", tone }, h("span", { text }))] : []));
  }

  const isAnswer = (detail) =>
    detail.id === model.get("selected") &&
    detail.tab === model.get("tab") &&
    detail.asked === model.get("container") &&
    detail.reload === model.get("reload") &&
    detail.generation === model.get("generation");

  function draw() {
    patience.end();
    const row = model.get("nodes").find(({ id }) => id === model.get("selected"));
    const detail = model.get("detail");
    const ready = isAnswer(detail);
    view.removeAttribute("aria-busy");
    tabs.node.hidden = !row || row.top;
    again.hidden = tabs.node.hidden || model.get("tab") === "facts" || !model.get("readable");
    if (!row) {
      heading.replaceChildren();
      message.replaceChildren();
      return view.replaceChildren(h("p", { class: "gnb-empty", text: "Choose an object to see its state, events and log." }));
    }
    drawHeading(row, ready ? detail : {});
    tabs.update();
    if (row.top) return view.replaceChildren(...topOf(row));
    if (!ready) return patience.begin();
    return view.replaceChildren(...contentOf(detail));
  }

  function topOf(row) {
    const rows = model.get("nodes");
    const first = rows.indexOf(row) + 1;
    const next = rows.findIndex((each, index) => index >= first && each.top);
    const below = rows.slice(first, next < 0 ? undefined : next);
    const kinds = {};
    for (const each of below) kinds[each.kind] = (kinds[each.kind] ?? 0) + 1;
    const counts = Object.entries(kinds).sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
    return factsOf([["Objects", String(below.length)], ...counts.map(([kind, number]) => [kind, String(number)])]);
  }

  function contentOf(detail) {
    const tab = model.get("tab");
    const note = (text) => [h("p", { class: "gnb-empty", text })];
    if (tab === "facts") return factsOf(detail.facts ?? []);
    if (tab === "events" && !detail.events) return note("What is not in the cluster has no events.");
    if (tab === "log" && !detail.logs) return note("Only pods have logs: choose a pod below this object.");
    if (!model.get("readable")) return note("There is no connection to read this from.");
    if (detail.error) return [h("div", { class: "gnb-notice", tone: "change", attrs: { role: "alert" } }, h("b", { text: "!" }), h("span", { text: detail.error }))];
    if (tab === "events") return eventsOf(detail.rows);
    const content = logOf(detail, (name) => store(model, "container", name));
    requestAnimationFrame(() => (content[1].scrollTop = content[1].scrollHeight));
    return content;
  }

  listen(model, signal, { "selected detail tab container reload generation header nodes readable": draw });
  draw();
  return h("div", { class: "gnb-detail" }, h("div", { class: "gnb-detail-head" }, heading, message, h("div", { class: "gnb-tabs" }, tabs.node, again)), view);
}
