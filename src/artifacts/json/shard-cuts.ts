import { hash } from 'node:crypto';

/** Bytes of its first key that name a shard: an OSV id whole, and of a VEX key enough of its hash to be unique. */
const NAME_BYTES = 40;

/** Marks a key at which no shard may begin, since its shard would have the name of the one before. */
const NEVER = -1;

/** A shard of more records than 2^k times this is cut again. */
const LONGEST = 2;

/** Shards of fewer records on average would pack badly. */
const SMALLEST_K = 5;
/** Far beyond what any set of records needs. */
const LARGEST_K = 30;

/** The name of the shard that begins at `key`: hex, since that keeps the order of keys and suits every file system. */
export function shardName(key: string): string {
  return Buffer.from(key, 'utf8').toString('hex', 0, NAME_BYTES);
}

/** How many zero bits the SHA-256 of `key` ends in, read as one big-endian number; 32 stands for more. */
function zerosOf(key: string): number {
  const tail = hash('sha256', key, 'buffer').readInt32BE(28);
  return tail === 0 ? 32 : 31 - Math.clz32(tail & -tail);
}

/**
 * Where the records of one class are cut into shards, told from their keys alone; one byte for each key.
 *
 * A shard begins at each key with at least k zero bits. A run between two such keys that has more than 2^(k+1) records
 * is cut further at its keys of most zero bits, and so on. So what comes, goes or changes touches the shards of one
 * run, a run never grows large by chance, and the cuts for k + 1 are some of the cuts for k.
 */
export class ShardCuts {
  #marks = new Int8Array(4096);
  #count = 0;
  #lastName = '';

  /** Takes in the next key, in byte order. */
  add(key: string): void {
    if (this.#count === this.#marks.length) {
      const larger = new Int8Array(this.#count * 2);
      larger.set(this.#marks);
      this.#marks = larger;
    }
    const name = shardName(key);
    this.#marks[this.#count++] = name === this.#lastName ? NEVER : zerosOf(key);
    this.#lastName = name;
  }

  /** The keys at which shards begin, by index; the first key is one of them. */
  startsFor(k: number): number[] {
    const starts: number[] = [];
    let from = 0;
    for (let i = 1; i <= this.#count; i++) {
      if (i < this.#count && this.#zerosAt(i) < k) continue;
      this.#cut(from, i, LONGEST * 2 ** k, starts);
      from = i;
    }
    return starts;
  }

  #cut(from: number, to: number, longest: number, starts: number[]): void {
    const most = to - from > longest ? this.#mostZeros(from + 1, to) : NEVER;
    if (most === NEVER) {
      starts.push(from);
      return;
    }
    let start = from;
    for (let i = from + 1; i <= to; i++) {
      if (i < to && this.#zerosAt(i) !== most) continue;
      this.#cut(start, i, longest, starts);
      start = i;
    }
  }

  #mostZeros(from: number, to: number): number {
    let most = NEVER;
    for (let i = from; i < to; i++) most = Math.max(most, this.#zerosAt(i));
    return most;
  }

  #zerosAt(index: number): number {
    return this.#marks[index] as number;
  }
}

/** The smallest k by which all classes together have `maxShards` shards or fewer; the same k for all. */
export function chooseK(classes: readonly ShardCuts[], maxShards: number): number {
  for (let k = SMALLEST_K; k < LARGEST_K; k++) {
    const count = classes.reduce((sum, cuts) => sum + cuts.startsFor(k).length, 0);
    if (count <= maxShards) return k;
  }
  return LARGEST_K;
}
