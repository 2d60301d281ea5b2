/** `Stile: Show normal form`: kernel beside spec in a panel that follows the verdict of its kernel. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Verifier } from "../client";
import type { KernelStatus, Place, ProofView } from "../protocol";
import { appearance } from "../verdicts";
import { orTell, placeOf } from "./place";
import { page } from "./proofHtml";

class ProofPanel implements vscode.Disposable {
  private readonly panel: vscode.WebviewPanel;
  private readonly listener: vscode.Disposable;
  private kernel: string | undefined;
  private offset = 0;
  private lastView: ProofView | null = null;
  private request = 0;

  constructor(
    private readonly verifier: Verifier,
    private place: Place,
    onClosed: () => void,
  ) {
    this.panel = vscode.window.createWebviewPanel(
      "stile.proofView",
      "Normal form",
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      { enableScripts: false, enableCommandUris: false, localResourceRoots: [] },
    );
    this.listener = verifier.statuses.onDidChange((change) => {
      if (change.uri.toString() === vscode.Uri.parse(this.place.uri).toString()) {
        this.refresh().catch(() => {
          // The verifier has gone in between: what is shown stays, marked as old.
          this.draw(undefined, true);
        });
      }
    });
    this.panel.onDidDispose(() => {
      this.listener.dispose();
      onClosed();
    });
  }

  async show(place: Place): Promise<void> {
    const kernel = this.kernelAt(place);
    this.kernel = kernel?.name;
    this.offset = kernel === undefined ? 0 : place.position.line - kernel.range.start.line;
    this.place = place;
    this.lastView = null;
    this.panel.title = this.kernel === undefined ? "Normal form" : `Normal form: ${this.kernel}`;
    this.panel.reveal(undefined, true);
    await this.refresh();
  }

  private kernelAt(place: Place): KernelStatus | undefined {
    const line = place.position.line;
    return this.verifier.statuses
      .of(vscode.Uri.parse(place.uri))
      .find((kernel) => kernel.range.start.line <= line && line <= kernel.range.end.line);
  }

  /** The kernel may have moved since, so it is followed by its name. */
  private follow(): KernelStatus | undefined {
    const kernels = this.verifier.statuses.of(vscode.Uri.parse(this.place.uri));
    const kernel = kernels.find((one) => one.name === this.kernel) ?? this.kernelAt(this.place);
    if (kernel !== undefined) {
      const line = Math.min(kernel.range.start.line + this.offset, kernel.range.end.line);
      this.place = { ...this.place, position: { ...this.place.position, line } };
    }
    return kernel;
  }

  private async refresh(): Promise<void> {
    this.request += 1;
    const mine = this.request;
    const kernel = this.follow();
    const stale = kernel === undefined || appearance(kernel.status) === "pending";
    if (!stale || this.lastView === null) {
      const view = await this.verifier.proofView(this.place);
      if (mine !== this.request) {
        return;
      }
      this.lastView = view;
    }
    this.draw(kernel, stale && this.lastView !== null);
  }

  private draw(kernel: KernelStatus | undefined, stale: boolean): void {
    const status = kernel === undefined ? "" : kernel.message === "" ? kernel.status : kernel.message;
    this.panel.webview.html = page(
      { kernel: this.kernel ?? "No kernel here", status, stale, view: this.lastView },
      randomBytes(16).toString("base64url"),
    );
  }

  dispose(): void {
    this.panel.dispose();
  }
}

export function registerProofView(verifier: Verifier): vscode.Disposable {
  let panel: ProofPanel | undefined;
  const command = vscode.commands.registerCommand("stile.showNormalForm", (argument: unknown) =>
    orTell(async () => {
      const place = placeOf(argument);
      if (place !== undefined) {
        panel ??= new ProofPanel(verifier, place, () => { panel = undefined; });
        await panel.show(place);
      }
    }),
  );
  return vscode.Disposable.from(command, { dispose: () => panel?.dispose() });
}
