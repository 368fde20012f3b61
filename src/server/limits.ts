import { type BudgetLimits, MemoryBudget } from './memory-budget.ts';
import { SendBuffers } from './send-buffers.ts';

/** What clients may take up of this process, all of them and each of them. */
export interface LimitOptions {
  /** Bodies that are read as a whole, such as manifests. */
  readonly bodies?: BudgetLimits;
  /** A body that is read as a whole must have come by then, in milliseconds. */
  readonly bodyDeadlineMs?: number;
  /** Answers that are sent from memory. */
  readonly answers?: BudgetLimits;
  /** Answers that are read from the disk while they are sent, in bytes. */
  readonly sendBytes?: number;
}

const MiB = 1024 * 1024;
const BODIES: BudgetLimits = { totalBytes: 96 * MiB, clientBytes: 32 * MiB };
const ANSWERS: BudgetLimits = { totalBytes: 192 * MiB, clientBytes: 64 * MiB };
const SEND_BYTES = 64 * MiB;
const BODY_DEADLINE_MS = 60_000;
/** What is held in memory for clients. */
export class Limits {
  readonly bodies: MemoryBudget;
  readonly answers: MemoryBudget;
  readonly sending: SendBuffers;
  readonly bodyDeadlineMs: number;
  /** Clients are told apart by X-Forwarded-For. */
  readonly behindProxy: boolean;

  constructor(options: LimitOptions, behindProxy: boolean) {
    this.bodies = new MemoryBudget(options.bodies ?? BODIES);
    this.answers = new MemoryBudget(options.answers ?? ANSWERS);
    this.sending = new SendBuffers(options.sendBytes ?? SEND_BYTES);
    this.bodyDeadlineMs = options.bodyDeadlineMs ?? BODY_DEADLINE_MS;
    this.behindProxy = behindProxy;
  }
}
