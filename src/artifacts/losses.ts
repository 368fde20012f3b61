import { createHash, type Hash } from 'node:crypto';
import type { Digest } from '#core';
import { decodeKey, encodeKey, readItems, Sorter } from '#sort';

/** Whether a whole record is left out, or a part of a record that is carried otherwise. */
export type LossScope = 'record' | 'part';

/** A record of which something is left out. */
export interface LossEntry {
  readonly record: string;
  /** How many parts of it; 1 where it is the whole record. */
  readonly parts: number;
  /** The first of them in the record (RFC 6901); empty for the whole. */
  readonly pointer: string;
}

/** What a builder leaves out for one reason, as export.json has it. */
export interface Loss {
  readonly reason: string;
  readonly scope: LossScope;
  /** How many records are concerned. */
  readonly records: number;
  /** How many parts of them; as many as records where whole records are left out. */
  readonly parts: number;
  /** SHA-256 over `record NUL parts NUL pointer LF` of each record concerned, in byte order of record. */
  readonly digest: Digest;
  /** The first `maxListed` of the records, in byte order. */
  readonly listed: readonly LossEntry[];
}

/** So many records are listed for each reason; the digest covers the others. */
export const maxListed = 1000;

const MEMORY = 4 * 1024 * 1024;

/**
 * Collects what a builder leaves out, in flat memory and in any order: entries are sorted through files in a folder of
 * the caller's.
 */
export class LossCollector<Reason extends string> {
  readonly #scopes: Readonly<Record<Reason, LossScope>>;
  readonly #sorter: Sorter;
  /** The record that was named last for a reason: parts of one record mostly come one after the other. */
  readonly #last = new Map<Reason, { readonly record: string; readonly pointer: string; parts: number }>();

  /**
   * @param folder an existing folder, whose files are the caller's to remove
   * @param scopes every reason that there is
   */
  constructor(folder: string, scopes: Readonly<Record<Reason, LossScope>>) {
    this.#scopes = scopes;
    this.#sorter = new Sorter(folder, { memory: MEMORY });
  }

  /**
   * Notes that a record, or a part of it, is left out.
   *
   * @param pointer where in the record (RFC 6901); empty for the whole. Name the parts of one record in the order in
   *   which they are there
   */
  add(reason: Reason, record: string, pointer = ''): void {
    const last = this.#last.get(reason);
    if (last?.record === record) {
      last.parts++;
      return;
    }
    if (last !== undefined) this.#sorter.add(keyOf(reason, last.record), `${last.parts}\0${last.pointer}`);
    this.#last.set(reason, { record, pointer, parts: 1 });
  }

  /** Ends the adding and puts all entries into files, for a collector of another thread to adopt. */
  async files(): Promise<readonly string[]> {
    this.#addLast();
    return this.#sorter.files();
  }

  /** Takes the entries of another collector, which are of other records. Its files must stay until this one has finished. */
  async adopt(files: readonly string[]): Promise<void> {
    await this.#sorter.adopt(files);
  }

  /** Writes entries to a file if they have become many. Call it now and then. */
  relieve(): Promise<void> {
    return this.#sorter.relieve();
  }

  /** What was left out, in byte order of reason. Nothing may be added any more. */
  async finish(): Promise<readonly Loss[]> {
    this.#addLast();
    const summary = new LossSummary();
    for await (const rows of readItems(this.#sorter)) {
      for (const { key, value } of rows) summary.add(key, value.toString('utf8'));
    }
    return summary.finish().map((loss) => ({ ...loss, scope: this.#scopes[loss.reason as Reason] }));
  }

  #addLast(): void {
    for (const [reason, { record, parts, pointer }] of this.#last) {
      this.#sorter.add(keyOf(reason, record), `${parts}\0${pointer}`);
    }
    this.#last.clear();
  }
}

/** The digest of a list of records, which an entry of `losses` has in export.json. */
export class LossDigest {
  readonly #hash: Hash = createHash('sha256');

  add({ record, parts, pointer }: LossEntry): void {
    this.#hash.update(`${record}\0${parts}\0${pointer}\n`);
  }

  /** Nothing may be added any more. */
  finish(): Digest {
    return `sha256:${this.#hash.digest('hex')}` as Digest;
  }
}

/** How many records of each reason are left out whole. */
export function recordsLeftOut(losses: readonly Loss[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    losses.filter(({ scope }) => scope === 'record').map((loss) => [loss.reason, loss.records]),
  );
}

type Summary = Omit<Loss, 'scope'>;

/** Sums up sorted entries. */
class LossSummary {
  readonly #done: Summary[] = [];
  #key = '';
  #entry: LossEntry | undefined;
  #group = newGroup('');

  add(key: string, value: string): void {
    // A member's name, and so a pointer, may hold any character.
    const end = value.indexOf('\0');
    const [parts, pointer] = [value.slice(0, end), value.slice(end + 1)];
    if (this.#entry !== undefined && key === this.#key) {
      this.#entry = { ...this.#entry, parts: this.#entry.parts + Number(parts) };
      return;
    }
    this.#closeEntry();
    const [reason = '', record = ''] = key.split('\0');
    if (reason !== this.#group.reason) this.#closeGroup(reason);
    this.#key = key;
    this.#entry = { record: decodeKey(record), parts: Number(parts), pointer };
  }

  finish(): readonly Summary[] {
    this.#closeEntry();
    this.#closeGroup('');
    return this.#done;
  }

  #closeEntry(): void {
    if (this.#entry === undefined) return;
    const group = this.#group;
    group.digest.add(this.#entry);
    group.records++;
    group.parts += this.#entry.parts;
    if (group.listed.length < maxListed) group.listed.push(this.#entry);
    this.#entry = undefined;
  }

  #closeGroup(next: string): void {
    const { digest, ...group } = this.#group;
    if (group.records > 0) this.#done.push({ ...group, digest: digest.finish() });
    this.#group = newGroup(next);
  }
}

interface Group {
  readonly reason: string;
  records: number;
  parts: number;
  readonly digest: LossDigest;
  readonly listed: LossEntry[];
}

function newGroup(reason: string): Group {
  return { reason, records: 0, parts: 0, digest: new LossDigest(), listed: [] };
}

function keyOf(reason: string, record: string): string {
  return `${reason}\0${encodeKey(record)}`;
}
