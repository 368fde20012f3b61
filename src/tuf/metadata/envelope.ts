import { type Instant, instantFrom, isCoded, type JsonValue, parseJson } from '#core';
import { metadataInvalid } from '../faults.ts';
import { encodeOlpc } from './canonical.ts';
import { parseKeyid } from './keys.ts';
import { JsonNode } from './node.ts';

/** What all documents of TUF have. */
export interface Signed {
  readonly version: number;
  /** To the second. */
  readonly expires: Instant;
}

/** A document with its signatures, as it came: nothing is ever encoded a second time. */
export interface Envelope<T extends Signed = Signed> {
  /** What the document is called in an error. */
  readonly name: string;
  /** As published. */
  readonly bytes: Uint8Array;
  /** What is signed: the canonical form of `signed`. */
  readonly message: Uint8Array;
  /** By keyid. */
  readonly signatures: ReadonlyMap<string, Uint8Array>;
  readonly signed: T;
}

/** More signatures than any role here has keys. */
const MAX_SIGNATURES = 128;
const MAX_DEPTH = 32;
/** DER of P-256 has at most 72 bytes, RSA 8192 has 1,024. Empty: a place for a signature to come, as of tuf-on-ci. */
const SIGNATURE = /^(?:[0-9a-f]{2}){0,1024}$/;
const VERSION = /^1\.\d{1,4}(?:\.\d{1,4})?$/;
const EXPIRES = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The version of the specification that our documents name. */
export const specVersion = '1.0.34';

/**
 * A document of one type, checked against the schema before anything else looks at it.
 *
 * @param name what the document is called in an error
 * @param type undefined for any; and the size of the document in bytes
 * @throws CodedError ERR_EXPORT_TUF_INVALID
 */
export function parseEnvelope<T extends Signed>(
  bytes: Uint8Array,
  name: string,
  type: {
    readonly type: string | undefined;
    readonly maxBytes: number;
    readonly parse: (signed: JsonNode, head: Signed) => T;
  },
): Envelope<T> {
  const root = new JsonNode(readStrict(bytes, name, type.maxBytes), name);
  const signatures = new Map<string, Uint8Array>();
  for (const node of root.member('signatures').list(MAX_SIGNATURES)) {
    const keyid = parseKeyid(node.member('keyid'));
    if (signatures.has(keyid)) throw node.fault('a second signature of one keyid');
    signatures.set(keyid, Buffer.from(node.member('sig').text(SIGNATURE, 'a signature in lower-case hex'), 'hex'));
  }
  const signed = root.member('signed');
  const kind = signed.member('_type');
  if (type.type !== undefined && kind.value !== type.type) throw kind.fault(`expected the type ${type.type}`);
  const message = messageOf(signed);
  return { name, bytes, message, signatures, signed: type.parse(signed, parseHead(signed)) };
}

/** A document of any type, of which only the head is read. @throws CodedError ERR_EXPORT_TUF_INVALID */
export function parseAnyDocument(bytes: Uint8Array, name: string, maxBytes: number): Envelope {
  return parseEnvelope(bytes, name, { type: undefined, maxBytes, parse: (_, head) => head });
}

function readStrict(bytes: Uint8Array, name: string, maxBytes: number): JsonValue {
  if (bytes.length > maxBytes) throw metadataInvalid(name, `${bytes.length} bytes, more than ${maxBytes}`);
  try {
    return parseJson(bytes, name, { maxBytes, maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!isCoded(error)) throw error;
    throw metadataInvalid(name, 'not strict JSON', error);
  }
}

function messageOf(signed: JsonNode): Uint8Array {
  try {
    return encodeOlpc(signed.object());
  } catch (error) {
    if (error instanceof RangeError) throw signed.fault(`${error.message} is in it`);
    throw error;
  }
}

function parseHead(signed: JsonNode): Signed {
  signed.member('spec_version').text(VERSION, 'a version 1 of the specification');
  return { version: signed.member('version').integer(1), expires: parseExpires(signed.member('expires')) };
}

function parseExpires(node: JsonNode): Instant {
  const instant = instantFrom(node.text(EXPIRES, 'a time such as 2026-08-22T00:00:00Z'));
  if (instant === undefined) throw node.fault('not a real date');
  return instant;
}
