// The fields of one resource as a table: where, what, whose, which rule; `elements.js` stands before this text.

const withLines = (node, text) => {
  text.split("\n").forEach((line, index) => node.append(...(index ? [h("br"), line] : [line])));
  return node;
};

/** A path that breaks after its dots, slashes and brackets where it must. */
const breaking = (name, path) =>
  h("code", { class: name }, ...path.split(/(?<=[./\]])/).flatMap((part, index) => (index ? [h("wbr"), part] : [part])));

/** A path and the button that copies it. */
const copyable = (name, text, word) =>
  h("span", { class: "gnb-copyable" }, breaking(name, text), copyButton(text, `Copy ${word}`));

function ownerOf(field) {
  const facts = [field.operation, field.since].filter(Boolean);
  if (!field.manager && !facts.length) return [h("span", { class: "gnb-none", text: "nobody known" })];
  return [h("span", { text: field.manager }), ...facts.map((text) => h("small", { text }))];
}

function effectOf(field) {
  const [sign, text, title] = field.synced
    ? ["→", "changes it", "A sync would make live what target is"]
    : ["=", "leaves it", "A sync would leave live as it is"];
  return h("span", { class: "gnb-effect", title, tone: field.synced ? "change" : "muted" }, h("b", { text: sign, attrs: { "aria-hidden": "true" } }), text);
}

function fieldRow(field) {
  const cell = (label, ...content) => h("td", { attrs: { "data-label": label } }, h("div", {}, ...content));
  return h(
    "tr",
    { class: field.ignored ? "gnb-ignored" : "" },
    cell(
      "Path",
      copyable("gnb-path", field.path, "path"),
      field.pointer ? copyable("gnb-pointer", field.pointer, "JSON pointer") : null,
      field.ignored ? h("span", { class: "gnb-tag" }, h("b", { text: "ignored by " }), breaking("gnb-rule", field.ignored)) : null,
    ),
    cell("Live", withLines(h("code", { class: "gnb-value", tone: "remove" }), field.live)),
    cell("Target", withLines(h("code", { class: "gnb-value", tone: "add" }), field.target)),
    cell("Owner", ...ownerOf(field)),
    cell("A sync", effectOf(field)),
  );
}

function fieldsTable(fields) {
  return h(
    "table",
    { class: "gnb-fields", attrs: { "aria-label": "Fields that differ" } },
    h("thead", {}, h("tr", {}, ...["Path", "Live", "Target", "Owner", "A sync"].map((text) => h("th", { text, attrs: { scope: "col" } })))),
    h("tbody", {}, ...fields.map(fieldRow)),
  );
}

/** Ignore rules that found nothing, folded; nothing where each found something. */
function unusedRules(rules) {
  if (!rules?.length) return null;
  return h(
    "details",
    { class: "gnb-unused" },
    h("summary", {}, h("b", { text: "!", attrs: { "aria-hidden": "true" } }), `${count(rules.length, "ignore rule")} ${rules.length === 1 ? "matches" : "match"} nothing`),
    h("ul", {}, ...rules.map(({ rule, reason }) => h("li", {}, breaking("gnb-rule", rule), h("span", { text: reason })))),
  );
}
