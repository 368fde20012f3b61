import { sealMeta } from './resize.ts';

/** A change of a valid file that makes it invalid, or leaves it valid. */
export interface Mutation {
  readonly name: string;
  apply(file: Buffer): void;
}

interface Field {
  readonly name: string;
  readonly at: number;
  readonly size: 2 | 4 | 8;
}

const [META, FREELIST, BRANCH, LEAF] = [4, 16, 1, 2];

const header = (at: number, of: string): Field[] => [
  { name: `${of}: id`, at, size: 8 },
  { name: `${of}: flags`, at: at + 8, size: 2 },
  { name: `${of}: count`, at: at + 10, size: 2 },
  { name: `${of}: overflow`, at: at + 12, size: 4 },
];

const META_FIELDS: readonly (readonly [string, number, 4 | 8])[] = [
  ['magic', 16, 4],
  ['version', 20, 4],
  ['page size', 24, 4],
  ['flags', 28, 4],
  ['root', 32, 8],
  ['sequence', 40, 8],
  ['free list', 48, 8],
  ['high-water mark', 56, 8],
  ['transaction', 64, 8],
  ['checksum', 72, 8],
];

/** Every field of a valid file, each with values that do not belong there, and changes of several fields at once. */
export function* mutationsOf(file: Buffer): Generator<Mutation> {
  const pageSize = file.readUInt32LE(24);
  const pages = Number(file.readBigUInt64LE(newestMeta(file, pageSize) + 56));
  for (const field of fieldsOf(file, pageSize)) {
    const old = read(file, field);
    for (const value of valuesFor(old, field.size, pages)) {
      yield { name: `${field.name} ${old} → ${value}`, apply: (copy) => write(copy, field, value) };
    }
  }
  yield* metaMutations(file, pageSize, pages);
  yield* cuts(file, pageSize, pages);
}

function newestMeta(file: Buffer, pageSize: number): number {
  return file.readBigUInt64LE(64) > file.readBigUInt64LE(pageSize + 64) ? 0 : pageSize;
}

function* fieldsOf(file: Buffer, pageSize: number): Generator<Field> {
  const meta = newestMeta(file, pageSize);
  yield* header(0, 'meta 0');
  yield* header(pageSize, 'meta 1');
  const freelist = Number(file.readBigUInt64LE(meta + 48)) * pageSize;
  yield* header(freelist, 'free list');
  const free = file.readUInt16LE(freelist + 10);
  for (const i of some(free)) yield { name: `free page ${i}`, at: freelist + 16 + 8 * i, size: 8 };
  yield* treeFields(file, pageSize, Number(file.readBigUInt64LE(meta + 32)));
}

function* treeFields(file: Buffer, pageSize: number, id: number): Generator<Field> {
  const at = id * pageSize;
  yield* header(at, `page ${id}`);
  const [kind, count] = [file.readUInt16LE(at + 8), file.readUInt16LE(at + 10)];
  const listed = some(count);
  for (let i = 0; i < count; i++) {
    const element = at + 16 * (1 + i);
    const name = `page ${id}, element ${i}`;
    if (kind === BRANCH) {
      if (listed.has(i)) {
        yield { name: `${name}: position`, at: element, size: 4 };
        yield { name: `${name}: key size`, at: element + 4, size: 4 };
        yield { name: `${name}: child`, at: element + 8, size: 8 };
      }
      yield* treeFields(file, pageSize, Number(file.readBigUInt64LE(element + 8)));
    } else yield* leafFields(file, pageSize, element, name, listed.has(i));
  }
}

function* leafFields(file: Buffer, size: number, at: number, name: string, isListed: boolean): Generator<Field> {
  const key = at + file.readUInt32LE(at + 4);
  const value = key + file.readUInt32LE(at + 8);
  const isBucket = file.readUInt32LE(at) === 1;
  if (isListed) {
    yield { name: `${name}: flags`, at, size: 4 };
    yield { name: `${name}: position`, at: at + 4, size: 4 };
    yield { name: `${name}: key size`, at: at + 8, size: 4 };
    yield { name: `${name}: value size`, at: at + 12, size: 4 };
    yield { name: `${name}: first bytes of the key`, at: key, size: 2 };
    if (isBucket) yield { name: `${name}: root of the bucket`, at: value, size: 8 };
  }
  if (!isBucket) return;
  const root = Number(file.readBigUInt64LE(value));
  if (root !== 0) yield* treeFields(file, size, root);
  else if (isListed) yield* inlineFields(file, value + 16, `${name}, inline bucket`);
}

function* inlineFields(file: Buffer, at: number, name: string): Generator<Field> {
  yield* header(at, name);
  for (let i = 0; i < Math.min(2, file.readUInt16LE(at + 10)); i++) {
    for (const [field, offset] of Object.entries({ flags: 0, position: 4, 'key size': 8, 'value size': 12 })) {
      yield { name: `${name}, element ${i}: ${field}`, at: at + 16 * (1 + i) + offset, size: 4 };
    }
  }
}

/** The first, one in the middle, and the last of so many. */
function some(count: number): Set<number> {
  return count === 0 ? new Set() : new Set([0, count >> 1, count - 1]);
}

function valuesFor(old: bigint, size: 2 | 4 | 8, pages: number): Set<bigint> {
  const near = [0n, 1n, 2n, old + 1n, old - 1n, BigInt(pages), 2n ** BigInt(8 * size) - 1n];
  const far = size === 8 ? [2n ** 40n] : size === 4 ? [5000n] : [];
  const values = new Set([...near, ...far].filter((value) => value >= 0n && value < 2n ** BigInt(8 * size)));
  values.delete(old);
  return values;
}

/** Fields of the metas, with and without the checksum that goes with them, in one or both. */
function* metaMutations(file: Buffer, pageSize: number, pages: number): Generator<Mutation> {
  const newest = newestMeta(file, pageSize);
  for (const [name, offset, size] of META_FIELDS) {
    const field = { name, at: newest + offset, size };
    for (const value of valuesFor(read(file, field), size, pages)) {
      const change = (copy: Buffer): void => write(copy, field, value);
      yield { name: `newest meta: ${name} → ${value}`, apply: change };
      yield {
        name: `newest meta: ${name} → ${value}, with its checksum`,
        apply: (copy) => {
          change(copy);
          sealMeta(copy.subarray(newest));
        },
      };
    }
    yield {
      name: `both metas: ${name}`,
      apply: (copy) => {
        for (const at of [0, pageSize]) copy[at + offset] = (copy[at + offset] as number) ^ 0x55;
      },
    };
  }
}

function* cuts(file: Buffer, pageSize: number, pages: number): Generator<Mutation> {
  for (const id of [0, 1]) {
    yield { name: `meta ${id} is zero`, apply: (copy) => copy.fill(0, id * pageSize, (id + 1) * pageSize) };
    yield { name: `meta ${id} holds nothing`, apply: (copy) => copy.fill(0, id * pageSize + 16, (id + 1) * pageSize) };
  }
  for (let id = 2; id < pages; id++) {
    const kind = file.readUInt16LE(id * pageSize + 8);
    if (![META, FREELIST, BRANCH, LEAF].includes(kind)) continue;
    yield { name: `page ${id} is zero`, apply: (copy) => copy.fill(0, id * pageSize, (id + 1) * pageSize) };
    yield {
      name: `page ${id} is that before it`,
      apply: (copy) => copy.copyWithin(id * pageSize, (id - 1) * pageSize, id * pageSize),
    };
  }
}

function read(file: Buffer, { at, size }: Field): bigint {
  return size === 8 ? file.readBigUInt64LE(at) : BigInt(file.readUIntLE(at, size));
}

function write(file: Buffer, { at, size }: Field, value: bigint): void {
  if (size === 8) file.writeBigUInt64LE(value, at);
  else file.writeUIntLE(Number(value), at, size);
}
