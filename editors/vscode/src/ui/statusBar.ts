/** The status bar item of the active Python file, and the menu behind it. */
import * as vscode from "vscode";
import type { Verifier } from "../client";
import { inProgress } from "../verdicts";
import { interpreterWords, isolationWords, kernelIcon, statusText, statusWords, type View } from "./statusText";

const MENU = "stile.statusMenu";

interface MenuItem extends vscode.QuickPickItem {
  readonly run?: () => Thenable<unknown>;
}

export function registerStatusBar(verifier: Verifier): vscode.Disposable {
  const item = vscode.window.createStatusBarItem("stile.status", vscode.StatusBarAlignment.Right, 100);
  item.name = "Stile";
  item.command = MENU;

  function view(document: vscode.TextDocument): View {
    const state = verifier.state;
    return {
      server: state.kind,
      ...(state.kind === "stopped" ? { reason: state.reason } : {}),
      trusted: vscode.workspace.isTrusted,
      kernels: verifier.statuses.of(document.uri),
      interpreter: verifier.interpreter,
      ...(verifier.isolation === undefined ? {} : { isolation: verifier.isolation }),
    };
  }

  function refresh(): void {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.languageId !== "python") {
      item.hide();
      return;
    }
    const shown = view(document);
    const words = statusWords(shown);
    item.text = statusText(shown);
    item.accessibilityInformation = { label: `Stile. ${words}`, role: "button" };
    const tooltip = new vscode.MarkdownString();
    tooltip.appendText(words).appendMarkdown("\n\n").appendText(interpreterWords(shown.interpreter));
    if (shown.trusted) {
      tooltip.appendMarkdown("\n\n").appendText(isolationWords(shown.isolation));
    }
    if (!shown.trusted) {
      tooltip.appendMarkdown("\n\n").appendText("This folder is not trusted: syntax and specs are checked, nothing is run.");
    }
    item.tooltip = tooltip;
    item.backgroundColor = shown.server === "stopped" ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    item.show();
  }

  async function menu(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const kernels = editor === undefined ? [] : verifier.statuses.of(editor.document.uri);
    const command = (label: string, id: string, detail?: string): MenuItem => ({
      label,
      ...(detail === undefined ? {} : { detail }),
      run: () => vscode.commands.executeCommand(id),
    });
    const items: MenuItem[] = kernels.map((kernel) => ({
      label: `${kernelIcon(kernel)} ${kernel.name}`,
      description: kernel.message === "" ? kernel.status : kernel.message,
      run: async () => {
        if (editor !== undefined) {
          const start = new vscode.Position(kernel.range.start.line, kernel.range.start.character);
          await vscode.window.showTextDocument(editor.document, { selection: new vscode.Range(start, start) });
        }
      },
    }));
    items.push({ label: "", kind: vscode.QuickPickItemKind.Separator });
    if (kernels.some((kernel) => inProgress(kernel.status))) {
      items.push(command("$(debug-stop) Cancel verification of this file", "stile.cancel"));
    }
    if (!vscode.workspace.isTrusted) {
      items.push(command("$(shield) Manage workspace trust…", "workbench.trust.manage"));
    }
    items.push(
      command("$(check-all) Prove all kernels of this file", "stile.proveAll"),
      command("$(debug-restart) Restart verifier", "stile.restart"),
      command("$(symbol-misc) Select interpreter…", "stile.selectInterpreter", interpreterWords(verifier.interpreter)),
      command("$(output) Show logs", "stile.showLogs"),
      command("$(clippy) Copy debug information", "stile.copyDebugInformation"),
    );
    const choice = await vscode.window.showQuickPick(items, { title: "Stile", placeHolder: "Go to a kernel, or choose an action" });
    await choice?.run?.();
  }

  refresh();
  return vscode.Disposable.from(
    item,
    vscode.commands.registerCommand(MENU, menu),
    vscode.window.onDidChangeActiveTextEditor(refresh),
    vscode.workspace.onDidGrantWorkspaceTrust(refresh),
    verifier.statuses.onDidChange(refresh),
    verifier.onDidChangeState(refresh),
  );
}
