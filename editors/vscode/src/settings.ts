/** The settings as the server wants them: the tree under `stile`, by INTERFACES' names. */
import * as vscode from "vscode";

export interface Settings {
  readonly interpreter: string;
  readonly verify: { readonly mode: string; readonly debounce: number; readonly timeout: number };
  readonly worker: { readonly memory: number };
  readonly inlayHints: { readonly shapes: boolean; readonly normalForm: boolean };
  readonly codeLens: boolean;
  readonly gutter: boolean;
  readonly trace: { readonly server: string };
}

export function readSettings(resource: vscode.Uri | undefined): Settings {
  const section = vscode.workspace.getConfiguration("stile", resource);
  return {
    interpreter: section.get("interpreter", ""),
    verify: {
      mode: section.get("verify.mode", "onChange"),
      debounce: section.get("verify.debounce", 200),
      timeout: section.get("verify.timeout", 10),
    },
    worker: { memory: section.get("worker.memory", 4096) },
    inlayHints: {
      shapes: section.get("inlayHints.shapes", true),
      normalForm: section.get("inlayHints.normalForm", false),
    },
    codeLens: section.get("codeLens", true),
    gutter: section.get("gutter", true),
    trace: { server: section.get("trace.server", "off") },
  };
}
