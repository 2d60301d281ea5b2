/** The life of the server process: which interpreter, start, restart, settings, statuses. */
import { homedir } from "node:os";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type CloseHandlerResult,
  type LanguageClientOptions,
} from "vscode-languageclient/node";
import { candidates, choose, existingFile, probe, type Interpreter } from "./interpreter";
import { proofViewRequest, serverCommand, isolationNotification, statusNotification, type IsolationParams, type Place, type ProofView } from "./protocol";
import { chosenByPythonExtension } from "./pythonExtension";
import { readSettings, type Settings } from "./settings";
import { Statuses } from "./statuses";
import { LensFreshness } from "./ui/lensFreshness";
import type { Logs } from "./ui/logs";

export type ServerState =
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  | { readonly kind: "stopped"; readonly reason: string };

/** The server may end this often within the window below before it is left alone. */
const RESTARTS_ALLOWED = 3;
const RESTART_WINDOW_MILLISECONDS = 3 * 60 * 1000;

export class Verifier implements vscode.Disposable {
  readonly statuses = new Statuses();
  private readonly stateChanged = new vscode.EventEmitter<ServerState>();
  readonly onDidChangeState = this.stateChanged.event;
  private readonly lensFreshness = new LensFreshness(this.statuses);
  private client: LanguageClient | undefined;
  /** Of the process that runs the kernels; undefined until one was started. */
  isolation: IsolationParams | undefined;
  private current: ServerState = { kind: "stopped", reason: "not started yet" };
  private interpreterInUse: Interpreter | undefined;
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;
  private ends: number[] = [];

  constructor(
    private readonly extension: vscode.ExtensionContext,
    private readonly logs: Logs,
  ) {}

  get state(): ServerState {
    return this.current;
  }

  get interpreter(): Interpreter | undefined {
    return this.interpreterInUse;
  }

  /** Restarts are coalesced: one under way and at most one waiting, which starts with what is true then. */
  restart(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.stopAndStart().finally(() => { this.running = undefined; });
      return this.running;
    }
    this.queued ??= this.running.then(() => {
      this.queued = undefined;
      return this.restart();
    });
    return this.queued;
  }

  /** After a change of settings or of the Python extension's choice: restarts only for another binary. */
  async interpreterMayHaveChanged(): Promise<void> {
    await this.running;
    const resolution = await this.resolveInterpreter(undefined);
    const path = "found" in resolution ? resolution.found.path : undefined;
    if (path !== this.interpreterInUse?.path || path === undefined) {
      await this.restart();
    } else {
      await this.settingsChanged();
    }
  }

  /**
   * Tells the server. Not left to the client, which would push the setting `stile.interpreter` as
   * it is written, for a moment another one than was found.
   */
  async settingsChanged(): Promise<void> {
    const settings = { stile: await this.settingsFor(undefined) };
    if (this.current.kind === "running") {
      await this.client?.sendNotification("workspace/didChangeConfiguration", { settings });
    }
  }

  async proofView(place: Place): Promise<ProofView | null> {
    const client = this.ready();
    return client.sendRequest(proofViewRequest, { textDocument: { uri: place.uri }, position: place.position });
  }

  /** Runs one of the server's commands. */
  async command(name: keyof typeof serverCommand, argument: object): Promise<unknown> {
    return this.ready().sendRequest<unknown>("workspace/executeCommand", {
      command: serverCommand[name],
      arguments: [argument],
    });
  }

  private ready(): LanguageClient {
    if (this.client === undefined || this.current.kind !== "running") {
      const why = this.current.kind === "stopped" ? `: ${this.current.reason}` : "";
      throw new Error(this.current.kind === "starting" ? "The verifier is still starting." : `The verifier is not running${why}`);
    }
    return this.client;
  }

  private async stopAndStart(): Promise<void> {
    await this.stop();
    this.become({ kind: "starting" });
    const resolution = await this.resolveInterpreter(undefined);
    if ("problem" in resolution) {
      this.interpreterInUse = undefined;
      this.become({ kind: "stopped", reason: resolution.problem });
      this.logs.error(resolution.problem);
      void this.offer(resolution.problem, "Select interpreter", "stile.selectInterpreter");
      return;
    }
    this.interpreterInUse = resolution.found;
    this.logs.info(`Interpreter: ${resolution.found.path} (Python ${resolution.found.version}, ${resolution.found.origin})`);
    const client = await this.create(resolution.found);
    this.client = client;
    client.onNotification(statusNotification, (params) => { this.statuses.apply(params); });
    client.onNotification(isolationNotification, (params) => {
      this.isolation = params;
      this.stateChanged.fire(this.current);
    });
    try {
      await client.start();
      this.become({ kind: "running" });
    } catch (error) {
      this.gaveUp(`The verifier did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private async create(interpreter: Interpreter): Promise<LanguageClient> {
    const launcher = this.extension.asAbsolutePath("bundled/start_server.py");
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: "file", language: "python" },
        { scheme: "untitled", language: "python" },
      ],
      outputChannel: this.logs.channel,
      traceOutputChannel: this.logs.trace,
      initializationOptions: {
        stile: {
          ...(await this.settingsFor(undefined)),
          clientCommands: true,
          trusted: vscode.workspace.isTrusted,
        },
      },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.closed(() => client === this.client),
      },
      middleware: {
        ...this.lensFreshness.middleware,
        workspace: {
          configuration: (params) => Promise.all(
            params.items.map((item): unknown =>
              item.section === "stile"
                ? this.settingsFor(item.scopeUri === undefined ? undefined : vscode.Uri.parse(item.scopeUri))
                : null,
            ),
          ),
        },
      },
    };
    const client: LanguageClient = new LanguageClient("stile", "Stile", { command: interpreter.path, args: ["-I", launcher] }, options);
    client.registerFeature(this.lensFreshness.feature);
    return client;
  }

  /** The settings of a resource, with the interpreter that was found in place of the one asked for. */
  private async settingsFor(resource: vscode.Uri | undefined): Promise<Settings> {
    const resolution = await this.resolveInterpreter(resource);
    const interpreter = "found" in resolution ? resolution.found.path : (this.interpreterInUse?.path ?? "");
    return { ...readSettings(resource), interpreter };
  }

  private async resolveInterpreter(resource: vscode.Uri | undefined): ReturnType<typeof choose> {
    const folder =
      (resource === undefined ? undefined : vscode.workspace.getWorkspaceFolder(resource)) ?? vscode.workspace.workspaceFolders?.[0];
    const scope = resource ?? folder?.uri;
    const options = candidates({
      pythonExtension: await chosenByPythonExtension(scope),
      setting: readSettings(scope).interpreter,
      folder: folder?.uri.scheme === "file" ? folder.uri.fsPath : undefined,
      trusted: vscode.workspace.isTrusted,
      home: homedir(),
      searchPath: process.env["PATH"] ?? "",
    });
    return choose(options, existingFile, probe);
  }

  /** The process ended without being asked to. */
  private closed(stillInUse: () => boolean): CloseHandlerResult {
    const nothing = { action: CloseAction.DoNotRestart, handled: true };
    if (this.current.kind !== "running" || !stillInUse()) {
      // While it starts, `start` itself fails; once replaced, nobody misses it.
      return nothing;
    }
    this.statuses.clear();
    const now = Date.now();
    this.ends = [...this.ends.filter((end) => now - end < RESTART_WINDOW_MILLISECONDS), now];
    if (this.ends.length <= RESTARTS_ALLOWED) {
      this.logs.warn("The verifier ended unexpectedly and is started again.");
      this.become({ kind: "starting" });
      // A restart of our own, not the client's: the interpreter may be what has gone.
      setTimeout(() => {
        if (stillInUse()) {
          void this.restart();
        }
      }, 500 * this.ends.length);
    } else {
      this.gaveUp(`The verifier ended ${this.ends.length} times within three minutes and was not started again.`);
    }
    return nothing;
  }

  private gaveUp(reason: string): void {
    this.logs.error(reason);
    this.become({ kind: "stopped", reason });
    void this.offer(reason, "Restart verifier", "stile.restart");
  }

  private async offer(message: string, action: string, command: string): Promise<void> {
    const choice = await vscode.window.showErrorMessage(message, action, "Show logs");
    if (choice !== undefined) {
      await vscode.commands.executeCommand(choice === action ? command : "stile.showLogs");
    }
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.statuses.clear();
    try {
      await client?.dispose();
    } catch (error) {
      // A server that cannot be stopped politely has been killed by then; the new one does not care.
      this.logs.warn(`Stopping the verifier: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private become(state: ServerState): void {
    this.current = state;
    this.stateChanged.fire(state);
  }

  async shutdown(): Promise<void> {
    await this.stop();
  }

  dispose(): void {
    this.lensFreshness.dispose();
    this.statuses.dispose();
    this.stateChanged.dispose();
  }
}
