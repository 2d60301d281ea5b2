import assert from "node:assert/strict";
import { test } from "node:test";
import { STATUSES, type KernelStatus, type Status } from "../src/protocol";
import { afterEdit, appearance, becamePending, count, isPromise, lostPromise, promises } from "../src/verdicts";

function kernel(name: string, status: Status, first: number, last: number): KernelStatus {
  return { name, status, message: "", range: { start: { line: first, character: 0 }, end: { line: last, character: 4 } } };
}

function lines(first: number, last: number): { start: { line: number; character: number }; end: { line: number; character: number } } {
  return { start: { line: first, character: 0 }, end: { line: last, character: 0 } };
}

test("only proved looks proved", () => {
  assert.deepEqual(STATUSES.filter((status) => appearance(status) === "proved"), ["proved"]);
});

test("counts every status once", () => {
  const counts = count(STATUSES.map((status) => kernel(status, status, 0, 1)));
  assert.equal(Object.values(counts).reduce((sum, one) => sum + one, 0), STATUSES.length);
  assert.equal(counts.proved, 1);
});

test("an edit inside a proved kernel withdraws its verdict at once", () => {
  const before = [kernel("a", "proved", 0, 5), kernel("b", "proved", 7, 9), kernel("c", "refuted", 0, 5)];
  const after = afterEdit(before, [lines(3, 3)]);
  assert.deepEqual(after.map((one) => one.status), ["stale", "proved", "refuted"]);
});

test("an assumed verdict is a promise too", () => {
  assert.ok(promises("assumed"));
  assert.equal(afterEdit([kernel("a", "assumed", 0, 5)], [lines(5, 5)])[0]?.status, "stale");
});

test("an edit elsewhere changes nothing, not even the list", () => {
  const before = [kernel("a", "proved", 0, 5)];
  assert.equal(afterEdit(before, [lines(6, 8)]), before);
});

test("a promise is lost when the kernel goes stale or goes away", () => {
  const proved = [kernel("a", "proved", 0, 5)];
  assert.ok(lostPromise(proved, [kernel("a", "stale", 0, 5)]));
  assert.ok(lostPromise(proved, []));
  assert.ok(!lostPromise(proved, [kernel("a", "proved", 3, 8)]));
  assert.ok(!lostPromise([kernel("a", "refuted", 0, 5)], []));
});

test("of two kernels with one name each needs its own promise", () => {
  const two = [kernel("a", "proved", 0, 5), kernel("a", "proved", 7, 9)];
  assert.ok(lostPromise(two, [kernel("a", "stale", 0, 5), kernel("a", "proved", 7, 9)]));
  assert.ok(!lostPromise(two, two));
});

test("lens texts that promise something", () => {
  for (const text of ["✓ proved in 9 ms", "✓ proved given 1 fact", "⚠ proved under 2 assumptions", "against M K: ✓ proved in 1 ms"]) {
    assert.ok(isPromise(text), text);
  }
  for (const text of ["✗ refuted at q=0, d=3", "? unknown: line 21", "⊘ unsupported: line 21", "⏱ timeout after 10 s", "… stale", "Prove"]) {
    assert.ok(!isPromise(text), text);
  }
});

test("a verdict of any kind that is waited for again", () => {
  assert.ok(becamePending([kernel("a", "refuted", 0, 5)], [kernel("a", "stale", 0, 5)]));
  assert.ok(!becamePending([kernel("a", "queued", 0, 5)], [kernel("a", "running", 0, 5)]));
  assert.ok(!becamePending([kernel("a", "refuted", 0, 5)], [kernel("a", "refuted", 0, 5)]));
  assert.ok(!becamePending([], [kernel("a", "queued", 0, 5)]));
});
