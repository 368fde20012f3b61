import { hash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Who holds a lock or writes a temporary file, in one word that can be part of a file name: process id, when it
 * started, and where (machine, boot and pid namespace), so that a recycled id or another machine's is not mistaken.
 */
export type Owner = string & { readonly __brand: 'Owner' };

const FORM = /^(\d+)\.(\d+)\.([0-9a-f]{16})$/;

let self: Owner | undefined;
let place: string | undefined;

/** This process. */
export function thisOwner(): Owner {
  self ??= `${process.pid}.${startOf(process.pid) ?? 0}.${whereabouts()}` as Owner;
  return self;
}

/** The owner that a file name begins with. */
export function ownerIn(name: string): Owner | undefined {
  return /^\d+\.\d+\.[0-9a-f]{16}(?=\.|$)/.exec(name)?.[0] as Owner | undefined;
}

/** Whether a process still runs; undefined when it cannot be known from here. */
export function isAlive(owner: string): boolean | undefined {
  const match = FORM.exec(owner);
  if (match === null || match[3] !== whereabouts()) return undefined;
  const pid = Number(match[1]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? false : undefined;
  }
  return String(startOf(pid) ?? match[2]) === match[2];
}

/** When a process started, in ticks since boot; undefined where the system does not say. */
function startOf(pid: number): string | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name in brackets may hold spaces; field 22 is counted after it (proc(5)).
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** The machine since it booted, and the pid namespace: where process ids mean the same. */
function whereabouts(): string {
  const machine = readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')) ?? hostname();
  place ??= hash('sha256', `${machine} ${readOr(() => readlinkSync('/proc/self/ns/pid'))}`).slice(0, 16);
  return place;
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
