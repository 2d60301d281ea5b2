/** Wires the parts together and does nothing else. */
import * as vscode from "vscode";
import { Verifier } from "./client";
import { onPythonExtensionChoice } from "./pythonExtension";
import { registerDebugInformation } from "./ui/debugInformation";
import { registerGutter } from "./ui/gutter";
import { Logs } from "./ui/logs";
import { registerProofView } from "./ui/proofView";
import { registerProveAgainst } from "./ui/proveAgainst";
import { registerProveCommands } from "./ui/proveCommands";
import { registerSelectInterpreter } from "./ui/selectInterpreter";
import { registerStatusBar } from "./ui/statusBar";

let verifier: Verifier | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const logs = new Logs();
  const started = new Verifier(context, logs);
  verifier = started;
  context.subscriptions.push(
    logs,
    started,
    registerStatusBar(started),
    registerGutter(context, started),
    registerProofView(started),
    registerProveCommands(started),
    registerProveAgainst(started),
    registerSelectInterpreter(),
    registerDebugInformation(context, started),
    vscode.commands.registerCommand("stile.restart", () => started.restart()),
    vscode.commands.registerCommand("stile.showLogs", () => { logs.show(); }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void started.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("stile.interpreter")) {
        void started.interpreterMayHaveChanged();
      } else if (event.affectsConfiguration("stile")) {
        void started.settingsChanged();
      }
    }),
  );
  void onPythonExtensionChoice(() => void started.interpreterMayHaveChanged()).then((listener) => context.subscriptions.push(listener));
  void started.restart();
}

export async function deactivate(): Promise<void> {
  await verifier?.shutdown();
}
