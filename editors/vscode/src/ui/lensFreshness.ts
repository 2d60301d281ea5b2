/**
 * Takes verdicts above kernels off the screen the moment they stop being true.
 *
 * The editor asks for code lenses again only after at least 250 ms without a key, and until then
 * draws the old ones: while somebody types a proved kernel would keep its ✓ though the text above
 * which it stands has changed. Whenever the set of registered lens providers changes, though, the
 * editor drops all lenses at once and draws those it had cached, whose texts it kept only if they
 * came with the lens. So lenses are handed over without their text, the text is given when the
 * editor resolves a lens, and a promise that is lost is followed by a change of providers. The
 * line of the lens stays, empty, so that the text does not jump.
 */
import * as vscode from "vscode";
import type { Middleware, StaticFeature } from "vscode-languageclient";
import { lostPromise } from "../verdicts";
import type { StatusChange, Statuses } from "../statuses";

export class LensFreshness implements vscode.Disposable {
  private readonly commands = new WeakMap<vscode.CodeLens, vscode.Command>();
  private readonly listener: vscode.Disposable;

  constructor(statuses: Statuses) {
    this.listener = statuses.onDidChange((change) => { this.changed(change); });
  }

  readonly middleware: Middleware = {
    provideCodeLenses: async (document, token, next) => {
      const version = document.version;
      const lenses = await next(document, token);
      if (document.version !== version) {
        // Asked about an older text; the editor asks again for this one.
        throw new vscode.CancellationError();
      }
      return lenses?.map((lens) => {
        const bare = new vscode.CodeLens(lens.range);
        if (lens.command !== undefined) {
          this.commands.set(bare, lens.command);
        }
        return bare;
      });
    },
    resolveCodeLens: (lens) => {
      const command = this.commands.get(lens);
      return command === undefined ? lens : new vscode.CodeLens(lens.range, command);
    },
  };

  /** Makes the client resolve lenses, which `middleware` then answers without asking the server. */
  readonly feature: StaticFeature = {
    preInitialize: (capabilities) => {
      if (capabilities.codeLensProvider !== undefined) {
        capabilities.codeLensProvider = { ...capabilities.codeLensProvider, resolveProvider: true };
      }
    },
    fillClientCapabilities: () => undefined,
    initialize: () => undefined,
    getState: () => ({ kind: "static" }),
    clear: () => undefined,
  };

  private changed(change: StatusChange): void {
    if (lostPromise(change.before, change.after)) {
      // Matches no document: only its coming and going matters.
      const nothing = vscode.languages.registerCodeLensProvider({ scheme: "stile-nothing" }, { provideCodeLenses: () => [] });
      nothing.dispose();
    }
  }

  dispose(): void {
    this.listener.dispose();
  }
}
