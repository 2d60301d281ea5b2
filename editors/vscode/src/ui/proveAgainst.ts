/** Asks for a spec and proves the kernel at the cursor against it in place of its own. */
import * as vscode from "vscode";
import type { Verifier } from "../client";
import { orTell, placeOf } from "./place";

export function registerProveAgainst(verifier: Verifier): vscode.Disposable {
  let last = "";
  return vscode.commands.registerCommand("stile.proveAgainst", (argument: unknown) =>
    orTell(async () => {
      const place = placeOf(argument);
      if (place === undefined) {
        return;
      }
      const spec = await vscode.window.showInputBox({
        title: "Stile: Prove against spec",
        prompt: "The spec that the kernel at the cursor should compute",
        placeHolder: "2 * (M N, N K -> M K)",
        value: last,
        ignoreFocusOut: true,
        validateInput: (text) => (text.trim() === "" ? "A spec is needed, for example: 2 * (M N, N K -> M K)" : undefined),
      });
      if (spec !== undefined) {
        last = spec;
        await verifier.command("proveAgainst", { ...place, spec });
      }
    }),
  );
}
