import { BLOCK, isHeader } from './tar/header.ts';

/** How a file is packed, told by its first bytes. */
export interface Packing {
  /** As users call it. */
  readonly name: string;
  /** Whether there is a reader for it here. */
  readonly isRead: boolean;
  /** A command that unpacks it, where it is not read. */
  readonly command?: string;
}

/** Bytes that tell every packing. */
export const headBytes = BLOCK;

const zip: Packing = { name: 'zip', isRead: true };
const tar: Packing = { name: 'tar', isRead: true };
const gzip: Packing = { name: 'gzip', isRead: true };
const zstd: Packing = { name: 'zstd', isRead: true };

/** First bytes in hex. Longer ones come before those that they begin with. */
const MAGICS: readonly (readonly [hex: string, packing: Packing])[] = [
  ['504b0304', zip],
  ['504b0506', zip],
  ['1f8b08', gzip],
  ['28b52ffd', zstd],
  ['fd377a585a00', { name: 'xz', isRead: false, command: 'xz -d' }],
  ['5d00008000', { name: 'lzma', isRead: false, command: 'xz -d' }],
  ['425a68', { name: 'bzip2', isRead: false, command: 'bzip2 -d' }],
  ['377abcaf271c', { name: '7z', isRead: false, command: '7z x' }],
  ['526172211a07', { name: 'rar', isRead: false, command: 'unrar x' }],
  ['04224d18', { name: 'lz4', isRead: false, command: 'lz4 -d' }],
  ['02214c18', { name: 'lz4', isRead: false, command: 'lz4 -d' }],
  ['4c5a4950', { name: 'lzip', isRead: false, command: 'lzip -d' }],
  ['894c5a4f000d0a1a0a', { name: 'lzop', isRead: false, command: 'lzop -d' }],
  ['ff060000734e61507059', { name: 'snappy', isRead: false, command: 'snzip -d' }],
  ['1f9d', { name: 'compress (.Z)', isRead: false, command: 'gzip -d' }],
  ['4d534346', { name: 'cabinet', isRead: false, command: 'cabextract' }],
];

/** How a file that begins like this is packed; undefined where it is not packed in a way that is known here. */
export function packingOf(head: Uint8Array): Packing | undefined {
  for (const [hex, packing] of MAGICS) if (beginsWith(head, hex)) return packing;
  // A skippable frame of zstd: 0x184d2a50 to …5f, little-endian.
  if (((head[0] ?? 0) & 0xf0) === 0x50 && beginsWith(head.subarray(1), '2a4d18')) return zstd;
  const block = head.subarray(0, BLOCK);
  return block.length === BLOCK && isHeader(block) ? tar : undefined;
}

function beginsWith(bytes: Uint8Array, hex: string): boolean {
  const length = hex.length / 2;
  if (bytes.length < length) return false;
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)) return false;
  }
  return true;
}
