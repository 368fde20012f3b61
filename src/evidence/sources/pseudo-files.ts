/** AppleDouble (RFC 1740, appendix A and B) and its one-file form: what macOS lays beside a file as `._name`. */
const APPLE = [0x00051607, 0x00051600];

/** How the file `.DS_Store` begins. */
const FINDER = '0000000142756431';

/** Folders in which archivers of macOS and old unpackers of pax archives leave what is no file of the archive. */
const MACOS_FOLDER = /(?:^|\/)__MACOSX\//;
const PAX_FOLDER = /(?:^|\/)PaxHeaders?(?:\.\d+)?\//;
/** A pax record: its length, a key, a value. */
const PAX_RECORD = /^\d{1,7} [A-Za-z][A-Za-z0-9._-]{0,100}=/;

/**
 * What a file is that packing or unpacking left, by its content: a record of that name would have other content.
 * Undefined for files of somebody's own.
 */
export function pseudoFile(name: string, head: Uint8Array): string | undefined {
  if (head.length >= 4 && APPLE.includes(Buffer.from(head.subarray(0, 4)).readUInt32BE(0))) {
    return 'AppleDouble metadata of macOS';
  }
  if (Buffer.from(head.subarray(0, 8)).toString('hex') === FINDER) return 'Finder settings of macOS';
  const isPax = PAX_FOLDER.test(name) && PAX_RECORD.test(Buffer.from(head.subarray(0, 128)).toString('latin1'));
  return isPax ? 'a pax header that an unpacker left as a file' : undefined;
}

/** The same for a file that is too large to look at, by its name alone. */
export function pseudoFileByName(name: string): string | undefined {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return base.startsWith('._') || MACOS_FOLDER.test(name) ? 'by its name AppleDouble metadata of macOS' : undefined;
}
