import { type Digest, encodeCanonical, hexOf, type JsonObject } from '#core';
import { encodeLayoutTar, layoutTarBytes, type TarFile } from '#oci/layout';
import type { MirrorPart } from './mirror-part.generated.ts';

/** The files in the tar of a part, in this order. */
export const partPaths = { data: 'data', part: 'part.json', signature: 'part.json.sig' } as const;

/** What all parts of a kit have in common. */
export type PartsOfKit = Pick<
  MirrorPart,
  'kit' | 'stream' | 'sequence' | 'checksums' | 'tarBytes' | 'partBytes' | 'parts'
>;

/** Whether parts are of one kit, cut in one way. */
export function isOneKit(a: PartsOfKit, b: PartsOfKit): boolean {
  const members = ['kit', 'stream', 'sequence', 'checksums', 'tarBytes', 'partBytes', 'parts'] as const;
  return members.every((member) => a[member] === b[member]);
}

/** What the files of a kit's parts are called, without number and ending. */
export function partsName({ stream, sequence, kit }: { stream: string; sequence: number; kit: Digest }): string {
  return `${stream}.${sequence}-${hexOf(kit).slice(0, 8)}`;
}

/** The file of a part, and the list of all of them. */
export function partFileName(name: string, part: number): string {
  return `${name}-${String(part).padStart(4, '0')}.tar`;
}

/** What the file of a part of any kit is called. */
export const partFilePattern: RegExp = /^[a-z0-9-]{1,64}\.[0-9]{1,9}-[0-9a-f]{8}-[0-9]{4}\.tar$/;

/** The bytes of part.json. */
export function encodePart(part: MirrorPart): Uint8Array {
  // Interfaces have no index signature, so the compiler does not see that this holds nothing but JSON.
  return encodeCanonical(part as unknown as JsonObject);
}

/** What comes before the slice in the file of a part, and what comes after it. */
export async function encodeFrame(
  sizeBytes: number,
  rest: ReadonlyMap<string, Uint8Array>,
): Promise<{ readonly before: Buffer; readonly after: Buffer }> {
  const data: TarFile = { path: partPaths.data, size: sizeBytes, content: none() };
  const others = [...rest].map(([path, bytes]) => ({ path, size: bytes.byteLength, content: only(bytes) }));
  const endBytes = await layoutTarBytes([]);
  const paddedBytes = (await layoutTarBytes([data])) - endBytes;
  const padding = (512 - (sizeBytes % 512)) % 512;
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeLayoutTar([data, ...others])) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const headBytes = paddedBytes - sizeBytes - padding;
  return { before: bytes.subarray(0, headBytes), after: bytes.subarray(headBytes) };
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
