/**
 * The interpreter that the Python extension (ms-python.python) has chosen. That extension is
 * optional: it is never depended upon, and its absence is the normal case elsewhere.
 */
import * as vscode from "vscode";

const IDENTIFIER = "ms-python.python";
const PATIENCE_MILLISECONDS = 5000;

/** The part of that extension's public API that is used here. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: { readonly path: string }): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

async function pythonApi(): Promise<PythonApi | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi | undefined>(IDENTIFIER);
  if (extension === undefined) {
    return undefined;
  }
  try {
    return extension.isActive ? extension.exports : await withPatience(extension.activate());
  } catch {
    return undefined;
  }
}

/** A Python extension that hangs while it discovers environments must not hold the verifier up. */
async function withPatience<T>(promise: Thenable<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => { resolve(undefined); }, PATIENCE_MILLISECONDS);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Path of the chosen interpreter for a resource, or undefined without a usable Python extension. */
export async function chosenByPythonExtension(resource: vscode.Uri | undefined): Promise<string | undefined> {
  const api = await pythonApi();
  if (api === undefined) {
    return undefined;
  }
  try {
    const active = api.environments.getActiveEnvironmentPath(resource);
    // The active path of a conda environment may be its folder; resolving gives the program.
    const resolved = await withPatience(api.environments.resolveEnvironment(active));
    return resolved?.executable.uri?.fsPath;
  } catch {
    return undefined;
  }
}

export async function onPythonExtensionChoice(listener: () => void): Promise<vscode.Disposable> {
  const api = await pythonApi();
  return api?.environments.onDidChangeActiveEnvironmentPath(() => { listener(); }) ?? new vscode.Disposable(() => undefined);
}

export function pythonExtensionIsThere(): boolean {
  return vscode.extensions.getExtension(IDENTIFIER) !== undefined;
}
