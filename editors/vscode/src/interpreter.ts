/**
 * Which Python runs the verifier. Pure but for `probe` and `existingFile`, which ask the machine.
 *
 * The order: the Python extension's choice, the setting, the folder's `.venv`, `PATH`. A choice
 * that somebody made (the first two) is never replaced by another one: if it does not work, the
 * user is told. Only what was merely found may be passed over for the next.
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import * as path from "node:path";

export type Origin = "Python extension" | "setting stile.interpreter" | ".venv of the folder" | "PATH";

export interface Candidate {
  readonly path: string;
  readonly origin: Origin;
  /** Chosen by a person, so that falling back to another would be wrong. */
  readonly chosen: boolean;
}

export interface Surroundings {
  readonly pythonExtension: string | undefined;
  readonly setting: string;
  readonly folder: string | undefined;
  /** Programs of an untrusted folder must not be started: its `.venv` is left out. */
  readonly trusted: boolean;
  readonly home: string;
  readonly searchPath: string;
}

/** Names tried on PATH; versioned names find a new enough Python beside an old `python3`. */
const PATH_NAMES = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"];

export const OLDEST: readonly [number, number] = [3, 11];

/** Replaces a leading `~` and `${workspaceFolder}`. */
export function expand(text: string, home: string, folder: string | undefined): string {
  let result = text.trim();
  if (result === "~" || result.startsWith("~/")) {
    result = home + result.slice(1);
  }
  if (folder !== undefined) {
    result = result.replaceAll("${workspaceFolder}", folder);
    if (result.includes("/") && !path.isAbsolute(result)) {
      result = path.join(folder, result);
    }
  }
  return result;
}

/** All interpreters worth trying, best first. */
export function candidates(around: Surroundings): Candidate[] {
  const found: Candidate[] = [];
  if (around.pythonExtension !== undefined) {
    found.push({ path: around.pythonExtension, origin: "Python extension", chosen: true });
  } else if (around.setting.trim() !== "") {
    const named = expand(around.setting, around.home, around.folder);
    found.push({ path: named, origin: "setting stile.interpreter", chosen: true });
  }
  if (around.folder !== undefined && around.trusted) {
    found.push({ path: path.join(around.folder, ".venv", "bin", "python"), origin: ".venv of the folder", chosen: false });
  }
  const directories = around.searchPath.split(path.delimiter).filter((directory) => path.isAbsolute(directory));
  for (const name of PATH_NAMES) {
    for (const directory of directories) {
      found.push({ path: path.join(directory, name), origin: "PATH", chosen: false });
    }
  }
  return found;
}

export interface Probed {
  /** `sys.executable`. */
  readonly executable: string;
  readonly version: readonly [number, number, number];
}

export type Probe = (file: string) => Promise<Probed | string>;

/** Starts the interpreter once, isolated, and asks who it is; a string says why that failed. */
export const probe: Probe = (file) =>
  new Promise((resolve) => {
    const question = "import json, sys; print(json.dumps([sys.executable, *sys.version_info[:3]]))";
    execFile(file, ["-I", "-c", question], { timeout: 15_000 }, (error, stdout) => {
      if (error !== null) {
        resolve(error.message.split("\n")[0] ?? "it did not start");
        return;
      }
      resolve(parseProbe(stdout) ?? "it does not answer like a Python");
    });
  });

export function parseProbe(stdout: string): Probed | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  if (!Array.isArray(answer) || answer.length !== 4) {
    return undefined;
  }
  const [executable, major, minor, micro] = answer as unknown[];
  if (typeof executable !== "string" || typeof major !== "number" || typeof minor !== "number" || typeof micro !== "number") {
    return undefined;
  }
  return { executable, version: [major, minor, micro] };
}

export function newEnough(version: readonly [number, number, number]): boolean {
  return version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1]);
}

export interface Interpreter {
  readonly path: string;
  readonly version: string;
  readonly origin: Origin;
}

export type Resolution = { readonly found: Interpreter } | { readonly problem: string };

/** The first candidate that exists and is new enough, or what to tell the user. */
export async function choose(
  options: readonly Candidate[],
  exists: (file: string) => Promise<boolean>,
  ask: Probe,
): Promise<Resolution> {
  const oldest = OLDEST.join(".");
  const rejected: string[] = [];
  for (const option of options) {
    const named = option.path.includes("/");
    if (named && !(await exists(option.path))) {
      if (option.chosen) {
        return { problem: `The interpreter ${option.path} (${option.origin}) does not exist.` };
      }
      continue;
    }
    const answer = await ask(option.path);
    if (typeof answer === "string") {
      if (option.chosen) {
        return { problem: `The interpreter ${option.path} (${option.origin}) does not start: ${answer}.` };
      }
      rejected.push(`${option.path}: ${answer}`);
      continue;
    }
    const version = answer.version.join(".");
    if (newEnough(answer.version)) {
      return { found: { path: option.path, version, origin: option.origin } };
    }
    if (option.chosen) {
      return { problem: `Stile needs Python ${oldest} or newer; ${option.path} (${option.origin}) is Python ${version}.` };
    }
    rejected.push(`${option.path} is Python ${version}`);
  }
  const seen = rejected.length === 0 ? "" : ` Found: ${rejected.join("; ")}.`;
  return { problem: `Stile needs Python ${oldest} or newer, and none was found in .venv or on PATH.${seen}` };
}

export async function existingFile(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
