// Which rows of a tree are shown, worked out once for each change; `elements.js` stands before this text.

const ATTENTION = ["Degraded", "Missing", "Progressing", "Unknown"];

/** The rows with what lies below each: `parents[i]`, `ends[i]` (first row that is not below), `worst[i]` (a health). */
function treeOf(rows) {
  const parents = new Int32Array(rows.length).fill(-1);
  const ends = new Int32Array(rows.length).fill(rows.length);
  const worst = rows.map(() => "");
  const path = [];
  rows.forEach((row, index) => {
    while (path.length && rows[path.at(-1)].level >= row.level) ends[path.pop()] = index;
    if (path.length) parents[index] = path.at(-1);
    path.push(index);
  });
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const parent = parents[index];
    if (parent < 0) continue;
    for (const health of [rows[index].health, worst[index]]) if (isWorse(health, worst[parent])) worst[parent] = health;
  }
  return { rows, parents, ends, worst, has: (index) => ends[index] > index + 1 };
}

const rank = (health) => (ATTENTION.includes(health) ? ATTENTION.indexOf(health) : ATTENTION.length);
const isWorse = (health, than) => rank(health) < rank(than);

/** `{visible, matching, total}`: the rows to draw with their places among siblings, those that match, all objects. */
function shownRows(tree, { closed, query, kind, healths }) {
  const { rows, parents, ends } = tree;
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const filtered = words.length > 0 || kind !== "" || healths.length > 0;
  const matching = new Uint8Array(rows.length);
  const kept = new Uint8Array(rows.length);
  let matches = 0;
  let total = 0;
  rows.forEach((row, index) => {
    if (row.top) return void (kept[index] ||= filtered ? 0 : 1);
    total += 1;
    if (kind && row.kind !== kind) return;
    if (healths.length && !healths.includes(row.health ?? "")) return;
    if (words.length) {
      const text = `${row.kind} ${row.short} ${row.group ?? ""} ${row.place ?? ""}/${row.name} ${row.sync ?? ""} ${row.health ?? ""} ${row.info ?? ""}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) return;
    }
    matches += 1;
    matching[index] = 1;
    for (let at = index; at >= 0 && !kept[at]; at = parents[at]) kept[at] = 1;
  });
  const isClosed = new Set(filtered ? [] : closed);
  const visible = [];
  const siblings = new Map();
  for (let index = 0; index < rows.length; ) {
    if (kept[index]) {
      const parent = parents[index];
      const place = (siblings.get(parent) ?? 0) + 1;
      siblings.set(parent, place);
      const open = tree.has(index) && !isClosed.has(rows[index].id);
      visible.push({ index, place, parent, open });
      index = open ? index + 1 : ends[index];
    } else index = ends[index];
  }
  for (const entry of visible) entry.size = siblings.get(entry.parent);
  return { visible, matching, matches, total, filtered };
}
