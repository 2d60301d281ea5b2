import assert from "node:assert/strict";
import { test } from "node:test";
import { STATUSES, type KernelStatus, type Status } from "../src/protocol";
import { interpreterWords, isolationWords, statusText, statusWords, type View } from "../src/ui/statusText";

const range = { start: { line: 0, character: 0 }, end: { line: 1, character: 0 } };
const kernels = (...statuses: Status[]): KernelStatus[] => statuses.map((status, i) => ({ name: `k${i}`, status, message: "", range }));
const view = (...statuses: Status[]): View => ({ server: "running", trusted: true, interpreter: undefined, kernels: kernels(...statuses) });

test("counts by appearance", () => {
  assert.equal(statusText(view("proved", "proved", "proved", "refuted")), "Stile $(check) 3 $(x) 1");
  assert.equal(statusText(view("unknown", "unsupported", "assumed")), "Stile $(warning) 1 $(question) 2");
  assert.equal(statusText(view("timeout", "crashed", "error")), "Stile $(error) 3");
});

test("verifying and stale are told apart", () => {
  assert.equal(statusText(view("proved", "running", "queued")), "Stile $(sync~spin) 2 $(check) 1");
  assert.equal(statusText(view("stale", "proved")), "Stile $(history) 1 $(check) 1");
});

test("nothing but proved shows a check mark", () => {
  for (const status of STATUSES) {
    assert.equal(statusText(view(status)).includes("$(check)"), status === "proved", status);
  }
});

test("no counts while there is no verifier", () => {
  assert.equal(statusText({ ...view("proved"), server: "starting" }), "$(sync~spin) Stile");
  assert.equal(statusText({ ...view("proved"), server: "stopped", reason: "no Python" }), "$(error) Stile");
  assert.equal(statusWords({ ...view(), server: "stopped", reason: "no Python" }), "The verifier is not running: no Python");
});

test("a folder that is not trusted shows it", () => {
  assert.equal(statusText({ ...view(), trusted: false }), "$(shield) Stile");
});

test("a verifier that does not isolate kernels shows it", () => {
  const isolation = { interpreter: "/p", level: "partly isolated", message: "partly isolated by seccomp: kernels can read your files" } as const;
  assert.equal(statusText({ ...view(), isolation }), "$(unlock) Stile");
  assert.equal(statusText({ ...view(), isolation: { ...isolation, level: "isolated" } }), "Stile");
  assert.equal(isolationWords(isolation), "Kernels are run partly isolated by seccomp: kernels can read your files.");
  assert.equal(isolationWords(undefined), "No kernel was run yet.");
});

test("words for screen readers and the interpreter", () => {
  assert.equal(statusWords(view("proved", "refuted")), "Kernels: 1 proved, 1 refuted.");
  assert.equal(statusWords(view()), "No kernels in this file.");
  assert.equal(interpreterWords({ path: "/p", version: "3.12.1", origin: "PATH" }), "Python 3.12.1: /p (PATH)");
});
