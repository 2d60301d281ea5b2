/**
 * The server's own messages. Mirrors stile_lsp/messages.py; the statuses mirror
 * `Status` of stile_engine/proof/verdict.py.
 */
import { NotificationType, RequestType, type Position, type Range } from "vscode-languageserver-protocol";

export const STATUSES = [
  "stale",
  "queued",
  "running",
  "proved",
  "assumed",
  "refuted",
  "unknown",
  "unsupported",
  "timeout",
  "crashed",
  "error",
] as const;

export type Status = (typeof STATUSES)[number];

/** One kernel of a file, with what the server knows of it at `StatusParams.version`. */
export interface KernelStatus {
  readonly name: string;
  readonly range: Range;
  readonly status: Status;
  readonly message: string;
}

/** All kernels of a file. */
export interface StatusParams {
  readonly uri: string;
  readonly version: number;
  readonly kernels: readonly KernelStatus[];
}

export const statusNotification = new NotificationType<StatusParams>("stile/status");

/** How far the process that runs kernels is kept from everything else, as it was tried when it started. */
export interface IsolationParams {
  readonly interpreter: string;
  readonly level: "isolated" | "partly isolated" | "not isolated";
  readonly message: string;
}

export const isolationNotification = new NotificationType<IsolationParams>("stile/isolation");

/** Mathematics in two notations. */
export interface Formula {
  readonly text: string;
  readonly latex: string;
  /** The formula on one line of Unicode, which reads better than the spec syntax of `text`. */
  readonly unicode?: string;
}

export interface ProofViewParams {
  readonly textDocument: { readonly uri: string };
  readonly position: Position;
}

/** What is known of the kernel, or of the value in it, at a position; null where there is no value. */
export interface ProofView {
  readonly shapeType: Formula | null;
  readonly exprType: Formula | null;
  readonly normalForm: Formula | null;
  readonly specNormalForm: Formula | null;
  readonly difference: Formula | null;
  readonly obligations: readonly Formula[] | null;
}

export const proofViewRequest = new RequestType<ProofViewParams, ProofView | null, void>("stile/proofView");

/** Commands of the server (executeCommandProvider). */
export const serverCommand = {
  prove: "stile.server.prove",
  proveAgainst: "stile.server.proveAgainst",
  proveAll: "stile.server.proveAll",
  normalForm: "stile.server.normalForm",
  cancel: "stile.server.cancel",
  restartWorker: "stile.server.restartWorker",
  debugInformation: "stile.server.debugInformation",
} as const;

/** Argument of the commands that speak of one place in a file; code lenses carry it too. */
export interface Place {
  readonly uri: string;
  readonly position: Position;
}
