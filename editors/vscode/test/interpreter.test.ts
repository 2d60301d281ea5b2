import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, choose, expand, newEnough, parseProbe, type Candidate, type Probed, type Surroundings } from "../src/interpreter";

const around: Surroundings = {
  pythonExtension: undefined,
  setting: "",
  folder: "/project",
  trusted: true,
  home: "/home/ada",
  searchPath: "/usr/bin:relative:/opt/bin",
};

const paths = (list: readonly Candidate[]): string[] => list.map((one) => one.path);

test("without any choice: .venv, then PATH", () => {
  const found = paths(candidates(around));
  assert.deepEqual(found.slice(0, 3), ["/project/.venv/bin/python", "/usr/bin/python3", "/opt/bin/python3"]);
  assert.ok(found.every((path) => path.startsWith("/")));
});

test("the Python extension's choice comes before the setting, the setting before .venv", () => {
  const both = candidates({ ...around, pythonExtension: "/chosen/python", setting: "/set/python" });
  assert.deepEqual(paths(both).slice(0, 2), ["/chosen/python", "/project/.venv/bin/python"]);
  assert.equal(candidates({ ...around, setting: "/set/python" })[0]?.path, "/set/python");
});

test("a folder that is not trusted does not bring its own interpreter", () => {
  assert.ok(!paths(candidates({ ...around, trusted: false })).some((path) => path.startsWith("/project")));
});

test("the setting understands the home folder, the workspace folder and relative paths", () => {
  assert.equal(expand("~/bin/python", "/home/ada", "/project"), "/home/ada/bin/python");
  assert.equal(expand("${workspaceFolder}/env/bin/python", "/home/ada", "/project"), "/project/env/bin/python");
  assert.equal(expand("env/bin/python", "/home/ada", "/project"), "/project/env/bin/python");
  assert.equal(expand("python3.12", "/home/ada", "/project"), "python3.12");
});

test("3.11 is new enough, 3.10 is not, 4.0 is", () => {
  assert.ok(newEnough([3, 11, 0]));
  assert.ok(!newEnough([3, 10, 14]));
  assert.ok(newEnough([4, 0, 0]));
});

test("an answer that is not a Python's is not believed", () => {
  assert.deepEqual(parseProbe('["/usr/bin/python3", 3, 11, 7]\n'), { executable: "/usr/bin/python3", version: [3, 11, 7] });
  assert.equal(parseProbe("hello"), undefined);
  assert.equal(parseProbe('{"version": 3}'), undefined);
});

const everything = (): Promise<boolean> => Promise.resolve(true);
const python = (minor: number) => (file: string): Promise<Probed | string> => Promise.resolve({ executable: file, version: [3, minor, 0] });

test("a found interpreter that is too old is passed over, a chosen one is not", async () => {
  const answers = new Map([["/old/python", 9], ["/new/python", 12]]);
  const ask = (file: string): Promise<Probed | string> => python(answers.get(file) ?? 0)(file);
  const found: Candidate[] = [
    { path: "/old/python", origin: "PATH", chosen: false },
    { path: "/new/python", origin: "PATH", chosen: false },
  ];
  assert.deepEqual(await choose(found, everything, ask), { found: { path: "/new/python", version: "3.12.0", origin: "PATH" } });
  const chosen: Candidate[] = [{ path: "/old/python", origin: "Python extension", chosen: true }, ...found];
  const refused = await choose(chosen, everything, ask);
  assert.ok("problem" in refused && refused.problem.includes("/old/python (Python extension) is Python 3.9.0"));
});

test("a chosen interpreter that is missing is reported, not replaced", async () => {
  const chosen: Candidate[] = [
    { path: "/gone/python", origin: "setting stile.interpreter", chosen: true },
    { path: "/usr/bin/python3", origin: "PATH", chosen: false },
  ];
  const answer = await choose(chosen, (file) => Promise.resolve(file !== "/gone/python"), python(12));
  assert.deepEqual(answer, { problem: "The interpreter /gone/python (setting stile.interpreter) does not exist." });
});

test("nothing suitable names what was seen", async () => {
  const answer = await choose([{ path: "/old/python3", origin: "PATH", chosen: false }], everything, python(8));
  assert.ok("problem" in answer && answer.problem.includes("/old/python3 is Python 3.8.0"));
});
