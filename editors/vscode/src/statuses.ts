/** The latest status of every kernel, per file; the one place that the views read it from. */
import * as vscode from "vscode";
import type { KernelStatus, StatusParams } from "./protocol";
import { afterEdit } from "./verdicts";

interface FileStatus {
  readonly version: number;
  readonly kernels: readonly KernelStatus[];
}

export interface StatusChange {
  readonly uri: vscode.Uri;
  readonly before: readonly KernelStatus[];
  readonly after: readonly KernelStatus[];
}

export class Statuses implements vscode.Disposable {
  private readonly files = new Map<string, FileStatus>();
  private readonly changed = new vscode.EventEmitter<StatusChange>();
  private readonly listeners: vscode.Disposable[];
  readonly onDidChange = this.changed.event;

  constructor() {
    this.listeners = [
      vscode.workspace.onDidChangeTextDocument((event) => {
        const known = this.files.get(event.document.uri.toString());
        if (known !== undefined && event.contentChanges.length > 0) {
          const edits = event.contentChanges.map((change) => change.range);
          this.replace(event.document.uri, { ...known, kernels: afterEdit(known.kernels, edits) });
        }
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.replace(document.uri, undefined);
      }),
    ];
  }

  of(uri: vscode.Uri): readonly KernelStatus[] {
    return this.files.get(uri.toString())?.kernels ?? [];
  }

  apply(params: StatusParams): void {
    const uri = vscode.Uri.parse(params.uri);
    const document = vscode.workspace.textDocuments.find((open) => open.uri.toString() === uri.toString());
    // What the server says of an older text must not overwrite what the user sees of this one.
    if (document === undefined || params.version < document.version) {
      return;
    }
    this.replace(uri, { version: params.version, kernels: params.kernels });
  }

  /** Without a server nothing is known: old verdicts must not stay on the screen. */
  clear(): void {
    for (const key of [...this.files.keys()]) {
      this.replace(vscode.Uri.parse(key), undefined);
    }
  }

  private replace(uri: vscode.Uri, status: FileStatus | undefined): void {
    const before = this.of(uri);
    if (status === undefined) {
      this.files.delete(uri.toString());
    } else {
      this.files.set(uri.toString(), status);
    }
    const after = this.of(uri);
    if (after !== before) {
      this.changed.fire({ uri, before, after });
    }
  }

  dispose(): void {
    vscode.Disposable.from(...this.listeners).dispose();
    this.changed.dispose();
  }
}
