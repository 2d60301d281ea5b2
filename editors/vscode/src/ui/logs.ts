/** The output channels “Stile” (what the server logs) and “Stile Trace” (messages, on request). */
import * as vscode from "vscode";

export class Logs implements vscode.Disposable {
  readonly channel = vscode.window.createOutputChannel("Stile", { log: true });
  readonly trace = new TraceChannel();

  show(): void {
    this.channel.show(true);
  }

  info(message: string): void {
    this.channel.info(message);
  }

  warn(message: string): void {
    this.channel.warn(message);
  }

  error(message: string): void {
    this.channel.error(message);
  }

  dispose(): void {
    this.channel.dispose();
    this.trace.dispose();
  }
}

/**
 * A channel that traces exactly while `stile.trace.server` is not off. The client traces by the
 * log level of its channel, which users would have to set by hand a second time.
 */
class TraceChannel implements vscode.LogOutputChannel {
  readonly name = "Stile Trace";
  private channel: vscode.OutputChannel | undefined;
  private readonly levelChanged = new vscode.EventEmitter<vscode.LogLevel>();
  readonly onDidChangeLogLevel = this.levelChanged.event;
  private readonly listener = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration("stile.trace.server")) {
      this.levelChanged.fire(this.logLevel);
    }
  });

  get logLevel(): vscode.LogLevel {
    const wanted = vscode.workspace.getConfiguration("stile").get<string>("trace.server", "off");
    return wanted === "off" ? vscode.LogLevel.Off : vscode.LogLevel.Trace;
  }

  private get lines(): vscode.OutputChannel {
    this.channel ??= vscode.window.createOutputChannel(this.name);
    return this.channel;
  }

  trace(message: string): void {
    this.appendLine(message);
  }

  debug(message: string): void {
    this.appendLine(message);
  }

  info(message: string): void {
    this.appendLine(message);
  }

  warn(message: string): void {
    this.appendLine(message);
  }

  error(error: string | Error): void {
    this.appendLine(error instanceof Error ? (error.stack ?? error.message) : error);
  }

  append(value: string): void {
    this.lines.append(value);
  }

  appendLine(value: string): void {
    this.lines.appendLine(`${new Date().toISOString()} ${value}`);
  }

  replace(value: string): void {
    this.lines.replace(value);
  }

  clear(): void {
    this.channel?.clear();
  }

  show(): void {
    this.lines.show(true);
  }

  hide(): void {
    this.channel?.hide();
  }

  dispose(): void {
    this.listener.dispose();
    this.levelChanged.dispose();
    this.channel?.dispose();
  }
}
