/** An entry of a tar archive written by hand, honest unless told to lie. */
export interface ForgedFile {
  readonly name: string;
  readonly content?: Uint8Array | string;
  /** One character; `0` is a file. */
  readonly type?: string;
  /** The size field as it is written, where it is not the octal length of the content. */
  readonly size?: Uint8Array | string;
  readonly prefix?: string;
  /** `ustar\0` and version unless told; empty for the oldest form. */
  readonly magic?: string;
  /** Sum the header's bytes as signed numbers, as some old writers do. */
  readonly signedSum?: boolean;
}

/** Writes a tar archive from the format's own description, sharing no code with reader or writer. */
export function forgeTar(files: readonly ForgedFile[]): Buffer {
  return Buffer.concat([...files.flatMap(forgeFile), Buffer.alloc(1024)]);
}

/** One entry, without the end of an archive. */
export function forgeFile(file: ForgedFile): Buffer[] {
  const content = Buffer.from(file.content ?? '');
  const block = Buffer.alloc(512);
  block.write(file.name, 0, 100);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  const size = file.size ?? `${content.length.toString(8).padStart(11, '0')}\0`;
  block.set(typeof size === 'string' ? Buffer.from(size, 'latin1') : size, 124);
  block.write('00000000001\0', 136);
  block.write(file.type ?? '0', 156, 'latin1');
  block.write(file.magic ?? 'ustar\x0000', 257, 'latin1');
  block.write(file.prefix ?? '', 345, 155);
  block.fill(0x20, 148, 156);
  const sum = [...(file.signedSum ? new Int8Array(block) : block)].reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
}

/** An extended header with these records, for the entry that follows it. */
export function forgePax(records: Readonly<Record<string, string>>, type: 'x' | 'g' = 'x'): ForgedFile {
  const lines = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return { name: 'PaxHeader', type, content: lines.join('') };
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + 1;
  while (String(length).length + restBytes !== length) length++;
  return `${length}${rest}`;
}
