import { type BudgetLimits, MemoryBudget } from './memory-budget.ts';
import { SendBuffers } from './sending/send-buffers.ts';

/** How much memory clients may use, in total and each. */
export interface LimitOptions {
  /** Request bodies that are read into memory, such as manifests. */
  readonly bodies?: BudgetLimits;
  /** Time-out of a body that is read into memory, in milliseconds. */
  readonly bodyDeadlineMs?: number;
  /** Digest lists, in bytes as they are sent, while a plan is made from them. */
  readonly digests?: BudgetLimits;
  /** Responses that are sent from memory. */
  readonly answers?: BudgetLimits;
  /** Buffers for responses that are read from the disk while they are sent, in bytes. */
  readonly sendBytes?: number;
}

const MiB = 1024 * 1024;
const BODIES: BudgetLimits = { totalBytes: 96 * MiB, clientBytes: 32 * MiB };
/** Two lists of a million digests at once; each needs about two thirds of its bytes. */
const DIGESTS: BudgetLimits = { totalBytes: 160 * MiB, clientBytes: 80 * MiB };
const ANSWERS: BudgetLimits = { totalBytes: 192 * MiB, clientBytes: 64 * MiB };
const SEND_BYTES = 64 * MiB;
const BODY_DEADLINE_MS = 60_000;

/** The memory budgets for clients. */
export class Limits {
  readonly bodies: MemoryBudget;
  readonly digests: MemoryBudget;
  readonly answers: MemoryBudget;
  readonly sending: SendBuffers;
  readonly bodyDeadlineMs: number;
  /** The client's address is taken from X-Forwarded-For. */
  readonly behindProxy: boolean;

  constructor(options: LimitOptions, behindProxy: boolean) {
    this.bodies = new MemoryBudget(options.bodies ?? BODIES);
    this.digests = new MemoryBudget(options.digests ?? DIGESTS);
    this.answers = new MemoryBudget(options.answers ?? ANSWERS);
    this.sending = new SendBuffers(options.sendBytes ?? SEND_BYTES);
    this.bodyDeadlineMs = options.bodyDeadlineMs ?? BODY_DEADLINE_MS;
    this.behindProxy = behindProxy;
  }
}
