/** The page of the proof view. Pure: everything that comes from a kernel is escaped here. */
import type { Formula, ProofView } from "../protocol";
import { difference, type Piece } from "./tokenDiff";

export interface Page {
  readonly kernel: string;
  readonly status: string;
  /** The text was edited, and the verifier has not answered since. */
  readonly stale: boolean;
  readonly view: ProofView | null;
}

export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

const STYLE = `
body { font-family: var(--vscode-font-family); font-size: var(--vscode-font-size); color: var(--vscode-foreground); padding: 0 1.2em 2em; line-height: 1.5; }
h1 { font-size: 1.3em; font-weight: 600; margin: 1em 0 .2em; font-family: var(--vscode-editor-font-family); }
h2 { font-size: .85em; font-weight: 600; margin: 0 0 .4em; color: var(--vscode-descriptionForeground); }
.status { margin: 0 0 1.2em; }
.stale { color: var(--vscode-descriptionForeground); font-style: italic; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(13em, 1fr)); gap: 1em; margin-bottom: 1.2em; }
.faded { opacity: .55; }
section { margin-bottom: 1.2em; min-width: 0; }
pre { margin: 0; padding: .7em .9em; background: var(--vscode-textCodeBlock-background); border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; font-family: var(--vscode-editor-font-family); font-size: var(--vscode-editor-font-size); }
mark { color: inherit; border-radius: 2px; padding: 0 1px; }
.kernel mark { background: var(--vscode-diffEditor-removedTextBackground); outline: 1px solid var(--vscode-diffEditor-removedTextBorder, transparent); }
.spec mark { background: var(--vscode-diffEditor-insertedTextBackground); outline: 1px solid var(--vscode-diffEditor-insertedTextBorder, transparent); }
ul { margin: 0; padding-left: 1.3em; }
li { font-family: var(--vscode-editor-font-family); font-size: var(--vscode-editor-font-size); white-space: pre-wrap; }
`;

function marked(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (piece.differs ? `<mark>${escape(piece.text)}</mark>` : escape(piece.text))).join("");
}

function shownText(formula: Formula): string {
  return formula.unicode ?? formula.text;
}

function block(title: string, formula: Formula | null): string {
  return formula === null ? "" : `<section><h2>${escape(title)}</h2><pre>${escape(shownText(formula))}</pre></section>`;
}

function sides(kernel: Formula | null, spec: Formula | null): string {
  if (kernel === null && spec === null) {
    return "";
  }
  const none = "<pre>(none)</pre>";
  let left = kernel === null ? none : `<pre>${escape(shownText(kernel))}</pre>`;
  let right = spec === null ? none : `<pre>${escape(shownText(spec))}</pre>`;
  if (kernel !== null && spec !== null) {
    const found = difference(shownText(kernel), shownText(spec));
    left = `<pre>${marked(found.left)}</pre>`;
    right = `<pre>${marked(found.right)}</pre>`;
  }
  return (
    `<div class="sides"><section class="kernel"><h2>Normal form of the kernel</h2>${left}</section>` +
    `<section class="spec"><h2>Normal form of the spec</h2>${right}</section></div>`
  );
}

function obligations(list: readonly Formula[] | null): string {
  if (list === null || list.length === 0) {
    return "";
  }
  const items = list.map((one) => `<li>${escape(one.text)}</li>`).join("");
  return `<section><h2>Obligations</h2><ul>${items}</ul></section>`;
}

function content(view: ProofView | null): string {
  if (view === null) {
    return "<p>Nothing is known here yet. Place the cursor in a kernel that has been verified.</p>";
  }
  return (
    sides(view.normalForm, view.specNormalForm) +
    block("Difference", view.difference) +
    obligations(view.obligations) +
    block("Shape type", view.shapeType) +
    block("Expression type", view.exprType)
  );
}

/** The whole page. Its policy lets in one style sheet and nothing else: no scripts, no network. */
export function page(shown: Page, nonce: string): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}';`;
  const note = shown.stale ? ' <span class="stale">stale: the text has changed</span>' : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Normal form</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>${escape(shown.kernel)}</h1>
<p class="status">${escape(shown.status)}${note}</p>
<div${shown.stale ? ' class="faded"' : ""}>${content(shown.view)}</div>
</body>
</html>`;
}
