import assert from "node:assert/strict";
import { test } from "node:test";
import type { Formula, ProofView } from "../src/protocol";
import { escape, page } from "../src/ui/proofHtml";
import { difference, tokens, type Piece } from "../src/ui/tokenDiff";

const formula = (text: string): Formula => ({ text, latex: "" });
const empty: ProofView = { shapeType: null, exprType: null, normalForm: null, specNormalForm: null, difference: null, obligations: null };
const text = (pieces: readonly Piece[]): string => pieces.map((piece) => piece.text).join("");
const marked = (pieces: readonly Piece[]): string[] => pieces.filter((piece) => piece.differs).map((piece) => piece.text);

test("text from a kernel cannot become markup", () => {
  const hostile = `<img src=x onerror="alert('1')">&`;
  assert.equal(escape(hostile), "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;");
  const view: ProofView = {
    shapeType: formula(hostile),
    exprType: formula(hostile),
    normalForm: formula(hostile),
    specNormalForm: formula(`${hostile}2`),
    difference: formula(hostile),
    obligations: [formula(hostile)],
  };
  const html = page({ kernel: hostile, status: hostile, stale: false, view }, "nonce");
  assert.ok(!html.includes("<img"));
});

test("the policy lets in the one style sheet only", () => {
  const html = page({ kernel: "k", status: "proved", stale: false, view: empty }, "abc");
  assert.ok(html.includes(`content="default-src 'none'; style-src 'nonce-abc';"`));
  assert.ok(!html.includes("<script"));
});

test("the difference is marked on both sides", () => {
  const found = difference("4 * sum[N](A[M, N])", "2 * sum[N](A[M, N])");
  assert.deepEqual(marked(found.left), ["4"]);
  assert.deepEqual(marked(found.right), ["2"]);
});

test("equal texts have no marks, and no text is lost", () => {
  const same = difference("a + b * c", "a + b * c");
  assert.deepEqual([marked(same.left), marked(same.right)], [[], []]);
  const other = difference("a  + b[i, 3]", "b[i + 1, 3]\n - a");
  assert.equal(text(other.left), "a  + b[i, 3]");
  assert.equal(text(other.right), "b[i + 1, 3]\n - a");
});

test("names and numbers are not cut into letters", () => {
  assert.deepEqual(tokens("tile_a12 -> 3.5 <= größe"), ["tile_a12", " ", "->", " ", "3.5", " ", "<=", " ", "größe"]);
  assert.deepEqual(marked(difference("alpha", "alphb").left), ["alpha"]);
});

test("a huge pair is shown whole, as different", () => {
  const left = Array.from({ length: 3000 }, (_, i) => `a${i}`).join(" ");
  const right = Array.from({ length: 3000 }, (_, i) => `b${i}`).join(" ");
  assert.equal(text(difference(left, right).left), left);
});

test("a stale view says so", () => {
  assert.ok(page({ kernel: "k", status: "stale", stale: true, view: empty }, "n").includes("the text has changed"));
  assert.ok(page({ kernel: "k", status: "", stale: false, view: null }, "n").includes("Nothing is known here yet"));
});
