// The lines of one resource as a table; `elements.js` stands before this text.

const CONTEXT = 2;
const CHUNK = 1000;

/** The rows in parts: `{rows}` to show and `{fold: [start, stop], section}` to unfold. */
function partsOf(rows, sections, compact, unfolded) {
  const keep = new Uint8Array(rows.length);
  // Where nothing differs there is nothing to fold around: the object is shown as it is.
  if (rows.every(([sign]) => sign === "=")) keep.fill(1);
  rows.forEach(([sign], index) => {
    if (sign === "=" && compact) return;
    const reach = compact ? CONTEXT : 0;
    keep.fill(1, Math.max(0, index - reach), Math.min(rows.length, index + reach + 1));
  });
  for (const [start, stop] of unfolded) keep.fill(1, start, stop);
  const parts = [];
  for (let index = 0; index < rows.length; ) {
    let stop = index;
    while (stop < rows.length && keep[stop] === keep[index]) stop += 1;
    const lone = stop - index === 1 && rows.length > 1;
    if (keep[index] || lone) parts.push({ start: index, stop });
    else parts.push({ fold: [index, stop], section: sectionAfter(sections, stop) });
    index = stop;
  }
  return parts;
}

function sectionAfter(sections, position) {
  for (let index = position; index <= position + CONTEXT; index += 1) if (sections[index]) return sections[index];
  return "";
}

/** Line numbers of both sides for each row. */
function numbersOf(rows) {
  let live = 0;
  let target = 0;
  return rows.map(([sign]) => [sign === "+" ? 0 : ++live, sign === "-" ? 0 : ++target]);
}

/** Text pieces with the key of a YAML line set apart; marked pieces are what the other side has not. */
function paint(segments, emphasis) {
  const pieces = (typeof segments === "string" ? [segments] : segments).map((piece) =>
    typeof piece === "string" ? [piece, 0] : piece,
  );
  const key = /^(\s*(?:- )*)((?:"[^"]*"|'[^']*'|[^\s"'#:][^:]*):)(?=\s|$)/.exec(pieces.map(([text]) => text).join(""));
  const start = key ? key[1].length : 0;
  const stop = key ? start + key[2].length : 0;
  const nodes = [];
  let at = 0;
  for (const [text, marked] of pieces) {
    for (const [from, to, isKey] of [[0, start, false], [start, stop, true], [stop, Infinity, false]]) {
      const part = text.slice(Math.max(0, from - at), Math.max(0, to - at));
      if (!part) continue;
      const inner = isKey ? h("span", { class: "gnb-key", text: part }) : document.createTextNode(part);
      nodes.push(marked ? h(emphasis, {}, inner) : inner);
    }
    at += text.length;
  }
  return nodes;
}

function codeCell(segments, side, changed) {
  if (segments === null) return h("td", { class: "gnb-code gnb-void", attrs: { "aria-label": "nothing here" } });
  const sign = changed ? { live: "-", target: "+" }[side] : "";
  const word = { "-": "live", "+": "target", "": undefined }[sign];
  return h(
    "td",
    { class: "gnb-code", tone: sign ? { "-": "remove", "+": "add" }[sign] : undefined },
    h("span", { class: "gnb-sign", text: sign || " ", attrs: { "aria-label": word, role: word ? "img" : undefined } }),
    h("span", { class: "gnb-line" }, ...paint(segments, side === "live" ? "del" : "ins")),
  );
}

const numberCell = (number, tone) => h("td", { class: "gnb-number", tone, text: number || "" });

function splitRow(row, [live, target]) {
  const [sign, first, second] = row;
  const before = sign === "+" ? null : first;
  const after = { "=": first, "+": first, "-": null, "~": second }[sign];
  const changed = sign !== "=";
  return h(
    "tr",
    {},
    numberCell(live, changed && before !== null ? "remove" : undefined),
    codeCell(before, "live", changed),
    numberCell(target, changed && after !== null ? "add" : undefined),
    codeCell(after, "target", changed),
  );
}

function unifiedRow(segments, side, changed, [live, target]) {
  const tone = changed ? { live: "remove", target: "add" }[side] : undefined;
  return h("tr", {}, numberCell(live, tone), numberCell(target, tone), codeCell(segments, side, changed));
}

/** In each run of changes first what goes, then what comes. */
function unifiedRows(rows, numbers, start, stop) {
  const result = [];
  for (let index = start; index < stop; ) {
    if (rows[index][0] === "=") {
      result.push(unifiedRow(rows[index][1], "live", false, numbers[index]));
      index += 1;
      continue;
    }
    let end = index;
    while (end < stop && rows[end][0] !== "=") end += 1;
    for (let at = index; at < end; at += 1) {
      if (rows[at][0] !== "+") result.push(unifiedRow(rows[at][1], "live", true, [numbers[at][0], 0]));
    }
    for (let at = index; at < end; at += 1) {
      const [sign, first, second] = rows[at];
      if (sign !== "-") result.push(unifiedRow(sign === "~" ? second : first, "target", true, [0, numbers[at][1]]));
    }
    index = end;
  }
  return result;
}

function foldRow(part, columns, unfold) {
  const [start, stop] = part.fold;
  const button = h(
    "button",
    { class: "gnb-fold", attrs: { type: "button" }, on: { click: () => unfold(part.fold) } },
    h("span", { class: "gnb-fold-dots", text: "⋯", attrs: { "aria-hidden": "true" } }),
    h("span", { text: count(stop - start, "unchanged line") }),
    part.section ? h("span", { class: "gnb-section", text: part.section }) : null,
  );
  return h("tr", { class: "gnb-fold-row" }, h("td", { attrs: { colspan: columns } }, button));
}

/** A table of lines; long ones are drawn in chunks. */
function linesTable(detail, split, compact, unfolded, unfold) {
  const { rows } = detail;
  const numbers = numbersOf(rows);
  const columns = split ? 4 : 3;
  const body = h("tbody");
  const drawn = [];
  for (const part of partsOf(rows, detail.sections, compact, unfolded)) {
    if (part.fold) drawn.push(() => [foldRow(part, columns, unfold)]);
    else if (split) for (let at = part.start; at < part.stop; at += 1) drawn.push(() => [splitRow(rows[at], numbers[at])]);
    else drawn.push(() => unifiedRows(rows, numbers, part.start, part.stop));
  }
  let next = 0;
  const more = h("button", { class: "gnb-more", attrs: { type: "button" }, on: { click: () => draw() } });
  const draw = () => {
    const stop = Math.min(drawn.length, next + CHUNK);
    for (; next < stop; next += 1) body.append(...drawn[next]());
    more.textContent = `Show more (${drawn.length - next} left)`;
    more.hidden = next >= drawn.length;
  };
  draw();
  const heads = split
    ? [["", 1], ["Live, in the cluster", 1], ["", 1], ["Target, after a sync", 1]]
    : [["", 2], [detail.alone ? "Target, not compared with the cluster" : "- live   + target, after a sync", 1]];
  const head = h(
    "thead",
    {},
    h("tr", {}, ...heads.map(([text, span]) => h("th", { text, attrs: { scope: text ? "col" : null, colspan: span } }))),
  );
  const widths = split ? ["gnb-w-number", "", "gnb-w-number", ""] : ["gnb-w-number", "gnb-w-number", ""];
  const table = h(
    "table",
    { class: `gnb-lines ${split ? "gnb-split" : "gnb-unified"}`, attrs: { "aria-label": "Lines" } },
    h("colgroup", {}, ...widths.map((name) => h("col", { class: name }))),
    head,
    body,
  );
  return [table, more];
}
