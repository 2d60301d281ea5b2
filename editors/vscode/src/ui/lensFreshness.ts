/**
 * Takes ✓ off the screen the moment it stops being true.
 *
 * The editor asks for code lenses again only after at least 250 ms without a key, and draws the old
 * ones until then: while somebody types, a kernel would keep the ✓ of a text that is no more. There
 * is no call that removes a lens. But whenever a provider comes or goes, the editor drops all
 * lenses at once and draws, from its cache, those that carried their text when they were last handed
 * over or resolved. So, for lenses that promise something:
 *
 * 1. they are handed over without text, and the text is given when the editor resolves them (drawn);
 * 2. right behind the text they are handed over once more, which puts a lens without text into the
 *    cache again, and this time resolving waits, because its end would put the text there;
 * 3. when a promise is lost, an inert provider goes and comes: the text is gone at once, and the
 *    line of the lens stays, so that nothing jumps.
 *
 * What is drawn cannot be asked for. If the editor has dropped the lenses for a reason of its own,
 * they reappear when the waiting of step 2 ends. Should an editor work otherwise, what is lost is
 * the promptness alone.
 */
import * as vscode from "vscode";
import type { Middleware, StaticFeature } from "vscode-languageclient";
import type { StatusChange, Statuses } from "../statuses";
import { becamePending, isPromise, lostPromise } from "../verdicts";

const HOLD_MILLISECONDS = 10_000;

/** From the answer to a resolve request to its being drawn, with room to spare. */
const DRAWING_MILLISECONDS = 50;

/** How long the text waits for step 2, which the editor starts 250 ms after it is asked to. */
const PATIENCE_MILLISECONDS = 1000;

interface Pending {
  readonly key: string;
  readonly uri: string;
  readonly command: vscode.Command;
}

/** The lens that tells the verdict against another spec than the kernel's own. */
const AGAINST = /^against /;

export class LensFreshness implements vscode.Disposable {
  private readonly pending = new WeakMap<vscode.CodeLens, Pending>();
  /** Lenses that the editor has been given the text of, and should be showing. */
  private readonly drawn = new Map<string, Pending>();
  private readonly again = new vscode.EventEmitter<void>();
  private readonly listeners: vscode.Disposable;
  private inert: vscode.Disposable;
  /** The lenses of a document are about to be handed over; `waiting` counts the texts that wait for it. */
  private readonly handingOver = new vscode.EventEmitter<string>();
  private readonly waiting = new Map<string, number>();

  constructor(statuses: Statuses) {
    this.inert = this.registerInert();
    this.listeners = vscode.Disposable.from(
      statuses.onDidChange((change) => { this.changed(change); }),
      // Another editor on the same file, or the same one after showing another, draws afresh.
      vscode.window.onDidChangeVisibleTextEditors(() => { this.drawn.clear(); }),
    );
  }

  readonly middleware: Middleware = {
    provideCodeLenses: async (document, token, next) => {
      const version = document.version;
      const lenses = await next(document, token);
      if (document.version !== version) {
        // An answer about an older text; the editor asks again about this one.
        throw new vscode.CancellationError();
      }
      const bare = lenses?.map((lens) => this.withoutPromise(document, lens));
      const uri = document.uri.toString();
      if (this.waiting.has(uri)) {
        // The texts that waited for this go first, and are drawn: what is handed over after them is
        // what the cache keeps, and the commands of what was handed over before them stay alive.
        this.handingOver.fire(uri);
        await new Promise((resolve) => setTimeout(resolve, DRAWING_MILLISECONDS));
      }
      return bare;
    },
    resolveCodeLens: (lens, token) => this.resolve(lens, token),
  };

  /** Makes the client offer resolving, which `middleware` answers without asking the server. */
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

  private withoutPromise(document: vscode.TextDocument, lens: vscode.CodeLens): vscode.CodeLens {
    const command = lens.command;
    if (command === undefined || !isPromise(command.title)) {
      return lens;
    }
    const bare = new vscode.CodeLens(lens.range);
    const uri = document.uri.toString();
    const key = JSON.stringify([uri, lens.range.start.line, command.title]);
    this.pending.set(bare, { key, uri, command });
    return bare;
  }

  private async resolve(lens: vscode.CodeLens, token: vscode.CancellationToken): Promise<vscode.CodeLens> {
    const pending = this.pending.get(lens);
    if (pending === undefined) {
      return lens;
    }
    if (this.drawn.has(pending.key)) {
      await wait(HOLD_MILLISECONDS, token);
    }
    if (!token.isCancellationRequested) {
      this.again.fire();
      await this.nextHandingOver(pending.uri, token);
    }
    if (token.isCancellationRequested) {
      return lens;
    }
    this.drawn.set(pending.key, pending);
    return new vscode.CodeLens(lens.range, pending.command);
  }

  private async nextHandingOver(uri: string, token: vscode.CancellationToken): Promise<void> {
    this.waiting.set(uri, (this.waiting.get(uri) ?? 0) + 1);
    await wait(PATIENCE_MILLISECONDS, token, (done) => this.handingOver.event((which) => { if (which === uri) { done(); } }));
    const left = (this.waiting.get(uri) ?? 1) - 1;
    if (left > 0) {
      this.waiting.set(uri, left);
    } else {
      this.waiting.delete(uri);
    }
  }

  private changed(change: StatusChange): void {
    const uri = change.uri.toString();
    // A refuted kernel may have been proved against another spec; its own status does not tell.
    const besides = [...this.drawn.values()].some((lens) => lens.uri === uri && AGAINST.test(lens.command.title));
    if (lostPromise(change.before, change.after) || (besides && becamePending(change.before, change.after))) {
      this.drawn.clear();
      this.inert.dispose();
      this.inert = this.registerInert();
    }
  }

  /** Gives no lenses; its coming and going, and its event, are what it is for. */
  private registerInert(): vscode.Disposable {
    return vscode.languages.registerCodeLensProvider(
      { language: "python" },
      { onDidChangeCodeLenses: this.again.event, provideCodeLenses: () => [] },
    );
  }

  dispose(): void {
    this.listeners.dispose();
    this.handingOver.dispose();
    this.inert.dispose();
    this.again.dispose();
  }
}

/** Waits for the time, the end of the request or the event, whichever comes first. */
function wait(
  milliseconds: number,
  token: vscode.CancellationToken,
  event: (done: () => void) => vscode.Disposable = () => new vscode.Disposable(() => undefined),
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      listeners.dispose();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const listeners = vscode.Disposable.from(token.onCancellationRequested(end), event(end));
  });
}
