import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { CodedError, type JsonValue } from '#core';

/** As large as a spec of ten thousand repositories is. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A YAML document as a value of JSON, and where its parts stand in the file. */
export interface YamlDocument {
  readonly value: JsonValue;
  /** `line 3, column 5` of the part that a JSON pointer names, or of the nearest part around it. */
  place(pointer: string): string;
}

/**
 * Reads one YAML 1.2 document: no aliases, no tags, no member twice.
 *
 * @throws CodedError ERR_EXPORT_MIRROR_SPEC with line and column
 */
export function readYaml(bytes: Uint8Array, name: string): YamlDocument {
  if (bytes.byteLength > MAX_BYTES) throw specInvalid(name, `${bytes.byteLength} bytes, more than ${MAX_BYTES}`);
  const lines = new LineCounter();
  let document: Document;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    document = parseDocument(text, { lineCounter: lines, schema: 'core', version: '1.2', merge: false });
  } catch (cause) {
    throw specInvalid(name, 'not a YAML document in UTF-8', cause);
  }
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw specInvalid(name, firstLine(fault.message));
  return { value: jsonIn(document, name), place: (pointer) => placeOf(document, lines, pointer) };
}

function jsonIn(document: Document, name: string): JsonValue {
  try {
    return document.toJS({ maxAliasCount: 0 }) as JsonValue;
  } catch (cause) {
    throw specInvalid(name, 'it has aliases (*name), which are not supported', cause);
  }
}

function placeOf(document: Document, lines: LineCounter, pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (let depth = steps.length; ; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(steps.slice(0, depth), true);
    if (isNode(node) && node.range) {
      const { line, col } = lines.linePos(node.range[0]);
      return `line ${line}, column ${col}`;
    }
    if (depth === 0) return 'line 1';
  }
}

/** The parser shows the text around a fault on further lines. */
function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/:$/, '');
}

/** The error for a mirror spec that is not usable. */
export function specInvalid(name: string, what: string, cause?: unknown): CodedError {
  return new CodedError('ERR_EXPORT_MIRROR_SPEC', `${name}: ${what}`, {
    hint: 'compare it with examples/mirror.yaml and manifests-schema/mirror-spec.schema.json',
    details: { name },
    ...(cause === undefined ? {} : { cause }),
  });
}
