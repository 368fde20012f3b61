import { compareInstants } from '#core';
import { targetsOf } from '#tuf';
import { kitFault } from '../faults.ts';
import { type Receipt, verifyReceiptOf } from './receipt.ts';
import type { Zone, ZoneRegister } from './zone-register.ts';

/** The mirror whose receipts are recorded. */
export interface ReceiptStream {
  readonly stream: string;
  /** The directory of the TUF repository. */
  readonly tuf: string;
}

/** What became of a receipt. */
export interface RecordedReceipt {
  readonly zone: string;
  readonly receipt: Receipt;
  /** False where it was recorded already and nothing was written. */
  readonly isNew: boolean;
}

/** How far a zone is. */
export interface ZoneStatus {
  readonly zone: Zone;
  /** Undefined where it has sent none. */
  readonly receipt: Receipt | undefined;
  /** How many snapshots are newer than what it has. */
  readonly behind: number;
}

/**
 * Records the receipt of the zone whose key signed it, before the next delta starts from it. Everything is checked
 * before anything is written.
 *
 * @param name what the receipt is called in errors
 * @param options allowOlder accepts a receipt that is older than the recorded one, of a zone that went back
 * @throws CodedError ERR_EXPORT_SIGNATURE_INVALID where no known zone signed it, ERR_EXPORT_RECEIPT_INVALID,
 *   ERR_EXPORT_STREAM_MISMATCH, ERR_EXPORT_RECEIPT_REPLAYED
 */
export function recordReceipt(
  mirror: ReceiptStream,
  register: ZoneRegister,
  bytes: Uint8Array,
  name: string,
  options: { readonly allowOlder: boolean },
): Promise<RecordedReceipt> {
  return register.exclusively(async () => {
    const { zone, receipt } = await receiptIn(mirror, register, bytes, name);
    const held = await register.readReceipt(zone, mirror.stream);
    if (held !== undefined && Buffer.from(held).equals(bytes)) return { zone, receipt, isNew: false };
    const recorded = await recordedReceipt(mirror, register, zone);
    if (recorded !== undefined && !options.allowOlder) requireNewer(receipt, recorded.receipt, name);
    await register.writeReceipt(zone, mirror.stream, bytes);
    return { zone, receipt, isNew: true };
  });
}

/**
 * A receipt of a known zone, about a snapshot that TUF lists.
 *
 * @throws CodedError as recordReceipt, but for replays
 */
export async function receiptIn(
  mirror: ReceiptStream,
  register: ZoneRegister,
  bytes: Uint8Array,
  name: string,
): Promise<{ readonly zone: string; readonly receipt: Receipt }> {
  const found = verifyReceiptOf(bytes, await register.zones(), name);
  await requireListed(mirror, found.receipt, name);
  return found;
}

/** A receipt is of this stream, and about one of its snapshots. */
async function requireListed(
  { stream, tuf }: ReceiptStream,
  { sequence, snapshot, ...receipt }: Receipt,
  name: string,
): Promise<void> {
  if (receipt.stream !== stream) {
    const hint = 'specify the mirror spec of that stream';
    throw kitFault('ERR_EXPORT_STREAM_MISMATCH', name, `of stream ${receipt.stream}, not ${stream}`, hint);
  }
  const listed = (await targetsOf(tuf, stream)).get(sequence);
  if (listed?.digest === snapshot) return;
  const what = `of snapshot ${sequence} of ${stream}, ${snapshot}, which the TUF repository of this mirror does not list`;
  const hint = 'find out which TUF repository the zone trusts; specify the mirror spec with that one';
  throw kitFault('ERR_EXPORT_RECEIPT_INVALID', name, what, hint);
}

function requireNewer(receipt: Receipt, recorded: Receipt, name: string): void {
  const isOlder = receipt.sequence < recorded.sequence || compareInstants(receipt.at, recorded.at) < 0;
  if (!isOlder) return;
  const what = `of snapshot ${receipt.sequence} at ${receipt.at}, but ${recorded.sequence} at ${recorded.at} is recorded`;
  const hint = 'get the newest receipt of the zone; if the zone went back on purpose, add --allow-older';
  throw kitFault('ERR_EXPORT_RECEIPT_REPLAYED', name, what, hint);
}

/**
 * The recorded receipt of a zone, verified once more.
 *
 * @returns undefined if the zone has sent none
 * @throws CodedError ERR_EXPORT_ZONE_UNKNOWN, and those of a receipt that is refused
 */
export async function recordedReceipt(
  mirror: ReceiptStream,
  register: ZoneRegister,
  name: string,
): Promise<{ readonly receipt: Receipt; readonly bytes: Uint8Array } | undefined> {
  return readRecorded(mirror, register, await register.zone(name));
}

async function readRecorded(mirror: ReceiptStream, register: ZoneRegister, zone: Zone) {
  const bytes = await register.readReceipt(zone.name, mirror.stream);
  if (bytes === undefined) return undefined;
  const name = register.receiptPath(zone.name, mirror.stream);
  const { receipt } = verifyReceiptOf(bytes, [zone], name);
  await requireListed(mirror, receipt, name);
  return { receipt, bytes };
}

/** How far each zone is, by name. */
export async function statusOfZones(mirror: ReceiptStream, register: ZoneRegister): Promise<readonly ZoneStatus[]> {
  const newest = Math.max(0, ...(await targetsOf(mirror.tuf, mirror.stream)).keys());
  const status: ZoneStatus[] = [];
  for (const zone of await register.zones()) {
    const receipt = (await readRecorded(mirror, register, zone))?.receipt;
    status.push({ zone, receipt, behind: newest - (receipt?.sequence ?? 0) });
  }
  return status;
}
