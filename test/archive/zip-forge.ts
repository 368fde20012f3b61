import { crc32, deflateRawSync } from 'node:zlib';

/** An entry of a zip archive written by hand, honest unless told to lie. */
export interface ForgedEntry {
  readonly name: string | Uint8Array;
  readonly content?: Uint8Array | string;
  readonly stored?: boolean;
  /** Crc and sizes follow the content, and are 0 in the local header. */
  readonly descriptor?: boolean;
  /** Sizes and offset in 64 bits, in both headers. */
  readonly wide?: boolean;
  /** The upper half of the external attributes. */
  readonly mode?: number;
  /** Fields that differ from the truth: in the directory, and in the local header unless `local` says otherwise. */
  readonly lie?: Lie;
  readonly local?: Lie & { readonly name?: string };
  /** Bytes in place of the packed content. */
  readonly packed?: Uint8Array;
}

interface Lie {
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly packed?: number;
  readonly size?: number;
  readonly offset?: number;
}

export interface ForgedArchive {
  readonly comment?: Uint8Array;
  /** Order of the directory, by index of entry. */
  readonly order?: readonly number[];
  /** A zip64 end record. */
  readonly wide?: boolean;
  /** Fields of the end record that differ from the truth. */
  readonly end?: { readonly count?: number; readonly offset?: number; readonly size?: number; readonly disk?: number };
}

/** Writes a zip archive from the format's own description, sharing no code with the reader. */
export function forgeZip(entries: readonly ForgedEntry[], archive: ForgedArchive = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { local, central } = forgeEntry(entry, offset);
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(
    archive.order === undefined ? centrals : archive.order.map((at) => centrals[at] ?? Buffer.alloc(0)),
  );
  return Buffer.concat([...locals, directory, forgeEnd(archive, entries.length, offset, directory.length)]);
}

function forgeEntry(entry: ForgedEntry, offset: number): { local: Buffer; central: Buffer } {
  const content = Buffer.from(entry.content ?? '');
  const packed = Buffer.from(entry.packed ?? (entry.stored ? content : deflateRawSync(content)));
  const name = Buffer.from(entry.name);
  const utf8 = name.some((byte) => byte > 0x7f) && typeof entry.name === 'string' ? 0x800 : 0;
  const truth = {
    method: entry.stored ? 0 : 8,
    flags: utf8 | (entry.descriptor ? 8 : 0),
    crc: crc32(content),
    packed: packed.length,
    size: content.length,
    offset,
  };
  const central = { ...truth, ...entry.lie };
  const unknown = entry.descriptor ? { crc: 0, packed: 0, size: 0 } : {};
  const local = { ...central, ...unknown, ...entry.local };
  const localName = Buffer.from(entry.local?.name ?? name);
  const descriptor = Buffer.alloc(entry.descriptor ? 16 : 0);
  if (entry.descriptor) {
    descriptor.writeUInt32LE(0x08074b50, 0);
    descriptor.writeUInt32LE(truth.crc, 4);
    descriptor.writeUInt32LE(truth.packed, 8);
    descriptor.writeUInt32LE(truth.size, 12);
  }
  return {
    local: Buffer.concat([localHeader(local, localName, entry.wide ?? false), packed, descriptor]),
    central: centralHeader(central, name, entry.wide ?? false, entry.mode ?? 0),
  };
}

type Fields = Required<Lie>;

function localHeader(fields: Fields, name: Buffer, wide: boolean): Buffer {
  const extra = wide ? wideExtra([fields.size, fields.packed]) : Buffer.alloc(0);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(wide ? 45 : 20, 4);
  writeShared(header, 6, fields, wide);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function centralHeader(fields: Fields, name: Buffer, wide: boolean, mode: number): Buffer {
  const extra = wide ? wideExtra([fields.size, fields.packed, fields.offset]) : Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 45, 4);
  header.writeUInt16LE(wide ? 45 : 20, 6);
  writeShared(header, 8, fields, wide);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(((mode & 0xffff) << 16) >>> 0, 38);
  header.writeUInt32LE(wide ? 0xffffffff : fields.offset, 42);
  return Buffer.concat([header, name, extra]);
}

/** Flags, method, time, date, crc and sizes lie alike in both headers. */
function writeShared(header: Buffer, at: number, fields: Fields, wide: boolean): void {
  header.writeUInt16LE(fields.flags, at);
  header.writeUInt16LE(fields.method, at + 2);
  header.writeUInt32LE(0x5a210000, at + 4);
  header.writeUInt32LE(fields.crc, at + 8);
  header.writeUInt32LE(wide ? 0xffffffff : fields.packed, at + 12);
  header.writeUInt32LE(wide ? 0xffffffff : fields.size, at + 16);
}

function wideExtra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => {
    extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  });
  return extra;
}

function forgeEnd(archive: ForgedArchive, entries: number, start: number, length: number): Buffer {
  const { count = archive.order?.length ?? entries, offset = start, size = length, disk = 0 } = archive.end ?? {};
  const comment = Buffer.from(archive.comment ?? '');
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(disk, 4);
  end.writeUInt16LE(archive.wide ? 0xffff : count, 8);
  end.writeUInt16LE(archive.wide ? 0xffff : count, 10);
  end.writeUInt32LE(archive.wide ? 0xffffffff : size, 12);
  end.writeUInt32LE(archive.wide ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  if (!archive.wide) return Buffer.concat([end, comment]);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(start + length), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator, end, comment]);
}
