/** Where a command is meant: the place that a code lens carries, else the cursor. */
import * as vscode from "vscode";
import type { Place } from "../protocol";

function isPlace(value: unknown): value is Place {
  return typeof value === "object" && value !== null && "uri" in value && typeof value.uri === "string" && "position" in value;
}

export function placeOf(argument: unknown): Place | undefined {
  if (isPlace(argument)) {
    return argument;
  }
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "python") {
    void vscode.window.showInformationMessage("Stile: open a Python file and place the cursor in a kernel.");
    return undefined;
  }
  const { line, character } = editor.selection.active;
  return { uri: editor.document.uri.toString(), position: { line, character } };
}

/** Runs what a command does, and tells the user why if it cannot be done. */
export async function orTell(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const choice = await vscode.window.showWarningMessage(`Stile: ${message}`, "Show logs");
    if (choice !== undefined) {
      await vscode.commands.executeCommand("stile.showLogs");
    }
  }
}
