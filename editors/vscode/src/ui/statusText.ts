/** What the status bar item says. Pure functions, no editor. */
import type { Interpreter } from "../interpreter";
import type { IsolationParams, KernelStatus } from "../protocol";
import { appearance, count, inProgress, type Appearance } from "../verdicts";

/** Codicons, worst last so that trouble stands at the end of the item where it is seen. */
export const ICON: Readonly<Record<Appearance, string>> = {
  proved: "$(check)",
  assumed: "$(warning)",
  unknown: "$(question)",
  failed: "$(error)",
  refuted: "$(x)",
  pending: "$(history)",
};

const WORD: Readonly<Record<Appearance, string>> = {
  proved: "proved",
  assumed: "proved under assumptions",
  unknown: "unknown or unsupported",
  failed: "failed",
  refuted: "refuted",
  pending: "stale",
};

const ORDER: readonly Appearance[] = ["pending", "proved", "assumed", "unknown", "failed", "refuted"];

export interface View {
  readonly server: "starting" | "running" | "stopped";
  readonly reason?: string;
  readonly trusted: boolean;
  readonly kernels: readonly KernelStatus[];
  readonly interpreter: Interpreter | undefined;
  /** Of the process that runs the kernels; undefined until one was started. */
  readonly isolation?: IsolationParams;
}

export function statusText(view: View): string {
  if (view.server === "starting") {
    return "$(sync~spin) Stile";
  }
  if (view.server === "stopped") {
    return "$(error) Stile";
  }
  const open = view.isolation !== undefined && view.isolation.level !== "isolated";
  const name = view.trusted ? (open ? "$(unlock) Stile" : "Stile") : "$(shield) Stile";
  if (view.kernels.length === 0) {
    return name;
  }
  const counts = count(view.kernels);
  const busy = view.kernels.some((kernel) => inProgress(kernel.status));
  const parts = ORDER.filter((kind) => counts[kind] > 0).map((kind) => {
    const icon = kind === "pending" && busy ? "$(sync~spin)" : ICON[kind];
    return `${icon} ${counts[kind]}`;
  });
  return [name, ...parts].join(" ");
}

/** The same for screen readers and for the tooltip: words in place of icons. */
export function statusWords(view: View): string {
  if (view.server === "starting") {
    return "The verifier is starting.";
  }
  if (view.server === "stopped") {
    return `The verifier is not running: ${view.reason ?? "it was stopped"}`;
  }
  if (view.kernels.length === 0) {
    return "No kernels in this file.";
  }
  const counts = count(view.kernels);
  const busy = view.kernels.some((kernel) => inProgress(kernel.status));
  const parts = ORDER.filter((kind) => counts[kind] > 0).map(
    (kind) => `${counts[kind]} ${kind === "pending" && busy ? "being verified" : WORD[kind]}`,
  );
  return `Kernels: ${parts.join(", ")}.`;
}

export function interpreterWords(interpreter: Interpreter | undefined): string {
  return interpreter === undefined
    ? "No interpreter."
    : `Python ${interpreter.version}: ${interpreter.path} (${interpreter.origin})`;
}

export function isolationWords(isolation: IsolationParams | undefined): string {
  return isolation === undefined ? "No kernel was run yet." : `Kernels are run ${isolation.message}.`;
}

export function kernelIcon(kernel: KernelStatus): string {
  return inProgress(kernel.status) ? "$(sync~spin)" : ICON[appearance(kernel.status)];
}
