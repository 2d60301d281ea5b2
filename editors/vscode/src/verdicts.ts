/** What the statuses mean for the eye. Pure functions, no editor. */
import type { Range } from "vscode-languageserver-protocol";
import type { KernelStatus, Status } from "./protocol";

/** What a user has to tell apart at a glance; several statuses share one. */
export type Appearance = "proved" | "assumed" | "refuted" | "unknown" | "failed" | "pending";

const APPEARANCE: Readonly<Record<Status, Appearance>> = {
  stale: "pending",
  queued: "pending",
  running: "pending",
  proved: "proved",
  assumed: "assumed",
  refuted: "refuted",
  unknown: "unknown",
  unsupported: "unknown",
  timeout: "failed",
  crashed: "failed",
  error: "failed",
};

export function appearance(status: Status): Appearance {
  return APPEARANCE[status];
}

/** Whether a verdict promises something, so that showing it too long would be a lie. */
export function promises(status: Status): boolean {
  return status === "proved" || status === "assumed";
}

/** Whether the text of a lens promises something (INTERFACES' lens texts). */
export function isPromise(text: string): boolean {
  return text.includes("✓") || text.startsWith("⚠ proved");
}

export function inProgress(status: Status): boolean {
  return status === "queued" || status === "running";
}

export type Counts = Readonly<Record<Appearance, number>>;

export function count(kernels: readonly KernelStatus[]): Counts {
  const counts: Record<Appearance, number> = { proved: 0, assumed: 0, refuted: 0, unknown: 0, failed: 0, pending: 0 };
  for (const kernel of kernels) {
    counts[appearance(kernel.status)] += 1;
  }
  return counts;
}

function touches(kernel: Range, edit: Range): boolean {
  return edit.start.line <= kernel.end.line && edit.end.line >= kernel.start.line;
}

/**
 * The statuses right after an edit, before the server has spoken: a promise about a kernel whose
 * lines were touched is withdrawn at once. Everything else waits for the server, which knows
 * what depends on what.
 */
export function afterEdit(kernels: readonly KernelStatus[], edits: readonly Range[]): readonly KernelStatus[] {
  const broken = (kernel: KernelStatus): boolean =>
    promises(kernel.status) && edits.some((edit) => touches(kernel.range, edit));
  if (!kernels.some(broken)) {
    return kernels;
  }
  return kernels.map((kernel) => (broken(kernel) ? { ...kernel, status: "stale", message: "edited" } : kernel));
}

/** Whether a kernel that had a verdict is now waiting for one. */
export function becamePending(before: readonly KernelStatus[], after: readonly KernelStatus[]): boolean {
  const settled = new Set(before.filter((kernel) => appearance(kernel.status) !== "pending").map((kernel) => kernel.name));
  return after.some((kernel) => appearance(kernel.status) === "pending" && settled.has(kernel.name));
}

/** Whether a kernel that was promised something is not promised anything any more, or is gone. */
export function lostPromise(before: readonly KernelStatus[], after: readonly KernelStatus[]): boolean {
  const left = after.filter((kernel) => promises(kernel.status)).map((kernel) => kernel.name);
  for (const kernel of before) {
    if (promises(kernel.status)) {
      const place = left.indexOf(kernel.name);
      if (place < 0) {
        return true;
      }
      left.splice(place, 1);
    }
  }
  return false;
}
