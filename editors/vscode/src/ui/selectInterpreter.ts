/** Lets the user choose the interpreter, through the Python extension where that is there. */
import * as path from "node:path";
import * as vscode from "vscode";
import { existingFile, newEnough, probe } from "../interpreter";
import { pythonExtensionIsThere } from "../pythonExtension";

interface Item extends vscode.QuickPickItem {
  readonly path?: string;
}

const BROWSE = "Browse…";

/** Interpreters that can be offered without being asked for one. */
async function known(): Promise<Item[]> {
  const folders = vscode.workspace.isTrusted ? (vscode.workspace.workspaceFolders ?? []) : [];
  const files = [
    ...folders.map((folder) => path.join(folder.uri.fsPath, ".venv", "bin", "python")),
    ...(process.env["PATH"] ?? "")
      .split(path.delimiter)
      .filter((directory) => path.isAbsolute(directory))
      .flatMap((directory) => ["python3", "python3.14", "python3.13", "python3.12", "python3.11"].map((name) => path.join(directory, name))),
  ];
  const items = await Promise.all(
    files.map(async (file): Promise<Item | undefined> => {
      if (!(await existingFile(file))) {
        return undefined;
      }
      const answer = await probe(file);
      return typeof answer === "string" || !newEnough(answer.version)
        ? undefined
        : { label: `Python ${answer.version.join(".")}`, description: file, path: file };
    }),
  );
  return items.filter((item) => item !== undefined);
}

async function browse(): Promise<string | undefined> {
  const files = await vscode.window.showOpenDialog({ title: "Python 3.11 or newer", openLabel: "Use", canSelectMany: false });
  return files?.[0]?.fsPath;
}

export function registerSelectInterpreter(): vscode.Disposable {
  return vscode.commands.registerCommand("stile.selectInterpreter", async () => {
    if (pythonExtensionIsThere()) {
      await vscode.commands.executeCommand("python.setInterpreter");
      return;
    }
    const items = known().then((found): Item[] => [...found, { label: BROWSE }]);
    const choice = await vscode.window.showQuickPick(items, { title: "Stile: Select interpreter", placeHolder: "Runs the verifier and your kernels" });
    const file = choice?.label === BROWSE ? await browse() : choice?.path;
    if (file !== undefined) {
      const target = vscode.workspace.workspaceFolders === undefined ? vscode.ConfigurationTarget.Global : vscode.ConfigurationTarget.Workspace;
      await vscode.workspace.getConfiguration("stile").update("interpreter", file, target);
    }
  });
}
