import {
  type Document,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
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
 * Reads one YAML 1.2 document: no anchors, no aliases, no tags, no member twice.
 *
 * @throws CodedError ERR_EXPORT_MIRROR_SPEC with line and column
 */
export function readYaml(bytes: Uint8Array, name: string): YamlDocument {
  if (bytes.byteLength > MAX_BYTES) throw specInvalid(name, `${bytes.byteLength} bytes, more than ${MAX_BYTES}`);
  const lines = new LineCounter();
  let document: Document;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Its own search for members that are there twice compares each with all others.
    document = parseDocument(text, {
      lineCounter: lines,
      schema: 'core',
      version: '1.2',
      merge: false,
      uniqueKeys: false,
    });
  } catch (cause) {
    throw specInvalid(name, 'not a YAML document in UTF-8', cause);
  }
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw specInvalid(name, firstLine(fault.message));
  refuseUnsupported(document, lines, name);
  return { value: document.toJS() as JsonValue, place: (pointer) => placeOf(document, lines, pointer) };
}

/** Refuses what YAML has and JSON has not, but for comments and forms of writing. */
function refuseUnsupported(document: Document, lines: LineCounter, name: string): void {
  const refuse = (node: Node, what: string) => {
    throw specInvalid(name, `${positionOf(node, lines)}: ${what}`);
  };
  const refuseMarks = (_: unknown, node: Scalar | YAMLMap | YAMLSeq) => {
    if (node.tag !== undefined) refuse(node, `a tag (${node.tag}), which is not supported`);
    if (node.anchor !== undefined) refuse(node, 'an anchor (&name), which is not supported');
  };
  visit(document, {
    Alias: (_, node) => refuse(node, 'an alias (*name), which is not supported'),
    Scalar: refuseMarks,
    Seq: refuseMarks,
    Map: (at, map) => {
      refuseMarks(at, map);
      const names = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || typeof key.value !== 'string') {
          return refuse(isNode(key) ? key : map, 'the name of a member is not a text');
        }
        if (names.has(key.value)) refuse(key, `${JSON.stringify(key.value)} is there twice`);
        names.add(key.value);
      }
    },
  });
}

function positionOf(node: Node, lines: LineCounter): string {
  const { line, col } = lines.linePos(node.range?.[0] ?? 0);
  return `line ${line}, column ${col}`;
}

function placeOf(document: Document, lines: LineCounter, pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  for (let depth = steps.length; ; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(steps.slice(0, depth), true);
    if (isNode(node) && node.range) return positionOf(node, lines);
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
