// The wave preview. `elements.js` stands before this text. Traits: see waves.py; phases and tasks: see rows.py.

const NARROW = 700;

/** What a task says about itself on one line. */
function notesOf(task, namespaces) {
  return [
    namespaces > 1 ? task.place : "",
    task.fields ? count(task.fields, "field") : "",
    task.policies.length ? `deleted: ${task.policies.join(", ")}` : "",
    task.options.join(", "),
    task.reason,
  ].filter(Boolean);
}

/** One task: a button whose state part is redrawn in place, so that focus survives a running sync. */
function taskNode(task, header, namespaces, signal, events) {
  const state = h("span", { class: "gnb-task-state" });
  const message = h("span", { class: "gnb-task-message" });
  const notes = notesOf(task, namespaces);
  const button = h(
    "button",
    {
      class: "gnb-task",
      signal,
      attrs: { type: "button", tabindex: "-1", "data-id": task.id, "data-does": task.does, "aria-pressed": "false" },
      on: {
        mouseenter: () => events.look(task.id),
        mouseleave: () => events.look(""),
        focus: () => events.look(task.id),
        blur: () => events.look(""),
        click: () => events.pin(task.id),
      },
    },
    mark(header.kinds[task.does], task.does),
    h(
      "span",
      { class: "gnb-task-text" },
      h("span", { class: "gnb-task-name" }, kindChip(task.short, task.kind), h("span", { text: task.name })),
      h(
        "span",
        { class: "gnb-task-notes" },
        h("b", { text: task.does }),
        notes.length ? ` · ${notes.join(" · ")}` : "",
      ),
      message,
    ),
    state,
  );
  const update = (outcome, running) => {
    const name = outcome?.state ?? (running ? "pending" : "");
    button.dataset.state = name;
    const look = header.states[name];
    state.replaceChildren(
      ...(look ? [h("span", { tone: look.tone, text: look.sign, class: "gnb-state", title: name, attrs: { role: "img", "aria-label": name } })] : []),
    );
    message.textContent = name === "failed" || name === "running" ? (outcome.message ?? "") : "";
    message.dataset.tone = look?.tone ?? "muted";
    message.hidden = !message.textContent;
  };
  return { task, button, item: h("li", {}, button), update };
}

/** All lanes, with what is needed to update them: nodes by task, and waves with their tasks. */
function lanesOf(phases, header, signal, events) {
  const tasks = [];
  const waves = [];
  const places = phases.flatMap((phase) => phase.waves.flatMap((wave) => wave.tasks.map((task) => task.place)));
  const namespaces = new Set(places.filter(Boolean)).size;
  const lanes = phases.map((phase) => {
    const steps = phase.waves.map(({ wave, step, tasks: entries }) => {
      const nodes = entries.map((task) => taskNode(task, header, namespaces, signal, events));
      tasks.push(...nodes);
      const bubble = h("span", { class: "gnb-step", text: step, title: `step ${step}` });
      const quiet = h("li", { class: "gnb-quiet" });
      waves.push({ nodes, bubble, step, quiet });
      return h(
        "section",
        { class: "gnb-wave", attrs: { "aria-label": `${phase.name}, wave ${wave}` } },
        h("h4", { class: "gnb-wave-name" }, bubble, `wave ${wave}`),
        h("ul", { class: "gnb-tasks" }, ...nodes.map(({ item }) => item), quiet),
      );
    });
    return h(
      "section",
      { class: `gnb-lane${steps.length ? "" : " gnb-lane-empty"}`, attrs: { "aria-label": phase.name } },
      h(
        "h3",
        { class: "gnb-lane-name" },
        h("span", { text: phase.name }),
        h("small", { text: phase.caption }),
      ),
      ...(steps.length ? steps : [h("p", { class: "gnb-lane-none", text: "no tasks" })]),
    );
  });
  return { lanes, tasks, waves };
}

/** Everything about one task, for the strip below the lanes. */
function detailOf(task, outcome, running) {
  const rows = [
    ["Object", `${task.group ? `${task.group}/` : ""}${task.version} ${task.kind}`],
    ["Namespace", task.place || "cluster-scoped"],
    ["Action", task.change === task.action ? task.action : `${task.action}: ${task.change}`],
    ["Differs in", task.fields ? count(task.fields, "field") : ""],
    ["Hook deleted", task.policies.join(", ")],
    ["Options", task.options.join(", ")],
    ["Why", task.reason],
    ["State", outcome?.state ?? (running ? "pending" : "")],
    ["Message", outcome?.message ?? ""],
  ].filter(([, value]) => value);
  return [
    h("div", { class: "gnb-detail-name" }, kindChip(task.short, task.kind), h("b", { text: task.name })),
    h("dl", {}, ...rows.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value })))),
  ];
}

/** Arrow keys move through the tasks that are shown: up and down in order, left and right between lanes. */
function moveFocus(root, event) {
  const shown = [...root.querySelectorAll(".gnb-task")].filter((node) => node.offsetParent !== null);
  const at = shown.indexOf(document.activeElement);
  if (at < 0) return;
  const lanes = [...root.querySelectorAll(".gnb-lane")].filter((lane) => shown.some((node) => lane.contains(node)));
  const lane = lanes.findIndex((node) => node.contains(shown[at]));
  const beside = (step) => shown.find((node) => lanes[lane + step]?.contains(node));
  const next = {
    ArrowDown: shown[at + 1],
    ArrowUp: shown[at - 1],
    ArrowRight: beside(1),
    ArrowLeft: beside(-1),
    Home: shown[0],
    End: shown.at(-1),
  };
  if (!(event.key in next)) return;
  event.preventDefault();
  event.stopPropagation();
  if (!next[event.key]) return;
  shown[at].tabIndex = -1;
  next[event.key].tabIndex = 0;
  next[event.key].focus();
}

function progressOf(tasks, states) {
  const ended = tasks.filter(({ task }) => ["succeeded", "failed", "skipped"].includes(states[task.id]?.state)).length;
  const failed = tasks.filter(({ task }) => states[task.id]?.state === "failed").length;
  const text = `${ended} of ${tasks.length} done${failed ? `, ${failed} failed` : ""}`;
  return [
    h("progress", { tone: failed ? "bad" : "busy", attrs: { max: tasks.length, value: ended, "aria-label": "Tasks done" } }),
    h("span", { text }),
  ];
}

function render({ model, el }) {
  const controller = new AbortController();
  const { signal } = controller;
  const root = h("div", { class: "gnb gnb-waves", attrs: { role: "group" } });
  const head = h("div");
  const summary = h("div", { class: "gnb-summary" });
  const progress = h("div", { class: "gnb-progress", attrs: { role: "status" } });
  const lanes = h("div", { class: "gnb-lanes", signal, on: { keydown: (event) => moveFocus(root, event) } });
  const detail = h("div", { class: "gnb-detail", attrs: { "aria-live": "polite" } });
  let drawn = { tasks: [], waves: [] };
  let looked = "";
  let pinned = "";

  const unchanged = toggle({
    label: "Unchanged",
    title: "List the objects that the sync leaves as they are",
    get: () => model.get("show_unchanged"),
    set: (value) => store(model, "show_unchanged", value),
    signal,
  });

  const started = () => model.get("running") || Object.keys(model.get("states")).length > 0;

  function drawHead() {
    const header = model.get("header");
    root.setAttribute("aria-label", header.title);
    head.replaceChildren(headOf(header), noticesOf(header));
  }

  function drawLanes() {
    const header = model.get("header");
    const events = {
      look: (id) => ((looked = id), drawDetail()),
      pin: (id) => ((pinned = pinned === id ? "" : id), drawDetail()),
    };
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset?.id : undefined;
    const result = lanesOf(model.get("phases"), header, signal, events);
    drawn = result;
    lanes.replaceChildren(...result.lanes);
    const counts = {};
    for (const { task } of result.tasks) counts[task.does] = (counts[task.does] ?? 0) + 1;
    const tally = Object.entries(header.kinds).filter(([name]) => counts[name]);
    const words = { hook: counts.hook === 1 ? "hook" : "hooks", create: "to create", update: "to update", prune: "to prune", skip: "skipped" };
    summary.replaceChildren(
      h("b", { text: result.waves.length ? count(result.waves.length, "wave") : "nothing to do" }),
      ...tally.map(([name, look]) => h("span", { class: "gnb-count" }, mark(look, ""), `${counts[name]} ${words[name] ?? name}`)),
      h("span", { class: "gnb-spring" }),
      counts.unchanged ? unchanged.node : "",
    );
    drawStates();
    const first = result.tasks.find(({ task }) => task.id === focused) ?? result.tasks.find(({ item }) => !item.hidden);
    if (first) first.button.tabIndex = 0;
    if (first && focused === first.task.id) first.button.focus();
  }

  function drawStates() {
    const states = model.get("states");
    const all = model.get("show_unchanged");
    for (const { task, update, item } of drawn.tasks) {
      update(states[task.id], started());
      item.hidden = !all && task.does === "unchanged" && !["running", "failed"].includes(states[task.id]?.state);
    }
    for (const { nodes, bubble, step, quiet } of drawn.waves) {
      const names = nodes.map(({ task }) => states[task.id]?.state);
      const state = names.includes("failed")
        ? "failed"
        : names.every((name) => name === "succeeded" || name === "skipped")
          ? "succeeded"
          : names.some(Boolean)
            ? "running"
            : "";
      bubble.dataset.state = state;
      bubble.textContent = { succeeded: "✓", failed: "✕" }[state] ?? step;
      bubble.title = `step ${step}${state ? `: ${state}` : ""}`;
      const hidden = nodes.filter(({ item }) => item.hidden).length;
      quiet.textContent = `= ${count(hidden, "object")} unchanged`;
      quiet.hidden = hidden === 0;
    }
    progress.hidden = !started();
    if (started()) progress.replaceChildren(...progressOf(drawn.tasks, states));
    unchanged.update();
    drawDetail();
  }

  function drawDetail() {
    const shown = drawn.tasks.find(({ task }) => task.id === (looked || pinned));
    for (const { task, button } of drawn.tasks) button.setAttribute("aria-pressed", String(task.id === pinned));
    detail.classList.toggle("gnb-detail-idle", !shown);
    detail.replaceChildren(
      ...(shown
        ? detailOf(shown.task, model.get("states")[shown.task.id], started())
        : [drawn.tasks.length ? "Point at an object for its details; click to keep them." : "Git and the cluster agree."]),
    );
  }

  root.append(head, summary, progress, lanes, detail);
  el.append(root);
  drawHead();
  drawLanes();
  listen(model, signal, { header: drawHead, phases: drawLanes, "states running show_unchanged": drawStates });
  const updateTheme = watchTheme(root, signal);
  watchWidth(root, signal, (width) => {
    updateTheme();
    if (width > 0) root.classList.toggle("gnb-narrow", width < NARROW);
  });
  return () => {
    controller.abort();
    root.remove();
  };
}

export default { render };
