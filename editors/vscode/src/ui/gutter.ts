/** A mark for each kernel beside its name and in the overview ruler (setting `stile.gutter`). */
import * as vscode from "vscode";
import type { Verifier } from "../client";
import { appearance, type Appearance } from "../verdicts";

const COLOUR: Readonly<Record<Appearance, string>> = {
  proved: "testing.iconPassed",
  assumed: "editorWarning.foreground",
  refuted: "testing.iconFailed",
  unknown: "testing.iconQueued",
  failed: "testing.iconErrored",
  pending: "testing.iconSkipped",
};

const APPEARANCES = Object.keys(COLOUR) as Appearance[];

export function registerGutter(context: vscode.ExtensionContext, verifier: Verifier): vscode.Disposable {
  const types = new Map(
    APPEARANCES.map((kind) => [
      kind,
      vscode.window.createTextEditorDecorationType({
        gutterIconPath: vscode.Uri.joinPath(context.extensionUri, "media", "gutter", `${kind}.svg`),
        gutterIconSize: "70%",
        overviewRulerColor: new vscode.ThemeColor(COLOUR[kind]),
        overviewRulerLane: vscode.OverviewRulerLane.Left,
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
      }),
    ]),
  );

  function draw(editor: vscode.TextEditor): void {
    if (editor.document.languageId !== "python") {
      return;
    }
    const wanted = vscode.workspace.getConfiguration("stile").get<boolean>("gutter", true);
    const kernels = wanted ? verifier.statuses.of(editor.document.uri) : [];
    for (const [kind, type] of types) {
      const ranges = kernels
        .filter((kernel) => appearance(kernel.status) === kind)
        .map((kernel) => new vscode.Range(kernel.range.start.line, 0, kernel.range.start.line, 0));
      editor.setDecorations(type, ranges);
    }
  }

  function drawAll(): void {
    vscode.window.visibleTextEditors.forEach(draw);
  }

  drawAll();
  return vscode.Disposable.from(
    ...types.values(),
    vscode.window.onDidChangeVisibleTextEditors(drawAll),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("stile.gutter")) {
        drawAll();
      }
    }),
    verifier.statuses.onDidChange((change) => {
      vscode.window.visibleTextEditors
        .filter((editor) => editor.document.uri.toString() === change.uri.toString())
        .forEach(draw);
    }),
  );
}
