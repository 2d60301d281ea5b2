/** Copies what a bug report needs; works also while the verifier does not. */
import * as vscode from "vscode";
import type { Verifier } from "../client";
import { readSettings } from "../settings";
import { interpreterWords } from "./statusText";

export function registerDebugInformation(context: vscode.ExtensionContext, verifier: Verifier): vscode.Disposable {
  async function fromServer(): Promise<string> {
    try {
      const answer = await verifier.command("debugInformation", {});
      return typeof answer === "string" ? answer : JSON.stringify(answer, undefined, 2);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  return vscode.commands.registerCommand("stile.copyDebugInformation", async () => {
    const manifest = context.extension.packageJSON as { readonly version: string };
    const text = [
      `Stile ${manifest.version}, VS Code ${vscode.version}, ${process.platform} ${process.arch}`,
      `Remote: ${vscode.env.remoteName ?? "none"}; trusted: ${vscode.workspace.isTrusted ? "yes" : "no"}`,
      `Interpreter: ${interpreterWords(verifier.interpreter)}`,
      `Verifier: ${verifier.state.kind}${verifier.state.kind === "stopped" ? ` (${verifier.state.reason})` : ""}`,
      `Settings: ${JSON.stringify(readSettings(undefined))}`,
      "",
      await fromServer(),
    ].join("\n");
    await vscode.env.clipboard.writeText(text);
    void vscode.window.showInformationMessage("Stile: the debug information is in the clipboard.");
  });
}
