/** Prove the kernel at the cursor, or all of a file; cancel. Results come by `stile/status`. */
import * as vscode from "vscode";
import type { Verifier } from "../client";
import { orTell, placeOf } from "./place";

export function registerProveCommands(verifier: Verifier): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.commands.registerCommand("stile.prove", (argument: unknown) =>
      orTell(async () => {
        const place = placeOf(argument);
        if (place !== undefined) {
          await verifier.command("prove", place);
        }
      }),
    ),
    vscode.commands.registerCommand("stile.proveAll", (argument: unknown) =>
      orTell(async () => {
        const place = placeOf(argument);
        if (place !== undefined) {
          await verifier.command("proveAll", { uri: place.uri });
        }
      }),
    ),
    vscode.commands.registerCommand("stile.cancel", (argument: unknown) =>
      orTell(async () => {
        const place = placeOf(argument);
        if (place !== undefined) {
          await verifier.command("cancel", { uri: place.uri });
        }
      }),
    ),
  );
}
